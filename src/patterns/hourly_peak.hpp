#pragma once
// Hours of the day (UTC) that stand above the others, day after day.
//
// An hour is a peak if its mean lies above mean + 1σ of the 24 hour means and if that is no accident: with each day
// turned by a random number of hours its mean would vary with variance Σ s_d² / D², whatever the days' own
// autocorrelation; Šidák over 24 hours. Where weekdays fall in two clear groups, the busier one is looked at.
// recurrence: share of days on which the hour lies above its day's mean by at least half of its usual excess;
// variance: coefficient of variation of the hour over those days. Thread-safe, never fails.

#include <array>
#include <span>
#include <vector>

#include "patterns/day_table.hpp"

namespace pganalytics::patterns {

struct HourMeans {
    std::array<double, 24> mean{};
    double grand_mean = 0;
    double sigma = 0;  ///< of the 24 means
    [[nodiscard]] double z_score(int hour) const;
};

/// Over the days whose weekday is in `weekdays` (empty: all).
[[nodiscard]] HourMeans hour_means(const DayTable& table, std::span<const int> weekdays);

struct HourlyPeak {
    int hour = 0;
    double variance = 0;
    double consistency = 0;
    double recurrence = 0;
    double z_score = 0;
    double p_value = 1;
    std::size_t days = 0;       ///< looked at
    std::vector<int> weekdays;  ///< of the busier group; empty: all days alike
};

/// All significant peaks, whatever their confidence.
[[nodiscard]] std::vector<HourlyPeak> find_hourly_peaks(const DayTable& table, double significance);

}  // namespace pganalytics::patterns
