#include "patterns/weekday_groups.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <random>

#include "patterns/detect.hpp"

namespace pganalytics::patterns {
namespace {

using testing::ElementsAre;

// Hours from Monday 2024-01-01 00:00 UTC on; `level` of weekday and hour, with 3 % of noise.
template <typename Level>
Series hours(std::size_t days, unsigned seed, Level level) {
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(1, 0.03);
    Series series;
    series.begins = base::Timestamp(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1));
    for (std::size_t hour = 0; hour < 24 * days; ++hour) {
        series.values.push_back(level(hour / 24 % 7, hour % 24) * noise(random));
    }
    return series;
}

double office(std::size_t weekday, std::size_t hour) {
    const bool is_busy_hour = hour >= 8 && hour < 17;
    return weekday < 5 && is_busy_hour ? 1000 : 100;
}

TEST(WeekdayGroups, AWeekendIsSeenInEightDays) {
    const auto groups = weekday_groups(*day_table(hours(8, 1, office)));
    ASSERT_TRUE(groups);
    EXPECT_THAT(groups->busy(), ElementsAre(0, 1, 2, 3, 4));
}

TEST(WeekdayGroups, AQuietWednesdaySeenOnceMayBeAnIncident) {
    const auto quiet_wednesday = [](std::size_t weekday, std::size_t hour) {
        return office(weekday == 2 ? 6 : 0, hour);
    };
    EXPECT_FALSE(weekday_groups(*day_table(hours(8, 2, quiet_wednesday))));
    EXPECT_TRUE(weekday_groups(*day_table(hours(16, 2, quiet_wednesday))));
}

TEST(WeekdayGroups, DaysThatAreAlikeHaveNone) {
    for (const std::size_t days : {6, 8, 14, 30}) {
        EXPECT_FALSE(weekday_groups(*day_table(hours(days, 3, [](std::size_t, std::size_t) { return 100; }))));
    }
}

TEST(DaysAlike, GiveAQuietDayTheCourseOfABusyOne) {
    const Series series = hours(14, 4, office);
    const auto alike = days_alike(series);
    ASSERT_TRUE(alike);
    const std::size_t saturday_noon = 5 * 24 + 12;
    const std::size_t saturday_night = 5 * 24 + 2;
    EXPECT_NEAR(alike->series.values[saturday_noon], 1000, 60);
    EXPECT_NEAR(alike->series.values[saturday_night], 100, 20);
    for (std::size_t t = 0; t < series.size(); ++t) {
        EXPECT_DOUBLE_EQ(alike->series.values[t], series.values[t] + alike->added[t]);
        const bool is_working_day = t / 24 % 7 < 5;
        EXPECT_TRUE(alike->added[t] == 0 || !is_working_day);
    }
}

TEST(DaysAlike, DoNotTakeOneBusyDayForTheUsualOne) {
    const auto weekly_job = [](std::size_t weekday, std::size_t hour) {
        return weekday == 6 && hour == 20 ? 1000.0 : 1.0;
    };
    EXPECT_FALSE(days_alike(hours(28, 5, weekly_job)));
}

TEST(DaysAlike, LeaveNoIncidentsInAnOrdinaryWeekendAndNoPeriodsBesideTheDay) {
    for (const std::size_t days : {8, 10, 14, 18, 24}) {
        const Detection found = detect_in_series(hours(days, 6, office), true);
        EXPECT_TRUE(found.outliers.empty()) << days << " days";
        bool has_day = false;
        for (const Pattern& pattern : found.patterns) {
            EXPECT_NE(pattern.type, PatternType::periodic) << days << " days, " << pattern.description;
            has_day = has_day || pattern.type == PatternType::daily_cycle;
        }
        EXPECT_TRUE(has_day) << days << " days";
    }
}

TEST(DaysAlike, LeaveAnIncidentOnAWeekendOne) {
    Series series = hours(28, 7, office);
    const std::size_t second_sunday_noon = 13 * 24 + 12;
    series.values[second_sunday_noon] = 700;
    const Detection found = detect_in_series(series, true);
    ASSERT_EQ(found.outliers.size(), 1U);
    EXPECT_EQ(found.outliers[0].begins, series.time_at(second_sunday_noon));
    EXPECT_DOUBLE_EQ(found.outliers[0].value, 700);
    EXPECT_NEAR(found.outliers[0].expected, 100, 20);
}

}  // namespace
}  // namespace pganalytics::patterns
