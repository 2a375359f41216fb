#include "workflow/quiet_window.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

patterns::Series hours(std::size_t days, double quiet) {
    patterns::Series series;
    series.begins = base::parse_rfc3339("2026-11-01T05:00:00Z").value();
    for (std::size_t i = 0; i < days * 24; ++i) {
        const std::size_t hour = (i + 5) % 24;
        series.values.push_back(hour == 23 || hour == 0 ? quiet : 100);
    }
    return series;
}

TEST(QuietWindow, IsFoundAcrossMidnight) {
    const auto window = quietest_hours(hours(14, 10));
    ASSERT_TRUE(window);
    EXPECT_EQ(window->begins_hour, 23);
    EXPECT_NEAR(window->share, 10 / (2210.0 / 24), 0.02);
    EXPECT_NE(to_words(*window).find("23:00 to 01:00 UTC"), std::string::npos) << to_words(*window);
}

TEST(QuietWindow, IsNotInventedWhereTheLoadIsEvenOrTooLittleIsKnown) {
    EXPECT_FALSE(quietest_hours(hours(14, 95)));
    EXPECT_FALSE(quietest_hours(hours(6, 10)));
    auto holes = hours(14, 10);
    for (std::size_t i = 0; i < holes.size(); ++i) {
        if ((i + 5) % 24 == 12) holes.values[i] = patterns::gap();
    }
    EXPECT_FALSE(quietest_hours(holes));
}

/// A daily window of half an hour from `minute` of the day on.
patterns::WeekMinutes daily(int minute) {
    patterns::PatternMetadata job;
    job.start_minute = minute;
    job.duration_minutes = 30;
    job.period_hours = 24;
    return patterns::planned_minutes(job);
}

TEST(QuietStart, IsTheQuietestFreeOneNearestToThePresent) {
    // 23:00 to 01:00 is quiet; half of it is taken.
    const auto start = quietest_start(hours(14, 10), daily(120), daily(30) | daily(23 * 60), 1440);
    ASSERT_TRUE(start);
    EXPECT_LT(start->share, 0.2);
    EXPECT_GT(start->share_now, 1);
    EXPECT_TRUE((patterns::moved_by(daily(120), start->later_minutes) & (daily(30) | daily(23 * 60))).none());
    EXPECT_LT(start->later_minutes, 0);
}

TEST(QuietStart, IsNotFoundWhereEverythingIsTakenOrEveryHourIsBusier) {
    EXPECT_FALSE(quietest_start(hours(14, 10), daily(120), patterns::WeekMinutes().set(), 1440));
    const auto only_busy_free =
        ~(daily(600) | patterns::moved_by(daily(600), 30) | patterns::moved_by(daily(600), -30));
    EXPECT_FALSE(quietest_start(hours(14, 10), daily(0), only_busy_free, 1440));
}

}  // namespace
}  // namespace pganalytics::workflow
