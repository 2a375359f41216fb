#pragma once
// An hourly series by day (UTC). Pure functions, thread-safe.

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "patterns/series.hpp"

namespace pganalytics::patterns {

/// Days with too many gaps are left out.
struct DayTable {
    std::vector<std::array<double, 24>> days;  ///< NaN is a gap
    std::vector<int> weekdays;                 ///< 0 Monday..6 Sunday, UTC
};

/// The series in whole UTC days. Finer sampling is summed to hours; none for steps above an hour.
[[nodiscard]] std::optional<DayTable> day_table(const Series& series);

/// Mean and population variance of what is known (NaN is left out).
struct Moments {
    double mean = 0;
    double variance = 0;
    std::size_t count = 0;
};
[[nodiscard]] Moments moments(std::span<const double> values);

/// 0 Monday..6 Sunday of the day in which `time` lies, UTC.
[[nodiscard]] int weekday_of(base::Timestamp time);

}  // namespace pganalytics::patterns
