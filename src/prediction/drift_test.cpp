#include "prediction/drift.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

namespace pganalytics::prediction {
namespace {

Dataset made_up(int count, double shift, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Dataset data;
    for (int i = 0; i < count; ++i) {
        Sample sample;
        sample.features.assign(feature_definitions().size(), std::nan(""));
        sample.features[total_cost_feature()] = std::exp(5 + normal(random) + shift);
        sample.features[0] = std::exp(normal(random));
        data.push_back(std::move(sample));
    }
    return data;
}

TEST(FeatureSpreadTest, NamesTheFeatureThatMoved) {
    const auto spread = FeatureSpread::learn(made_up(2000, 0, 1));
    const auto found = spread.drifted(made_up(500, 1, 2));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().feature, "root_total_cost");
    EXPECT_GT(found.front().index, found.front().threshold);
}

TEST(FeatureSpreadTest, ChanceIsNoDriftHoweverFewTheSamples) {
    int alarms = 0;
    for (std::uint32_t seed = 0; seed < 100; ++seed) {
        const auto spread = FeatureSpread::learn(made_up(200, 0, 2 * seed));
        alarms += spread.drifted(made_up(30, 0, 2 * seed + 1)).empty() ? 0 : 1;
    }
    EXPECT_LE(alarms, 5);
}

TEST(FeatureSpreadTest, WhatWasNeverMissingAndNowIsHasMoved) {
    const auto spread = FeatureSpread::learn(made_up(500, 0, 1));
    auto now = made_up(500, 0, 2);
    for (auto& sample : now) sample.features[0] = std::nan("");
    const auto found = spread.drifted(now);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().feature, feature_definitions()[0].name);
}

TEST(FeatureSpreadTest, IsTheSameAfterStoring) {
    const auto spread = FeatureSpread::learn(made_up(300, 0, 1));
    const auto again = FeatureSpread::from_json(spread.to_json()).value();
    EXPECT_EQ(again.to_json(), spread.to_json());
    EXPECT_FALSE(FeatureSpread::from_json(nlohmann::json::object()));
    auto damaged = spread.to_json();
    damaged["bins"][3][1].push_back(0.5);
    EXPECT_FALSE(FeatureSpread::from_json(damaged));
}

/// A query's errors: a level of its own, noise, and now and then a run far off.
class Errors {
  public:
    Errors(std::uint32_t seed, double noise) : random_(seed), normal_(0, noise), level_(seed % 5 * 0.1) {}
    double next() {
        const bool far_off = random_() % 100 == 0;
        return level_ + normal_(random_) + (far_off ? 1.5 : 0);
    }

  private:
    std::mt19937 random_;
    std::normal_distribution<double> normal_;
    double level_;
};

TEST(ErrorDriftTest, FindsTwiceTheTimeWithinTwentyIntervals) {
    for (const double noise : {0.1, 0.3, 0.4}) {
        for (const double direction : {1.0, -1.0}) {
            int found = 0;
            constexpr int runs = 400;
            for (int seed = 0; seed < runs; ++seed) {
                Errors errors(static_cast<std::uint32_t>(seed), noise);
                ErrorDrift drift;
                for (int i = 0; i < 300; ++i) (void)drift.observe(errors.next());
                for (int i = 0; i < 20; ++i) {
                    const auto shift = drift.observe(errors.next() + direction * std::log(2.0));
                    if (!shift) continue;
                    EXPECT_GT(*shift * direction, 0);
                    ++found;
                    break;
                }
            }
            EXPECT_GE(found, 0.95 * runs) << "noise " << noise << ", direction " << direction;
        }
    }
}

TEST(ErrorDriftTest, ThirtyQuietDaysOfMinutesRaiseOneFalseAlarmAtMost) {
    constexpr int minutes = 30 * 24 * 60;
    int in_all = 0;
    constexpr int queries = 30;
    for (int query = 0; query < queries; ++query) {
        Errors errors(static_cast<std::uint32_t>(1000 + query), query % 2 == 0 ? 0.2 : 0.4);
        ErrorDrift drift;
        int alarms = 0;
        for (int i = 0; i < minutes; ++i) alarms += drift.observe(errors.next()) ? 1 : 0;
        EXPECT_LE(alarms, 2);
        in_all += alarms;
    }
    EXPECT_LE(in_all, queries);
}

TEST(ErrorDriftTest, AConstantErrorAndAbsurdValuesAreNoDrift) {
    ErrorDrift drift;
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(drift.observe(1.7));
    EXPECT_FALSE(drift.observe(std::nan("")));
    EXPECT_FALSE(drift.observe(INFINITY));
}

TEST(ErrorDriftTest, GoesOnAfterStoringAsIfNothingHappened) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal(0, 0.2);
    ErrorDrift straight, stored;
    for (int i = 0; i < 400; ++i) {
        const double error = normal(random) + (i < 300 ? 0 : std::log(2.0));
        auto read = ErrorDrift::from_json(nlohmann::json::parse(stored.to_json().dump()));
        ASSERT_TRUE(read);
        stored = *read;
        ASSERT_EQ(straight.observe(error), stored.observe(error)) << "interval " << i;
    }
    EXPECT_FALSE(ErrorDrift::from_json(nlohmann::json{{"first", 3}}));
}

}  // namespace
}  // namespace pganalytics::prediction
