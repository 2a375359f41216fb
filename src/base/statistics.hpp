#pragma once
// Order statistics that several capabilities rest on. Pure functions, thread-safe, no errors; NaN of nothing.

#include <vector>

namespace pganalytics::base {

/// Linear between order statistics (Hyndman & Fan 1996, type 7); `probability` is held to 0 … 1.
[[nodiscard]] double quantile(std::vector<double> values, double probability);
[[nodiscard]] double median(std::vector<double> values);

}  // namespace pganalytics::base
