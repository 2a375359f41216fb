// What --verify measured is kept with what was advised, and settles the analyses to come: from one run's analysis into
// the repository, out of it into the next.

#include <gmock/gmock.h>

#include "base/clock.hpp"
#include "store/recommendations.hpp"
#include "store/setting_measurements.hpp"
#include "store_fixture.hpp"
#include "workflow/analysis_job.hpp"
#include "workflow/measured_settings.hpp"

namespace pganalytics {
namespace {

using store::expect_done;
using store::expect_value;

class MeasuredSettingsTest : public store::StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        target_ = add_target();
        (void)announce(target_, 1, "select * from notes order by body");
    }

    static workflow::Analysis advised() {
        workflow::RankedAdvice ranked;
        ranked.advice.rule = "sort_mem";
        ranked.advice.source = advice::SourceType::parameter;
        ranked.advice.database_name = "shop";
        ranked.advice.identity = "work_mem:shop:1001";
        ranked.advice.title = "Give it memory";
        ranked.advice.statement = "SET LOCAL work_mem = '16MB'";
        ranked.advice.estimated_improvement_percent = 40;
        ranked.advice.confidence = *advice::rule_prior("sort_mem", 1.0);
        ranked.advice.served = {{base::QueryHash{1001}, 40, 1, base::Milliseconds{100}, 1}};
        ranked.parameter = workflow::ParameterChange{
            "sort_mem",
            "4MB",
            "16MB",
            {{parameters::Scope::query, "SET LOCAL work_mem = '16MB'", "SET LOCAL work_mem TO DEFAULT"},
             {parameters::Scope::role, "ALTER ROLE \"Night\" SET work_mem = '16MB'",
              "ALTER ROLE \"Night\" RESET work_mem"}},
            77,
            1000};
        workflow::Analysis analysis;
        analysis.database_name = "shop";
        analysis.rules = {"sort_mem"};
        analysis.advice = {ranked};
        return analysis;
    }

    static store::SettingMeasurement measured(bool helped) {
        return {base::QueryHash{1001},
                "work_mem",
                "4MB",
                "16MB",
                77,
                1000,
                true,
                helped,
                helped ? 30.0 : -4.0,
                {"100 ms before; the \"after\" in words"},
                base::SystemClock().now()};
    }

    std::vector<store::ParameterSuggestion> suggestions() {
        return expect_value(store::RecommendationStore(repository())
                                .parameter_suggestions(base::QueryHash{1001}, target_, std::nullopt, 10));
    }

    /// As a scheduled analysis does.
    workflow::Analysis next_analysis() {
        auto analysis = advised();
        expect_done(workflow::recall_measured(repository(), target_, analysis));
        (void)expect_value(workflow::save_analysis(repository(), target_, analysis, 0.6));
        return analysis;
    }

    base::TargetId target_{};
};

TEST_F(MeasuredSettingsTest, WhatDidNotHelpLeavesTheListsAndStaysOut) {
    EXPECT_EQ(next_analysis().advice.size(), 1U);
    ASSERT_EQ(suggestions().size(), 1U);
    auto verified = advised();
    verified.advice.clear();
    verified.measured = {measured(false)};
    (void)expect_value(workflow::save_analysis(repository(), target_, verified, 0.6));
    EXPECT_TRUE(suggestions().empty());
    const auto next = next_analysis();
    EXPECT_TRUE(next.advice.empty());
    ASSERT_EQ(next.notes.size(), 1U);
    EXPECT_THAT(next.notes.front().text, testing::HasSubstr("the \"after\" in words"));
    EXPECT_TRUE(suggestions().empty());
    // Another database's statement of the same text was not measured.
    auto elsewhere = advised();
    elsewhere.database_name = "archive";
    expect_done(workflow::recall_measured(repository(), target_, elsewhere));
    EXPECT_EQ(elsewhere.advice.size(), 1U);
}

TEST_F(MeasuredSettingsTest, TheNewestRunCounts) {
    auto verified = advised();
    verified.measured = {measured(false)};
    (void)expect_value(workflow::save_analysis(repository(), target_, verified, 0.6));
    verified.measured = {measured(true)};
    (void)expect_value(workflow::save_analysis(repository(), target_, verified, 0.6));
    const auto kept = expect_value(store::SettingMeasurements(repository()).list(target_, "shop"));
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_TRUE(kept.front().helped);
    EXPECT_EQ(kept.front().plan_shape, 77);
    const auto next = next_analysis();
    ASSERT_EQ(next.advice.size(), 1U);
    EXPECT_EQ(next.advice.front().advice.evidence.basis, advice::Basis::measured_time);
    EXPECT_EQ(suggestions().front().estimated_improvement_percent, 30);
}

TEST_F(MeasuredSettingsTest, EveryScopeIsKeptWithWhatUndoesIt) {
    (void)next_analysis();
    EXPECT_THAT(suggestions().front().scopes_json, testing::HasSubstr("ALTER ROLE \\\"Night\\\" RESET work_mem"));
}

}  // namespace
}  // namespace pganalytics
