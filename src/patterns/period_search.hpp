#pragma once
// The search behind patterns/periodicity.hpp, one idea a file:
//   period_model.cpp       the model as it stands: fit, winsorised residual, lines that come too near
//   period_candidates.cpp  what comes in: lines, bends and steps, modulation, beats
//   period_noise.cpp       what stays: groups and trend weighed against noise, with the search counted
//   period_families.cpp    what is told: overtones, sidebands and products of two periods are not
//   periodicity.cpp        what is confirmed: autocorrelation, agreement of the parts; and the description
// Internal to this module. Time in samples, frequencies in cycles a sample. Not thread-safe; one search is one series.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "patterns/harmonic_model.hpp"
#include "patterns/noise_test.hpp"
#include "patterns/periodicity.hpp"
#include "patterns/robust.hpp"

namespace pganalytics::patterns {

class PeriodSearch {
  public:
    PeriodSearch(std::span<const double> values, const PeriodOptions& options)
        : options_(options), values_(interpolated(values)), known_(values.size()), model_(values.size()) {
        for (std::size_t t = 0; t < values.size(); ++t) known_[t] = !std::isnan(values[t]);
        known_count_ = static_cast<std::size_t>(std::count(known_.begin(), known_.end(), true));
    }

    Decomposition run(std::span<const double> original);

  private:
    /// Lines a bin apart hardly overlap any more in longer ones, and a joint fit costs too much.
    static constexpr std::size_t long_series = 2500;
    static constexpr int maximum_harmonic = 16;

    struct Line {
        double frequency = 0;
        double gain = 0;  ///< by how much it lowers the sum of squares
    };

    [[nodiscard]] double bin() const { return 1.0 / static_cast<double>(values_.size()); }
    [[nodiscard]] double lowest() const { return options_.minimum_cycles * bin(); }
    [[nodiscard]] double highest() const { return 1.0 / options_.minimum_samples; }

    [[nodiscard]] bool is_long() const { return values_.size() > long_series; }
    [[nodiscard]] std::vector<double> winsorised() const;
    void refit(std::size_t rounds);
    void fit_changed(std::size_t group);
    void remove_group(std::size_t group);
    bool untangle();
    void update_residual();
    [[nodiscard]] bool gross_are_states() const;
    bool extend();
    [[nodiscard]] bool beats(std::size_t group) const;
    bool split_one();
    [[nodiscard]] std::size_t lines() const;
    [[nodiscard]] double detrended_square() const;
    [[nodiscard]] std::optional<Line> pick_line(const RedNoise& noise, double free_gain) const;
    std::size_t add_line(double frequency, const RedNoise& noise);
    std::optional<std::size_t> merge_modulation(const RedNoise& noise);
    [[nodiscard]] bool is_near_line(double frequency, double bins) const;
    [[nodiscard]] bool is_overtone_line(double frequency) const;
    void refine_all();
    void extend_to_the_end();
    void extend_all();
    void search();
    [[nodiscard]] std::vector<bool> reported() const;
    [[nodiscard]] std::vector<double> line_amplitudes() const;
    [[nodiscard]] bool is_overtone(std::size_t of, std::size_t candidate, const std::vector<double>& amplitudes) const;
    [[nodiscard]] bool is_intermodulation(std::size_t candidate, const std::vector<bool>& keep,
                                          const std::vector<double>& amplitudes) const;
    void drop_insignificant();
    [[nodiscard]] double free_samples() const;
    [[nodiscard]] double likelihood_ratio(std::size_t group, const RedNoise& full) const;
    [[nodiscard]] double log_searched(std::size_t pairs) const;
    [[nodiscard]] double penalty(const HarmonicGroup& group) const;
    [[nodiscard]] double criterion(const RedNoise& noise) const;
    [[nodiscard]] std::vector<double> margins(const RedNoise& full) const;
    double choose_along_path();
    [[nodiscard]] double local_background(double frequency, const RedNoise& noise,
                                          const std::vector<double>& power) const;
    [[nodiscard]] std::vector<double> without_others(std::size_t group) const;
    [[nodiscard]] bool autocorrelation_agrees(std::span<const double> alone, double period, double& at_period) const;
    [[nodiscard]] bool blocks_agree(std::span<const double> alone, std::span<const double> wave) const;
    [[nodiscard]] std::optional<Period> describe(std::size_t group) const;

    PeriodOptions options_;
    std::vector<double> values_;  // gaps interpolated
    std::vector<bool> known_;
    std::size_t known_count_ = 0;
    HarmonicModel model_;
    HarmonicFit fit_;
    std::vector<double> total_;     // of the fit
    std::vector<double> residual_;  // winsorised; 0 in gaps
    std::vector<double> log_p_;     // one a group, after drop_insignificant
    double scale_ = 0;
    double without_any_ = INFINITY;  // criterion of a straight line and noise
    bool has_states_ = false;
    bool may_step_ = true;
};

}  // namespace pganalytics::patterns
