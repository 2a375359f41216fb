#include "patterns/weekday_levels.hpp"

#include <gtest/gtest.h>

#include <random>

namespace pganalytics::patterns {
namespace {

Series month(auto&& level, unsigned seed) {
    Series series{base::Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}}, base::Seconds{3600}, {}};
    std::mt19937_64 engine(seed);
    std::normal_distribution<> normal;
    double day_factor = 1;
    for (std::size_t t = 0; t < 720; ++t) {
        if (t % 24 == 0) day_factor = 1 + 0.05 * normal(engine);
        series.values.push_back(level(t / 24) * day_factor * (1 + 0.1 * normal(engine)));
    }
    return series;
}

TEST(WeekdayLevels, QuietWeekendsAreAWeek) {
    const auto found = weekday_levels(month([](std::size_t day) { return day % 7 < 5 ? 100.0 : 60.0; }, 1));
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->swing, 20, 4);
    EXPECT_GT(found->strength, 0.5);
    EXPECT_EQ(found->recurrence, 1);
}

TEST(WeekdayLevels, DaysThatScatterAreNone) {
    int false_weeks = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        if (weekday_levels(month([](std::size_t) { return 100.0; }, seed))) ++false_weeks;
    }
    EXPECT_LE(false_weeks, 1);
}

TEST(WeekdayLevels, TwoWeeksSayNothing) {
    Series series = month([](std::size_t day) { return day % 7 < 5 ? 100.0 : 10.0; }, 1);
    series.values.resize(14 * 24);
    EXPECT_FALSE(weekday_levels(series));
}

}  // namespace
}  // namespace pganalytics::patterns
