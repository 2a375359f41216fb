#pragma once
// Trend (level, slope, bends, steps) plus groups of harmonics, fitted by least squares. The building block of the
// period search (patterns/periodicity.hpp); knows nothing of noise or outliers. Time in samples, frequencies in cycles
// per sample. Not thread-safe while being changed.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pganalytics::patterns {

/// One periodic wave: sine and cosine at whole multiples of one frequency.
struct HarmonicGroup {
    double frequency = 0;
    std::vector<int> harmonics;  ///< 1, 2, …; ascending, not empty
    /// Not 0: this group was inferred from the sidebands of a stronger period that is its `carrier_order`th harmonic.
    int carrier_order = 0;
};

struct TrendTerm {
    enum class Kind { step, bend } kind = Kind::step;
    std::size_t at = 0;
};

struct HarmonicFit {
    std::vector<double> trend;
    std::vector<std::vector<double>> waves;  ///< one a group
    [[nodiscard]] std::vector<double> total() const;
};

class HarmonicModel {
  public:
    explicit HarmonicModel(std::size_t size) : size_(size) {}

    std::vector<HarmonicGroup> groups;
    std::vector<TrendTerm> trend;

    [[nodiscard]] std::size_t size() const { return size_; }
    /// Least squares on `values`, free of NaN.
    [[nodiscard]] HarmonicFit fit(std::span<const double> values) const;
    /// For long series, where different lines hardly overlap: each group (`only`: that one), then the trend, on what
    /// the others leave, each line by projection. `fit` is updated in place and must have a wave for every group.
    void backfit(std::span<const double> values, HarmonicFit& fit, std::optional<std::size_t> only = {}) const;
    /// Frequency of one group from the turn of phase between the two halves of what the others leave.
    void refine_group(std::span<const double> values, const HarmonicFit& fit, std::size_t group);
    /// One Gauss–Newton step of all frequencies together; returns the largest move, in 1/size.
    double refine(std::span<const double> values);

  private:
    std::size_t size_;
};

/// 2/n · |Σ x_t e^{-2πi f t}|²: by how much one sinusoid at `frequency` lowers the sum of squares (0.5: half of it).
[[nodiscard]] double sinusoid_gain(std::span<const double> values, double frequency);

}  // namespace pganalytics::patterns
