#include "patterns/load_share.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace pganalytics::patterns {
namespace {

constexpr std::size_t month = 720;

Series hours() {
    return {base::Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}}, base::Seconds{3600},
            std::vector<double>(month)};
}

double wave(std::size_t t, double period) {
    return std::sin(2 * std::numbers::pi * static_cast<double>(t) / period);
}

class LoadShares : public testing::Test {
  protected:
    LoadShares() {
        for (std::size_t t = 0; t < month; ++t) database_.values[t] = 10000 + 5000 * wave(t, 24);
    }
    Series counts(auto&& rate) {
        Series series = hours();
        for (std::size_t t = 0; t < month; ++t) series.values[t] = std::poisson_distribution<>(rate(t))(engine_);
        return series;
    }

    Series database_ = hours();
    std::mt19937_64 engine_{7};
};

TEST_F(LoadShares, AFixedPartOfTheDatabaseIsAShare) {
    EXPECT_EQ(load_share(counts([&](std::size_t t) { return 0.02 * database_.values[t]; }), database_),
              LoadShare::share);
}

TEST_F(LoadShares, APeriodOfItsOwnIsUnlike) {
    EXPECT_EQ(
        load_share(counts([&](std::size_t t) { return 0.02 * database_.values[t] + 30 + 30 * wave(t, 6); }), database_),
        LoadShare::unlike);
}

TEST_F(LoadShares, AnEvenLoadBesideADayIsUnlike) {
    EXPECT_EQ(load_share(counts([](std::size_t) { return 200.0; }), database_), LoadShare::unlike);
}

TEST_F(LoadShares, RunsOncePerDayAreUnlike) {
    EXPECT_EQ(load_share(counts([](std::size_t t) { return t % 24 == 3 ? 500.0 : 0.001; }), database_),
              LoadShare::unlike);
}

TEST_F(LoadShares, ALevelThatMovesIsUnlike) {
    EXPECT_EQ(
        load_share(counts([&](std::size_t t) { return (t < 300 ? 0.01 : 0.03) * database_.values[t]; }), database_),
        LoadShare::unlike);
}

TEST_F(LoadShares, AHandfulOfCallsIsNoise) {
    Series even = hours();
    for (double& value : even.values) value = 10000 + 20 * std::normal_distribution<>()(engine_);
    EXPECT_EQ(load_share(counts([](std::size_t) { return 50.0; }), even), LoadShare::noise);
}

}  // namespace
}  // namespace pganalytics::patterns
