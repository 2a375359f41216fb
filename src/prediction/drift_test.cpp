#include "prediction/drift.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>
#include <utility>
#include <vector>

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

using namespace std::chrono_literals;

/// A query's errors as they are met: a level of their own, noise with a standard deviation, heavy tails, a share of the
/// error before, a daily cycle, and now and then a run far off.
struct Kind {
    const char* name;
    double resemblance = 0;  ///< to the error before
    double cycle = 0;        ///< in standard deviations
    bool heavy = false;      ///< Student's t with 3 degrees
};
class Errors {
  public:
    Errors(std::uint32_t seed, double noise, const Kind& kind, int day)
        : random_(seed), noise_(noise), kind_(kind), day_(day), level_(seed % 5 * 0.1) {}
    double next() {
        const double fresh = kind_.heavy ? heavy_(random_) / std::sqrt(3.0) : normal_(random_);
        before_ = kind_.resemblance * before_ + std::sqrt(1 - std::pow(kind_.resemblance, 2)) * fresh;
        const double hour = 2 * std::numbers::pi * ++intervals_ / day_ + level_;
        const bool far_off = random_() % 100 == 0;
        return level_ + noise_ * (before_ + kind_.cycle * std::sin(hour)) + (far_off ? 1.5 : 0);
    }

  private:
    std::mt19937 random_;
    std::normal_distribution<double> normal_;
    std::student_t_distribution<double> heavy_{3};
    double noise_;
    Kind kind_;
    int day_, intervals_ = 0;
    double level_, before_ = 0;
};

/// Share of runs in which twice (or half) the time is found within 20 intervals.
double share_found(const Kind& kind, double noise, int runs, std::uint32_t seed) {
    int found = 0;
    for (int run = 0; run < runs; ++run) {
        const double direction = run % 2 == 0 ? 1 : -1;
        Errors errors(seed + static_cast<std::uint32_t>(run), noise, kind, 24);
        ErrorDrift drift;
        base::Timestamp at{500'000h};
        for (int i = 0; i < 200 + run % 24; ++i) (void)drift.observe(errors.next(), at += 1h);
        for (int i = 0; i < 20; ++i) {
            const auto shift = drift.observe(errors.next() + direction * std::log(2.0), at += 1h);
            if (!shift) continue;
            found += shift->log_factor * direction > 0 ? 1 : 0;
            break;
        }
    }
    return static_cast<double>(found) / runs;
}

/// False alarms a query in thirty quiet days.
double false_alarms(const Kind& kind, double noise, int queries, std::uint32_t seed, int intervals_a_day) {
    int alarms = 0;
    for (int query = 0; query < queries; ++query) {
        Errors errors(seed + static_cast<std::uint32_t>(query), noise, kind, intervals_a_day);
        ErrorDrift drift;
        base::Timestamp at{500'000h};
        for (int i = 0; i < 30 * intervals_a_day; ++i)
            alarms += drift.observe(errors.next(), at += 24h / intervals_a_day) ? 1 : 0;
    }
    return static_cast<double>(alarms) / queries;
}

constexpr Kind independent{"independent", 0, 0, false}, heavy{"heavy tails", 0, 0, true},
    resembling{"resembling", 0.3, 0, false}, daily{"daily cycle", 0, 0.5, false},
    all_of_it{"all of it", 0.3, 0.5, true};

TEST(ErrorDriftTest, FindsTwiceTheTimeWithinTwentyIntervals) {
    for (const auto& [kind, widest] :
         {std::pair{independent, 0.5}, {heavy, 0.6}, {resembling, 0.3}, {daily, 0.4}, {all_of_it, 0.3}}) {
        for (const double noise : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}) {
            if (noise > widest) continue;
            EXPECT_GE(share_found(kind, noise, 400, 20'000), 0.95) << kind.name << ", noise " << noise;
        }
    }
}

TEST(ErrorDriftTest, ThirtyQuietDaysOfHoursRaiseOneFalseAlarmAtMost) {
    for (const auto& kind : {independent, heavy, resembling, daily, all_of_it}) {
        for (const double noise : {0.1, 0.3, 0.6})
            EXPECT_LE(false_alarms(kind, noise, 100, 30'000, 24), 1) << kind.name << ", noise " << noise;
    }
}

TEST(ErrorDriftTest, ThirtyQuietDaysOfMinutesRaiseOneFalseAlarmAtMost) {
    EXPECT_LE(false_alarms(independent, 0.2, 15, 40'000, 24 * 60), 1);
    EXPECT_LE(false_alarms(resembling, 0.4, 15, 40'000, 24 * 60), 1);
}

TEST(ErrorDriftTest, WhatItMovedToIsNormalFromThenOn) {
    Errors errors(7, 0.2, independent, 24);
    ErrorDrift drift;
    base::Timestamp at{500'000h};
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(drift.observe(errors.next(), at += 1h));
    std::vector<ErrorDrift::Shift> shifts;
    for (int i = 0; i < 200; ++i) {
        if (const auto shift = drift.observe(errors.next() + std::log(3.0), at += 1h)) shifts.push_back(*shift);
    }
    ASSERT_EQ(shifts.size(), 1U);
    EXPECT_NEAR(std::exp(shifts.front().log_factor), 3, 0.6);
    EXPECT_LE(shifts.front().intervals, 7U);
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
        const auto expected = straight.observe(error), shift = stored.observe(error);
        ASSERT_EQ(expected.has_value(), shift.has_value()) << "interval " << i;
        if (shift) {
            EXPECT_EQ(shift->log_factor, expected->log_factor);
        }
    }
    EXPECT_FALSE(ErrorDrift::from_json(nlohmann::json{{"first", 3}}));
}

}  // namespace
}  // namespace pganalytics::prediction
