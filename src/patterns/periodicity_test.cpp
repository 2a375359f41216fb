#include "patterns/periodicity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "patterns/changes.hpp"

namespace pganalytics::patterns {
namespace {

class Draw {
  public:
    explicit Draw(unsigned seed) : engine_(seed) {}
    double normal() { return normal_(engine_); }
    double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(engine_); }
    std::size_t index(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(engine_); }

  private:
    std::mt19937_64 engine_;
    std::normal_distribution<> normal_;
};

double sine(double t, double period) {
    return std::sin(2 * std::numbers::pi * t / period);
}

bool has(const Decomposition& model, double period, double tolerance = 0.02) {
    return std::any_of(model.periods.begin(), model.periods.end(),
                       [&](const Period& found) { return std::abs(found.samples / period - 1) <= tolerance; });
}

TEST(Decompose, finds_three_periods_under_trend_noise_and_outliers) {
    Draw draw(7);
    std::vector<double> values(1000);
    for (std::size_t t = 0; t < values.size(); ++t) {
        const auto x = static_cast<double>(t);
        const double square = std::fmod(x, 31.0) < 15.5 ? 1 : -1;
        values[t] = sine(x, 17.3) + square + sine(x, 113) + 10 * (1 - std::abs(x / 500 - 1)) + 1.4 * draw.normal();
    }
    for (int i = 0; i < 100; ++i) values[draw.index(1000)] += draw.uniform(5, 10);
    const Decomposition model = decompose(values);
    EXPECT_EQ(model.periods.size(), 3U);
    EXPECT_TRUE(has(model, 17.3));
    EXPECT_TRUE(has(model, 31));
    EXPECT_TRUE(has(model, 113));
}

TEST(Decompose, finds_the_day_and_the_week_of_an_office) {
    Draw draw(3);
    std::vector<double> values(60 * 24);
    for (std::size_t t = 0; t < values.size(); ++t) {
        const bool busy = t % 24 > 7 && t % 24 < 18 && t / 24 % 7 < 5;
        const double level = busy ? 100 : 10;
        values[t] = level + std::sqrt(level) * draw.normal();
    }
    const Decomposition model = decompose(values);
    EXPECT_TRUE(has(model, 24));
    EXPECT_TRUE(has(model, 168));
    EXPECT_LE(model.periods.size(), 2U);
}

TEST(Decompose, finds_rare_spikes) {
    Draw draw(5);
    std::vector<double> values(30 * 24);
    for (std::size_t t = 0; t < values.size(); ++t) values[t] = t % 24 == 2 ? 50 + 5 * draw.normal() : 0.0;
    const Decomposition model = decompose(values);
    ASSERT_EQ(model.periods.size(), 1U);
    EXPECT_NEAR(model.periods[0].samples, 24, 0.01);
    EXPECT_GT(model.periods[0].recurrence, 0.9);
}

TEST(Decompose, sees_through_gaps) {
    Draw draw(9);
    std::vector<double> values(720);
    for (std::size_t t = 0; t < values.size(); ++t) {
        const bool missing = (t > 200 && t < 260) || draw.uniform(0, 1) < 0.1;
        values[t] = missing ? std::nan("") : 20 + 5 * sine(static_cast<double>(t), 24) + 2 * draw.normal();
    }
    const Decomposition model = decompose(values);
    ASSERT_EQ(model.periods.size(), 1U);
    EXPECT_TRUE(has(model, 24));
}

TEST(Decompose, finds_nothing_in_noise) {
    int with_any = 0;
    constexpr int rounds = 60;
    for (int round = 0; round < rounds; ++round) {
        Draw draw(static_cast<unsigned>(100 + round));
        std::vector<double> values(720);
        double state = 0;
        const double phi = std::array{0.0, 0.5, 0.9, 1.0}[static_cast<std::size_t>(round) % 4];
        for (double& value : values) value = state = phi * state + draw.normal();
        if (!decompose(values).periods.empty()) ++with_any;
    }
    EXPECT_LE(with_any, 3);
}

TEST(Decompose, takes_an_incident_for_an_incident) {
    Draw draw(11);
    std::vector<double> values(720);
    for (std::size_t t = 0; t < values.size(); ++t)
        values[t] = 100 + 5 * draw.normal() + (t >= 300 && t < 306 ? 200.0 : 0.0);
    const Decomposition model = decompose(values);
    EXPECT_TRUE(model.periods.empty());
    const Changes changes = find_changes(values, model);
    ASSERT_EQ(changes.outliers.size(), 1U);
    EXPECT_EQ(changes.outliers[0].first, 300U);
    EXPECT_EQ(changes.outliers[0].last, 305U);
    EXPECT_TRUE(changes.level_shifts.empty());
}

TEST(Decompose, tells_a_level_shift_from_a_period) {
    Draw draw(13);
    std::vector<double> values(720);
    for (std::size_t t = 0; t < values.size(); ++t) {
        values[t] = (t < 400 ? 100 : 160) + 10 * sine(static_cast<double>(t), 24) + 5 * draw.normal();
    }
    const Decomposition model = decompose(values);
    ASSERT_EQ(model.periods.size(), 1U);
    EXPECT_TRUE(has(model, 24));
    const Changes changes = find_changes(values, model);
    ASSERT_EQ(changes.level_shifts.size(), 1U);
    EXPECT_NEAR(static_cast<double>(changes.level_shifts[0].at), 400, 3);
    EXPECT_NEAR(changes.level_shifts[0].after - changes.level_shifts[0].before, 60, 5);
}

RC_GTEST_PROP(Decompose, stands_any_series, (const std::vector<int>& raw)) {
    std::vector<double> values;
    for (const int each : raw) values.push_back(each % 17 == 0 ? std::nan("") : each % 1000);
    const Decomposition model = decompose(values);
    RC_ASSERT(model.trend.size() == values.size());
    RC_ASSERT(model.seasonal.size() == values.size());
    for (std::size_t t = 0; t < values.size(); ++t) {
        RC_ASSERT(std::isfinite(model.trend[t]) && std::isfinite(model.seasonal[t]));
    }
}

TEST(Decompose, has_no_period_for_constant_and_short_series) {
    EXPECT_TRUE(decompose(std::vector<double>(500, 42.0)).periods.empty());
    EXPECT_TRUE(decompose(std::vector<double>{}).periods.empty());
    EXPECT_TRUE(decompose(std::vector<double>{1, 2, 1, 2, 1}).periods.empty());
    EXPECT_TRUE(decompose(std::vector<double>(500, std::nan(""))).periods.empty());
}

}  // namespace
}  // namespace pganalytics::patterns
