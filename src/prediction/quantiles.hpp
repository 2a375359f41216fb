#pragma once
// Order statistics that the fits, the intervals and the scores share.

#include <span>
#include <vector>

namespace pganalytics::prediction {

/// Linear between order statistics (Hyndman & Fan's type 7); NaN of nothing.
[[nodiscard]] double quantile(std::vector<double> values, double probability);
[[nodiscard]] double median(std::vector<double> values);
/// Smallest value that the weights up to it reach `probability` of their sum; infinity where they never do.
[[nodiscard]] double weighted_quantile(std::span<const double> values, std::span<const double> weights,
                                       double probability);

}  // namespace pganalytics::prediction
