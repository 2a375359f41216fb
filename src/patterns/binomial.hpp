#pragma once
// Binomial tail, in logs, since schedules that hold for months have probabilities below any double.

#include <cstddef>

namespace pganalytics::patterns {

/// log P(at least `hits` of `trials`) where each hits with probability `rate`.
[[nodiscard]] double log_binomial_tail(std::size_t hits, std::size_t trials, double rate);

}  // namespace pganalytics::patterns
