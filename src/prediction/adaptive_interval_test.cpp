#include "prediction/adaptive_interval.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace pganalytics::prediction {
namespace {

constexpr double noise = 0.4;

/// 90 % of normal errors lie within these.
LogPrediction honest(double center) {
    return {center, center - 1.645 * noise, center + 1.645 * noise, 0.8 * noise, 0.5};
}

TEST(AdaptiveIntervalTest, KeepsItsPromiseWhereNothingChanges) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal(0, noise);
    AdaptiveInterval adaptive;
    int inside = 0;
    constexpr int runs = 5000;
    for (int i = 0; i < runs; ++i) {
        const auto model = honest(1);
        const auto served = adaptive.adjust(model);
        const double actual = 1 + normal(random);
        inside += actual >= served.lower && actual <= served.upper ? 1 : 0;
        adaptive.observe(model, actual);
    }
    EXPECT_NEAR(static_cast<double>(inside) / runs, 0.9, 0.02);
}

TEST(AdaptiveIntervalTest, CoversAgainSoonAfterEverythingTakesThreeTimesAsLong) {
    double lowest = 1, mean = 0;
    constexpr int seeds = 200;
    for (int seed = 0; seed < seeds; ++seed) {
        std::mt19937 random(static_cast<unsigned>(seed));
        std::normal_distribution<double> normal(0, noise);
        AdaptiveInterval adaptive;
        int inside = 0, fixed_inside = 0;
        for (int i = 0; i < 300; ++i) {
            const int after = i - 200;
            const auto model = honest(1);
            const auto served = adaptive.adjust(model);
            const double actual = 1 + normal(random) + (after >= 0 ? std::log(3.0) : 0);
            if (after >= 50) {
                inside += actual >= served.lower && actual <= served.upper ? 1 : 0;
                fixed_inside += actual >= model.lower && actual <= model.upper ? 1 : 0;
            }
            adaptive.observe(model, actual);
        }
        EXPECT_LT(fixed_inside, 45) << "the shift would not have mattered";
        lowest = std::min(lowest, inside / 50.0);
        mean += inside / 50.0 / seeds;
    }
    EXPECT_GE(mean, 0.88);
    EXPECT_GE(lowest, 0.7) << "50 draws at 90 % fall to 0.78 once in two hundred";
}

TEST(AdaptiveIntervalTest, LeavesTheModelAloneWhileItKnowsNothing) {
    AdaptiveInterval adaptive;
    const auto model = honest(2);
    EXPECT_EQ(adaptive.adjust(model).upper, model.upper);
    const double infinite = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 20; ++i) adaptive.observe({2, -infinite, infinite, 1, 0}, 9);
    EXPECT_EQ(adaptive.adjust(model).upper, model.upper) << "an infinite interval teaches no width";
}

TEST(AdaptiveIntervalTest, WidensPastTheLargestErrorAfterMisses) {
    AdaptiveInterval adaptive(0.9, 0.1, 20);
    double error = 1;
    for (int i = 0; i < 15; ++i) adaptive.observe(honest(0), error *= 1.5);
    EXPECT_LT(adaptive.miss_rate(), 0);
    EXPECT_GT(adaptive.adjust(honest(0)).upper, error);
}

TEST(AdaptiveIntervalTest, GoesOnAfterStoringAsIfNothingHappened) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal(0, 2 * noise);
    AdaptiveInterval straight, stored;
    for (int i = 0; i < 100; ++i) {
        const double actual = normal(random);
        straight.observe(honest(0), actual);
        stored.observe(honest(0), actual);
        auto read = AdaptiveInterval::from_json(nlohmann::json::parse(stored.to_json().dump()));
        ASSERT_TRUE(read);
        stored = *read;
    }
    EXPECT_EQ(straight.miss_rate(), stored.miss_rate());
    EXPECT_EQ(straight.adjust(honest(0)).upper, stored.adjust(honest(0)).upper);
    EXPECT_FALSE(AdaptiveInterval::from_json(nlohmann::json::array()));
}

}  // namespace
}  // namespace pganalytics::prediction
