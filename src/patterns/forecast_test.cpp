#include "patterns/forecast.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "patterns/accuracy.hpp"

namespace pganalytics::patterns {
namespace {

std::vector<double> office(std::size_t hours, unsigned seed, double noise = 5) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<> draw(0, noise);
    std::vector<double> values(hours);
    for (std::size_t t = 0; t < hours; ++t) {
        const double day = std::sin(2 * std::numbers::pi * static_cast<double>(t % 24) / 24);
        values[t] = 100 + (t / 24 % 7 < 5 ? 40 : 10) * (1 + day) + draw(engine);
    }
    return values;
}

TEST(Forecast, follows_the_day_and_the_week) {
    const std::vector<double> all = office(5 * 168 + 48, 1);
    const std::span<const double> history = std::span(all).first(5 * 168);
    const auto made = forecast(history, 48);
    ASSERT_TRUE(made);
    ASSERT_EQ(made->points.size(), 48U);
    std::vector<double> means;
    for (const ForecastPoint& point : made->points) means.push_back(point.mean);
    EXPECT_LT(*smape(std::span(all).last(48), means), 5);
    EXPECT_EQ(made->seasons, (std::vector<double>{24, 168}));
    EXPECT_GE(made->windows_tried, 3U);
    double sum = 0;
    for (const MethodWeight& method : made->methods) sum += method.weight;
    EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(Forecast, has_intervals_that_hold) {
    std::size_t in_80 = 0;
    std::size_t in_95 = 0;
    std::size_t all_points = 0;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        const std::vector<double> all = office(5 * 168 + 24, seed);
        const auto made = forecast(std::span(all).first(5 * 168), 24);
        ASSERT_TRUE(made);
        for (std::size_t h = 0; h < 24; ++h) {
            const ForecastPoint& point = made->points[h];
            const double value = all[5 * 168 + h];
            in_80 += value >= point.lower_80 && value <= point.upper_80 ? 1 : 0;
            in_95 += value >= point.lower_95 && value <= point.upper_95 ? 1 : 0;
            ++all_points;
        }
    }
    EXPECT_NEAR(static_cast<double>(in_80) / static_cast<double>(all_points), 0.80, 0.08);
    EXPECT_NEAR(static_cast<double>(in_95) / static_cast<double>(all_points), 0.95, 0.04);
}

TEST(Forecast, lives_with_gaps) {
    std::vector<double> all = office(4 * 168 + 24, 2);
    for (std::size_t t = 0; t < 4 * 168; ++t) {
        if (t % 11 == 0 || (t > 300 && t < 340)) all[t] = std::nan("");
    }
    const auto made = forecast(std::span(all).first(4 * 168), 24);
    ASSERT_TRUE(made);
    std::vector<double> means;
    for (const ForecastPoint& point : made->points) means.push_back(point.mean);
    EXPECT_LT(*smape(std::span(all).last(24), means), 8);
}

TEST(Forecast, needs_three_values) {
    EXPECT_FALSE(forecast(std::vector<double>{1, 2}, 5));
    EXPECT_FALSE(forecast(std::vector<double>(50, std::nan("")), 5));
    EXPECT_TRUE(forecast(std::vector<double>{1, 2, 3}, 5));
}

TEST(Forecast, of_a_constant_is_the_constant) {
    const auto made = forecast(std::vector<double>(400, 7.0), 24);
    ASSERT_TRUE(made);
    for (const ForecastPoint& point : made->points) {
        EXPECT_NEAR(point.mean, 7, 1e-6);
        EXPECT_NEAR(point.upper_95, 7, 1e-6);
    }
}

TEST(Forecast, stands_values_whose_squares_no_double_holds) {
    for (const double unit : {1e300, 1e-300}) {
        std::vector<double> values = office(400, 3);
        for (double& value : values) value *= unit;
        const auto made = forecast(values, 24);
        ASSERT_TRUE(made);
        for (const ForecastPoint& point : made->points) {
            EXPECT_GT(point.mean, 10 * unit);
            EXPECT_LT(point.upper_95, 1000 * unit);
        }
    }
}

TEST(Forecast, sees_a_day_in_two) {
    const std::vector<double> all = office(64, 4);
    const auto made = forecast(std::span(all).first(40), 24);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->seasons, std::vector<double>{24});
    std::vector<double> means;
    for (const ForecastPoint& point : made->points) means.push_back(point.mean);
    EXPECT_LT(*smape(std::span(all).last(24), means), 20);
}

RC_GTEST_PROP(Forecast, stands_any_series, (const std::vector<int>& raw)) {
    std::vector<double> values;
    for (const int each : raw) values.push_back(each % 13 == 0 ? std::nan("") : each % 500);
    const auto made = forecast(values, 7);
    if (!made) return;
    for (const ForecastPoint& point : made->points) {
        RC_ASSERT(std::isfinite(point.mean) && std::isfinite(point.lower_95) && std::isfinite(point.upper_95));
        RC_ASSERT(point.lower_95 <= point.lower_80 && point.lower_80 <= point.mean);
        RC_ASSERT(point.mean <= point.upper_80 && point.upper_80 <= point.upper_95);
    }
}

TEST(CalendarSeasons, follow_the_sampling) {
    EXPECT_EQ(calendar_seasons(base::Seconds{3600}), (std::vector<std::size_t>{24, 168}));
    EXPECT_EQ(calendar_seasons(base::Seconds{300}), (std::vector<std::size_t>{288, 2016}));
    EXPECT_EQ(calendar_seasons(base::Seconds{86400}), (std::vector<std::size_t>{7}));
    EXPECT_EQ(calendar_seasons(base::Seconds{30.44 * 86400}), (std::vector<std::size_t>{12}));
}

}  // namespace
}  // namespace pganalytics::patterns
