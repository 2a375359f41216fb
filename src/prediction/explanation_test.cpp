#include "prediction/explanation.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>

namespace pganalytics::prediction {
namespace {

double sum_of(const std::vector<TimePart>& parts) {
    return std::accumulate(parts.begin(), parts.end(), 0.0,
                           [](double sum, const TimePart& part) { return sum + part.contribution_ms; });
}

RC_GTEST_PROP(Explanation, PartsAddUpToTheTime, ()) {
    const auto number = [](int low, int high) { return *rc::gen::inRange(low, high) / 100.0; };
    std::vector<Contribution> contributions{{"", 0, number(-300, 300)}};
    const int count = *rc::gen::inRange(0, 30);
    double center = contributions.front().log_factor;
    for (int i = 0; i < count; ++i) {
        contributions.push_back({"feature " + std::to_string(i), 1, number(-200, 200)});
        center += contributions.back().log_factor;
    }
    if (*rc::gen::arbitrary<bool>()) center += number(-300, 300);
    const auto parts = parts_in_ms(contributions, center);
    RC_ASSERT(std::abs(sum_of(parts) - std::exp(center)) <=
              1e-9 * std::max(1.0, std::exp(center) + std::exp(contributions.front().log_factor)) * 100);
    RC_ASSERT(parts.front().feature == "base");
    RC_ASSERT(parts.size() <= 14U);
}

TEST(Explanation, SlowerIsPositiveAndFasterNegative) {
    const std::vector<Contribution> contributions{
        {"", 0, 0.0}, {"root_total_cost", 900, 2.0}, {"index_count", 3, -0.5}};
    const auto parts = parts_in_ms(contributions, 1.5);
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[1].feature, "root_total_cost");
    EXPECT_GT(parts[1].contribution_ms, 0);
    EXPECT_LT(parts[2].contribution_ms, 0);
    EXPECT_NEAR(sum_of(parts), std::exp(1.5), 1e-9);
}

TEST(Explanation, HistoryIsAPartOfItsOwn) {
    const std::vector<Contribution> contributions{{"", 0, 1.0}};
    const auto parts = parts_in_ms(contributions, 3.0);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[1].feature, "history");
    EXPECT_NEAR(parts[1].contribution_ms, std::exp(3.0) - std::exp(1.0), 1e-9);
}

TEST(Explanation, WordsNameTheCostliestOperator) {
    const auto plan = plan::parse_explain_json(
        R"([{"Plan": {"Node Type": "Aggregate", "Strategy": "Plain", "Startup Cost": 900, "Total Cost": 1000,
             "Plan Rows": 1, "Plan Width": 8, "Plans": [{"Node Type": "Seq Scan", "Relation Name": "orders",
             "Alias": "orders", "Startup Cost": 0, "Total Cost": 900, "Plan Rows": 50000, "Plan Width": 8}]}}])");
    ASSERT_TRUE(plan);
    const std::vector<TimePart> parts{{"base", {}, 1}, {"root_total_cost", 1000, 20}, {"history", {}, 5}};
    const auto words = why_slow(*plan, parts);
    EXPECT_NE(words.find("Seq Scan on orders is 90 % of the plan's cost"), std::string::npos) << words;
    EXPECT_NE(words.find("50,000 rows"), std::string::npos) << words;
    EXPECT_NE(words.find("20.0 ms for root_total_cost = 1,000"), std::string::npos) << words;
    EXPECT_NE(words.find("so much longer it took before"), std::string::npos) << words;
}

}  // namespace
}  // namespace pganalytics::prediction
