#pragma once
// Days of the week that go together: the busy ones and, where there are two clear groups, the quiet ones (a weekend).
// A quiet day lacks the waves of the busy ones, so a model of one day and one week sees an incident in each of its
// missing hours, and lines beside the day's in the spectrum. Brought to the busy days' usual course, both are gone, and
// a week need not be watched three times for it. Weekdays are UTC's, 0 is Monday. Pure functions, thread-safe.

#include <array>
#include <optional>
#include <vector>

#include "patterns/day_table.hpp"

namespace pganalytics::patterns {

struct WeekdayGroups {
    std::array<bool, 7> is_quiet{};
    [[nodiscard]] std::vector<int> busy() const;
};

/// Absent where the days of the week are alike, or a weekday is not known. Where some weekday was seen only once, none
/// but Friday to Sunday are taken for quiet: any other quiet day may as well be an incident.
[[nodiscard]] std::optional<WeekdayGroups> weekday_groups(const DayTable& table);

struct AlikeDays {
    Series series;              ///< quiet days with the course of busy ones, their own deviations kept
    std::vector<double> added;  ///< to each value; 0 on busy days
};

/// Absent where there are no groups, fewer than four weekdays are busy, or the step does not divide the day.
[[nodiscard]] std::optional<AlikeDays> days_alike(const Series& series);

}  // namespace pganalytics::patterns
