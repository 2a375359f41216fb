#pragma once
// Whether the world still is what a model learned: its inputs against those of training (population stability index),
// and its errors on one query over time. Units: natural logarithms of time ratios.
// Not thread-safe while observing.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "prediction/dataset.hpp"

namespace pganalytics::prediction {

/// How the features of a data set are spread: ten bins at the deciles of training, and one for missing.
class FeatureSpread {
  public:
    [[nodiscard]] static FeatureSpread learn(const Dataset& data);

    struct Drift {
        std::string feature;
        double index = 0;      ///< population stability index
        double threshold = 0;  ///< above it: drifted
    };
    /// Features whose spread in `current` is another one, the furthest first. Threshold: 0.2, the usual "moved", above
    /// what chance reaches in 99 % at these sample sizes (Yurdakul 2018).
    [[nodiscard]] std::vector<Drift> drifted(const Dataset& current) const;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is none.
    [[nodiscard]] static base::Result<FeatureSpread> from_json(const nlohmann::json& json);

  private:
    struct Bins {
        std::vector<double> edges;   ///< rising; a value belongs to the first edge it does not exceed
        std::vector<double> shares;  ///< edges + 1, and missing last
    };
    [[nodiscard]] static std::vector<double> shares_of(const Bins& bins, const Dataset& data, std::size_t feature);

    std::vector<Bins> bins_;  ///< by feature
    double samples_ = 0;
};

/// Errors of one query, interval by interval: tells a lasting change of level from noise. Each of the latest 5 to 20
/// intervals' sum is set against how far it wanders in normal times (generalised likelihood ratio over a window,
/// Willsky & Jones 1976, Lai 1995), so a change is found when it is large enough for its age. Normal times are learned
/// on the way, robustly and from what is older than the window, so that the beginning of a change does not become
/// normal: level, noise, and how far one error resembles the one before. A model that is always 20 % off is no drift,
/// nor a busy hour.
///
/// How rarely it may cry wolf is a matter of days, not of intervals: where intervals are hours, fewer of them go by,
/// and the same promise leaves more power to find a change. The threshold follows Siegmund & Venkatraman (1995).
class ErrorDrift {
  public:
    struct Options {
        double least_shift = 0.35;               ///< of the median: less than ×1.4 is worth no alarm
        double days_between_false_alarms = 120;  ///< on average
        double run_length = 170'000;             ///< the same in intervals, where no times are told
        std::size_t learn = 30;                  ///< intervals before any alarm
    };
    ErrorDrift() : ErrorDrift(Options{}) {}
    explicit ErrorDrift(const Options& options) : options_(options) {}

    struct Shift {
        double log_factor = 0;
        std::size_t intervals = 0;  ///< since it began, the present one among them; at most the window
    };
    /// log(actual / predicted) of one interval; the shift where one is found; what is normal then is the new level.
    /// `at`: when the interval began; the epoch where unknown.
    [[nodiscard]] std::optional<Shift> observe(double log_error, base::Timestamp at = {});

    /// What it has learned, to go on with after a restart. fix_input where it is not that.
    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static base::Result<ErrorDrift> from_json(const nlohmann::json& json);

  private:
    void learn(double log_error);
    void learn_shape(double log_error);
    [[nodiscard]] double in_noise(double log_error) const;
    [[nodiscard]] double threshold() const;

    Options options_;
    std::vector<double> first_;  ///< until `learn` are there
    std::deque<double> window_;  ///< newest last
    double level_ = 0, noise_ = 0;
    double weight_ = 0, level_weight_ = 0;          ///< intervals that noise and level were learned from
    double last_ = 0, products_ = 0, squares_ = 0;  ///< of errors in noise: with the one before, with themselves
    base::Timestamp begun_{}, latest_{};
    double intervals_ = 0;
};

}  // namespace pganalytics::prediction
