#pragma once
// Order statistics that the fits, the intervals and the scores share.

#include <span>
#include <vector>

#include "base/statistics.hpp"

namespace pganalytics::prediction {

using base::median;
using base::quantile;
/// Smallest value that the weights up to it reach `probability` of their sum; infinity where they never do.
[[nodiscard]] double weighted_quantile(std::span<const double> values, std::span<const double> weights,
                                       double probability);

/// Between the lower and the upper weighted median, as an unweighted one of an even number is. Takes one sort; not
/// empty.
[[nodiscard]] double weighted_median(std::span<const double> values, std::span<const double> weights);

}  // namespace pganalytics::prediction
