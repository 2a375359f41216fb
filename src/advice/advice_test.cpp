#include "advice/advice.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace pganalytics::advice {
namespace {

// Reference values: R's pbeta / qbeta.
TEST(RegularisedIncompleteBeta, EqualsKnownValues) {
    EXPECT_NEAR(regularised_incomplete_beta(1, 1, 0.3), 0.3, 1e-14);
    EXPECT_NEAR(regularised_incomplete_beta(2, 2, 0.25), 0.15625, 1e-14);
    EXPECT_NEAR(regularised_incomplete_beta(2, 3, 0.5), 0.6875, 1e-14);
    EXPECT_NEAR(regularised_incomplete_beta(0.5, 0.5, 0.5), 0.5, 1e-14);
    EXPECT_EQ(regularised_incomplete_beta(3, 4, 0), 0);
    EXPECT_EQ(regularised_incomplete_beta(3, 4, 1), 1);
}

RC_GTEST_PROP(RegularisedIncompleteBeta, EqualsTheBinomialTail, ()) {
    // I_x(k, n - k + 1) = P(Bin(n, x) >= k).
    const int n = *rc::gen::inRange(1, 60);
    const int k = *rc::gen::inRange(1, n + 1);
    const double x = *rc::gen::inRange(1, 1000) / 1000.0;
    double tail = 0;
    for (int i = k; i <= n; ++i) {
        tail += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) + i * std::log(x) +
                         (n - i) * std::log1p(-x));
    }
    RC_ASSERT(std::abs(regularised_incomplete_beta(k, n - k + 1, x) - tail) < 1e-10);
}

RC_GTEST_PROP(Confidence, QuantileInvertsTheDistribution, ()) {
    const double mean = *rc::gen::inRange(1, 1000) / 1000.0;
    const RuleRecord record{*rc::gen::inRange(0, 2000), *rc::gen::inRange(0, 2000), *rc::gen::inRange(0, 50), 3};
    const double probability = *rc::gen::inRange(1, 1000) / 1000.0;
    const Confidence confidence = Confidence::prior(mean).updated(record);
    const double x = confidence.quantile(probability);
    RC_ASSERT(x >= 0 && x <= 1);
    const double back = regularised_incomplete_beta(confidence.alpha(), confidence.beta(), x);
    // Where x is squeezed against 0 or 1 the spacing of doubles limits what can be given back.
    const bool squeezed = x < 1e-300 || 1 - x < 1e-12;
    RC_ASSERT(squeezed || std::abs(back - probability) < 1e-8);
}

RC_GTEST_PROP(Confidence, QuantilesGrowWithProbability, ()) {
    const Confidence confidence = Confidence::prior(*rc::gen::inRange(1, 100) / 100.0);
    const int low = *rc::gen::inRange(1, 99);
    RC_ASSERT(confidence.quantile(low / 100.0) < confidence.quantile((low + 1) / 100.0));
}

TEST(Confidence, MovesWithOutcomesAndIgnoresInconclusiveOnes) {
    const Confidence prior = Confidence::prior(0.9);
    EXPECT_DOUBLE_EQ(prior.mean(), 0.9);
    EXPECT_DOUBLE_EQ(prior.updated({.inconclusive = 50}).mean(), 0.9);
    EXPECT_GT(prior.updated({.improved = 5}).mean(), 0.9);
    EXPECT_DOUBLE_EQ(prior.updated({.no_effect = 10, .regressed = 10}).mean(), 18.0 / 40);
    EXPECT_LT(prior.quantile(0.05), 0.9);
    EXPECT_GT(prior.quantile(0.95), 0.9);
}

TEST(RulePrior, HoldsTheDesignsNumbers) {
    EXPECT_DOUBLE_EQ(rule_prior("n_plus_one_detected")->mean(), 0.85);
    EXPECT_DOUBLE_EQ(rule_prior("missing_index_detected", 0.0)->mean(), 0.90);
    EXPECT_DOUBLE_EQ(rule_prior("inefficient_join_detected")->mean(), 0.75);
    EXPECT_DOUBLE_EQ(rule_prior("subquery_optimization")->mean(), 0.70);
    EXPECT_DOUBLE_EQ(rule_prior("in_vs_any_optimization")->mean(), 0.65);
    EXPECT_DOUBLE_EQ(rule_prior("LIMIT", 0)->mean(), 0.70);
    EXPECT_DOUBLE_EQ(rule_prior("LIMIT", 7)->mean(), 0.95);
    EXPECT_DOUBLE_EQ(rule_prior("work_mem", 0.5)->mean(), 0.85);
    EXPECT_DOUBLE_EQ(rule_prior("sort_mem", 1)->mean(), 0.85);
    EXPECT_DOUBLE_EQ(rule_prior("batch_size", 1)->mean(), 0.75);
    EXPECT_EQ(rule_prior("no_such_rule").error().code, base::ErrorCode::not_found);
}

TEST(Scores, AreTheFormulasOfTheContract) {
    EXPECT_DOUBLE_EQ(urgency_score(120, base::Milliseconds{50}), 6);
    EXPECT_DOUBLE_EQ(roi_score(0.9, 80, 6), 432);
}

TEST(Evidence, PrintsWhatIsUnknownAsNull) {
    Evidence evidence;
    CostComparison comparison;
    comparison.query_hash = base::QueryHash{9007199254740993};
    comparison.after = {8};
    evidence.costs.push_back(comparison);
    evidence.storage = base::mebibytes(2);
    const auto json = evidence.to_json();
    EXPECT_EQ(json["basis"], "planner_cost");
    EXPECT_EQ(json["storage_bytes"], 2 << 20);
    EXPECT_TRUE(json["write_cost_ms_per_minute"].is_null());
    EXPECT_TRUE(json["predicted_ms"]["lower"].is_null());
    EXPECT_EQ(json["costs"][0]["query_hash_text"], "9007199254740993");
    EXPECT_DOUBLE_EQ(json["costs"][0]["cost_after"], 8);
}

}  // namespace
}  // namespace pganalytics::advice
