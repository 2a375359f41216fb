#include "patterns/forecast_intervals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace pganalytics::patterns {
namespace {

WindowErrors normal_errors(std::size_t windows, std::size_t horizon, unsigned seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<> draw;
    WindowErrors result;
    result.stride = horizon;
    for (std::size_t w = 0; w < windows; ++w) {
        std::vector<double>& errors = result.errors.emplace_back();
        for (std::size_t h = 0; h < horizon; ++h) errors.push_back(10 * draw(engine));
    }
    return result;
}

TEST(HalfWidths, are_the_quantiles_of_many_errors) {
    const HalfWidths widths = half_widths(normal_errors(200, 24, 1), 24);
    ASSERT_EQ(widths.of_95.size(), 24U);
    for (std::size_t h = 0; h < 24; ++h) {
        EXPECT_NEAR(widths.of_80[h], 12.8, 2.5);
        EXPECT_NEAR(widths.of_95[h], 19.6, 4);
    }
}

TEST(HalfWidths, are_wider_where_few_errors_are_known) {
    double few = 0;
    double many = 0;
    for (unsigned seed = 1; seed <= 40; ++seed) {
        few += half_widths(normal_errors(3, 24, seed), 24).of_95[12];
        many += half_widths(normal_errors(100, 24, seed), 24).of_95[12];
    }
    EXPECT_GT(few, many);
}

TEST(HalfWidths, follow_the_calm_and_the_turbulent) {
    WindowErrors windows = normal_errors(28, 24, 2);
    for (std::size_t w = 0; w < 28; ++w) {
        windows.liveliness.push_back(w % 4 == 0 ? 4.0 : 1.0);
        for (double& error : windows.errors[w]) error *= windows.liveliness[w];
    }
    windows.liveliness_now = 1;
    const double calm = half_widths(windows, 24).of_95[5];
    windows.liveliness_now = 4;
    EXPECT_GT(half_widths(windows, 24).of_95[5], 2 * calm);
    EXPECT_LT(calm, 30);
}

TEST(HalfWidths, count_the_newest_windows_most) {
    WindowErrors windows = normal_errors(28, 24, 3);
    for (std::size_t w = 0; w < 14; ++w) {
        for (double& error : windows.errors[w]) error *= 3;
    }
    const double louder_now = half_widths(windows, 24).of_80[5];
    std::reverse(windows.errors.begin(), windows.errors.end());
    EXPECT_GT(louder_now, half_widths(windows, 24).of_80[5]);
}

TEST(HalfWidths, grow_where_no_window_reaches) {
    WindowErrors windows;
    for (std::size_t known = 1; known <= 6; ++known) {
        std::vector<double>& errors = windows.errors.emplace_back();
        for (std::size_t h = 0; h < known; ++h) errors.push_back(h % 2 == 0 ? 1.0 : -1.0);
    }
    const HalfWidths widths = half_widths(windows, 30);
    EXPECT_GT(widths.of_95[29], 1.9 * widths.of_95[5]);
    EXPECT_TRUE(half_widths(WindowErrors{}, 5).of_95.empty());
}

TEST(HalfWidths, of_a_walk_grow_with_the_root_of_time) {
    const HalfWidths widths = half_widths_of_walk(2, 1000, 4);
    EXPECT_NEAR(widths.of_95[0], 2 * 1.96, 0.02);
    EXPECT_NEAR(widths.of_95[3], 4 * 1.96, 0.04);
    EXPECT_GT(half_widths_of_walk(2, 2, 4).of_95[0], 1.8 * widths.of_95[0]);
}

}  // namespace
}  // namespace pganalytics::patterns
