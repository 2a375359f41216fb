#include "workflow/measured_settings.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

RankedAdvice advised(const std::string& value, std::int64_t shape = 7, double blocks = 1000) {
    RankedAdvice ranked;
    ranked.advice.rule = "sort_mem";
    ranked.advice.source = advice::SourceType::parameter;
    ranked.advice.estimated_improvement_percent = 40;
    ranked.advice.served = {{base::QueryHash{5}, 40, 1, base::Milliseconds{100}, 1}};
    ranked.advice.evidence.basis = advice::Basis::modelled_cost;
    ranked.parameter = ParameterChange{"sort_mem", "4MB", value, {}, shape, blocks};
    return ranked;
}

store::SettingMeasurement measured(bool helped, bool removed = true) {
    store::SettingMeasurement one;
    one.query_hash = base::QueryHash{5};
    one.setting = "work_mem";
    one.current_value = "4MB";
    one.tried_value = "16MB";
    one.plan_shape = 7;
    one.temp_blocks = 1000;
    one.spill_removed = removed;
    one.helped = helped;
    one.gain_percent = helped ? 25 : -3;
    one.facts = {"100 ms before, 103 ms after"};
    return one;
}

Analysis recalled(RankedAdvice ranked, const store::SettingMeasurement& measurement) {
    Analysis analysis;
    analysis.advice.push_back(std::move(ranked));
    recall_measured({measurement}, analysis);
    return analysis;
}

TEST(MeasuredSettings, WhatDidNotHelpIsNotAdvisedAgain) {
    const auto analysis = recalled(advised("16MB"), measured(false));
    EXPECT_TRUE(analysis.advice.empty());
    ASSERT_EQ(analysis.notes.size(), 1U);
    EXPECT_EQ(analysis.notes.front().query_hash, base::QueryHash{5});
    EXPECT_NE(analysis.notes.front().text.find("will not help, as measured on 1970-01-01: 100 ms before"),
              std::string::npos)
        << analysis.notes.front().text;
}

TEST(MeasuredSettings, WhatHelpedIsAdvisedWithWhatItGained) {
    const auto analysis = recalled(advised("16MB"), measured(true));
    ASSERT_EQ(analysis.advice.size(), 1U);
    const auto& ranked = analysis.advice.front();
    EXPECT_EQ(ranked.advice.evidence.basis, advice::Basis::measured_time);
    EXPECT_EQ(ranked.advice.estimated_improvement_percent, 25);
    EXPECT_EQ(ranked.advice.served.front().improvement_percent, 25);
    EXPECT_TRUE(ranked.parameter);
}

TEST(MeasuredSettings, AnotherSituationIsJudgedAnew) {
    for (const auto& [ranked, why] : std::vector<std::pair<RankedAdvice, std::string>>{
             {advised("16MB", 8), "its plan is another one"},
             {advised("16MB", 7, 1600), "1600 temporary blocks instead of 1000"},
             {advised("16MB", 7, 600), "600 temporary blocks instead of 1000"},
             {advised("8MB"), "8MB is advised, and 16MB was tried"}}) {
        const auto analysis = recalled(ranked, measured(false));
        ASSERT_EQ(analysis.advice.size(), 1U) << why;
        const auto& evidence = analysis.advice.front().advice.evidence;
        EXPECT_EQ(evidence.basis, advice::Basis::modelled_cost);
        ASSERT_EQ(evidence.not_checked.size(), 1U);
        EXPECT_NE(evidence.not_checked.front().find(why), std::string::npos) << evidence.not_checked.front();
    }
    auto elsewhere = measured(false);
    elsewhere.query_hash = base::QueryHash{6};
    EXPECT_EQ(recalled(advised("16MB"), elsewhere).advice.size(), 1U);
}

TEST(MeasuredSettings, MoreThanEnoughIsEnoughButOnlyWhereTheSpillWent) {
    EXPECT_EQ(what_changed_since(measured(false), *advised("64MB").parameter), "");
    EXPECT_NE(what_changed_since(measured(false, false), *advised("64MB").parameter), "");
    EXPECT_EQ(what_changed_since(measured(false, false), *advised("17MB").parameter), "");
}

TEST(MeasuredSettings, WhatWasMeasuredJustNowCountsAlone) {
    auto ranked = advised("16MB");
    take_over_measured(30, "Run", ranked);
    const auto analysis = recalled(std::move(ranked), measured(false));
    ASSERT_EQ(analysis.advice.size(), 1U);
    EXPECT_EQ(analysis.advice.front().advice.estimated_improvement_percent, 30);
}

}  // namespace
}  // namespace pganalytics::workflow
