#pragma once
// Whether the days of the week differ, by the level of whole days. Where quiet days lack the busy hours of the others,
// the week is mostly in lines beside those of the day, and a search for its own line can miss it; the levels of the
// days cannot.
//
// One-way analysis of variance of the logarithms of the days' means (of the means themselves where one is not above 0)
// over the seven weekdays (UTC), as a likelihood ratio with Bartlett's correction for short series (Bartlett 1937).
// Pure functions, thread-safe.

#include <optional>

#include "patterns/series.hpp"

namespace pganalytics::patterns {

struct WeekdayLevels {
    double swing = 0;       ///< half of highest to lowest weekday's mean
    double strength = 0;    ///< share of the variation of the hours that lies between weekdays
    double recurrence = 0;  ///< share of weeks whose days follow the mean week
    double p_value = 1;
};

/// Absent where fewer than 20 whole days (three weeks, but the one in two parts) are known, or the days do not differ
/// beyond chance (1 in 10,000: days next to each other go together, which the test does not know).
[[nodiscard]] std::optional<WeekdayLevels> weekday_levels(const Series& series);

}  // namespace pganalytics::patterns
