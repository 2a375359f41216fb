#include "evaluation/pattern_score.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <random>

namespace pganalytics::evaluation {
namespace {

TEST(EvaluatePatterns, prints_what_it_found) {
    std::mt19937_64 engine(4);
    std::normal_distribution<> noise;
    std::string csv = "timestamp,value\n";
    for (int t = 0; t < 30 * 24; ++t) {
        if (t == 100) continue;
        csv += fmt::format("2026-06-{:02} {:02}:00:00,{:.4f}\n", t / 24 + 1, t % 24,
                           50 + 20 * std::sin(2 * std::numbers::pi * t / 24) + noise(engine) + (t == 500 ? 90 : 0));
    }
    const auto result = evaluate_patterns(csv);
    ASSERT_TRUE(result);
    const nlohmann::json& json = *result;
    const auto daily = std::find_if(json["patterns"].begin(), json["patterns"].end(),
                                    [](const nlohmann::json& each) { return each["pattern_type"] == "daily_cycle"; });
    ASSERT_NE(daily, json["patterns"].end());
    EXPECT_EQ((*daily)["period_hours"], 24);
    EXPECT_GT((*daily)["confidence"], 0.9);
    EXPECT_EQ((*daily)["pattern_metadata"]["peak_hour"], 6);
    ASSERT_EQ(json["outliers"].size(), 1U);
    EXPECT_EQ(json["outliers"][0]["begins"], "2026-06-21T20:00:00Z");
    EXPECT_TRUE(json["level_shifts"].empty());
    EXPECT_EQ(json["series"]["samples"], 720);
    EXPECT_EQ(json["series"]["observed"], 719);
}

TEST(EvaluatePatterns, finds_nothing_in_nothing) {
    std::string csv;
    for (int t = 0; t < 300; ++t) csv += "5\n";
    const auto result = evaluate_patterns(csv);
    ASSERT_TRUE(result);
    EXPECT_TRUE((*result)["patterns"].empty());
    EXPECT_TRUE((*result)["outliers"].empty());
    EXPECT_FALSE(evaluate_patterns("a,b\nc,d\n"));
}

}  // namespace
}  // namespace pganalytics::evaluation
