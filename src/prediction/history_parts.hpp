#pragma once
// What history is learned and asked with. Internal to `history`.

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/units.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::prediction::history_parts {

/// Of a normal distribution: standard deviation a mean absolute deviation, and the variance of a median of n runs
/// against that of one.
inline constexpr double deviation_a_mean = 1.2533, median_penalty = 1.5708;
inline constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

inline double days_between(base::Timestamp from, base::Timestamp to) {
    return std::chrono::duration<double>(to - from).count() / 86'400;
}

/// Median of rising values without one of them.
inline double median_without(const std::vector<double>& rising, std::size_t left_out) {
    const std::size_t count = rising.size() - 1;
    const auto at = [&](std::size_t k) { return rising[k < left_out ? k : k + 1]; };
    return count % 2 == 1 ? at(count / 2) : (at(count / 2 - 1) + at(count / 2)) / 2;
}

inline double median_of_sorted(const std::vector<double>& rising) {
    const std::size_t half = rising.size() / 2;
    return rising.size() % 2 == 1 ? rising[half] : (rising[half - 1] + rising[half]) / 2;
}

/// Standard deviation of two values or more, by absolute distances from their median; which is made of them and so lies
/// too close to them.
inline double robust_deviation(const std::vector<double>& values) {
    const double middle = median(values), count = static_cast<double>(values.size());
    double sum = 0;
    for (const double value : values) sum += std::abs(value - middle);
    return deviation_a_mean * sum / count * std::sqrt(count / (count - 1));
}

}  // namespace pganalytics::prediction::history_parts
