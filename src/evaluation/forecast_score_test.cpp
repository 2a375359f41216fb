#include "evaluation/forecast_score.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

namespace pganalytics::evaluation {
namespace {

std::string line(const char* id, std::size_t hours, bool with_gap) {
    nlohmann::json values = nlohmann::json::array();
    nlohmann::json future = nlohmann::json::array();
    for (std::size_t t = 0; t < hours + 24; ++t) {
        const double value =
            100 + 30 * std::sin(2 * std::numbers::pi * static_cast<double>(t) / 24) + static_cast<double>(t * t % 7);
        (t < hours ? values : future).push_back(value);
    }
    if (with_gap) {
        values[50] = nullptr;
        future[3] = nullptr;
    }
    return nlohmann::json{{"id", id}, {"frequency_seconds", 3600}, {"values", values}, {"future", future}}.dump() +
           "\n";
}

TEST(EvaluateForecasts, scores_each_series_and_all) {
    const auto result = evaluate_forecasts(line("a", 500, false) + line("b", 400, true));
    ASSERT_TRUE(result);
    const nlohmann::json& overall = (*result)["overall"];
    EXPECT_EQ(overall["series"], 2);
    ASSERT_EQ((*result)["series"].size(), 2U);
    const nlohmann::json& first = (*result)["series"][0];
    EXPECT_EQ(first["mean"].size(), 24U);
    EXPECT_LT(overall["owa"], 0.9);
    EXPECT_NEAR(overall["smape"], (first["smape"].get<double>() + (*result)["series"][1]["smape"].get<double>()) / 2,
                1e-9);
    EXPECT_GT(overall["coverage_95"], 0.8);
}

TEST(EvaluateForecasts, carries_on_over_a_series_without_values) {
    const auto result = evaluate_forecasts(R"({"id":1,"frequency_seconds":3600,"values":[null,1],"future":[2]})"
                                           "\n" +
                                           line("b", 400, false));
    ASSERT_TRUE(result);
    EXPECT_EQ((*result)["overall"]["series"], 1);
    EXPECT_TRUE((*result)["series"][0].contains("error"));
}

TEST(EvaluateForecasts, takes_the_nan_that_json_does_not_know) {
    const auto result = evaluate_forecasts(
        R"({"id":"a \"NaN\" day","frequency_seconds":3600,"values":[1,NaN,2,Infinity,3,-Infinity,4],"future":[NaN,4]})");
    ASSERT_TRUE(result);
    EXPECT_EQ((*result)["series"][0]["id"], "a \"NaN\" day");
    EXPECT_TRUE((*result)["series"][0]["smape"].is_number());
}

TEST(EvaluateForecasts, names_the_line_at_fault) {
    const auto result = evaluate_forecasts(line("a", 100, false) + "{\"id\":2,\"values\":\"many\"}\n");
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("Line 2"), std::string::npos);
    EXPECT_FALSE(evaluate_forecasts("\n"));
}

}  // namespace
}  // namespace pganalytics::evaluation
