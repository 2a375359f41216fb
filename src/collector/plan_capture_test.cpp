#include "collector/plan_capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pganalytics::collector {
namespace {

using ::testing::ElementsAre;

base::Timestamp at(int seconds) {
    return base::Timestamp{std::chrono::seconds(1'000'000 + seconds)};
}

workload::Counters took(std::int64_t calls, double total_ms) {
    workload::Counters counters;
    counters.calls = calls;
    counters.total_exec_time_ms = total_ms;
    return counters;
}

TEST(PlanSchedule, TheHeaviestFirstAndEachOnce) {
    PlanSchedule schedule;
    schedule.saw_text("shop", base::QueryHash{1}, "light");
    schedule.saw_text("shop", base::QueryHash{2}, "heavy");
    schedule.saw_text("other", base::QueryHash{3}, "third");
    schedule.ran("shop", base::QueryHash{1}, took(1, 1));
    schedule.ran("shop", base::QueryHash{2}, took(1, 500));
    EXPECT_THAT(schedule.databases_waiting(at(0)), ElementsAre("shop", "other"));
    const auto first = schedule.next("shop", at(0));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->text, "heavy");
    schedule.planned(*first, true, at(0));
    const auto second = schedule.next("shop", at(0));
    ASSERT_TRUE(second);
    EXPECT_EQ(second->text, "light");
    schedule.planned(*second, true, at(0));
    EXPECT_FALSE(schedule.next("shop", at(0)));
    EXPECT_THAT(schedule.databases_waiting(at(0)), ElementsAre("other"));
}

TEST(PlanSchedule, AShiftOfTheMeanOrAChangeOfTheDatabaseAsksAgain) {
    PlanSchedule schedule;
    schedule.saw_text("shop", base::QueryHash{1}, "select 1");
    schedule.ran("shop", base::QueryHash{1}, took(10, 100));
    schedule.planned(*schedule.next("shop", at(0)), true, at(0));
    for (int i = 0; i < 50; ++i) schedule.ran("shop", base::QueryHash{1}, took(10, 120));
    EXPECT_FALSE(schedule.next("shop", at(1))) << "20 % slower is no other level";
    for (int i = 0; i < 50; ++i) schedule.ran("shop", base::QueryHash{1}, took(10, 1000));
    ASSERT_TRUE(schedule.next("shop", at(2)));
    schedule.planned(*schedule.next("shop", at(2)), true, at(2));
    EXPECT_FALSE(schedule.next("shop", at(3)));
    schedule.database_changed("shop");
    EXPECT_TRUE(schedule.next("shop", at(3)));
}

TEST(PlanSchedule, AnExampleIsPlannedAfterTheGenericText) {
    PlanSchedule schedule;
    schedule.saw_text("shop", base::QueryHash{1}, "select $1");
    schedule.saw_example("shop", base::QueryHash{1}, "select 7");
    const auto generic = schedule.next("shop", at(0));
    ASSERT_TRUE(generic);
    EXPECT_FALSE(generic->example);
    schedule.planned(*generic, true, at(0));
    const auto example = schedule.next("shop", at(0));
    ASSERT_TRUE(example);
    EXPECT_TRUE(example->example);
    EXPECT_EQ(example->text, "select 7");
    schedule.planned(*example, true, at(0));
    EXPECT_FALSE(schedule.next("shop", at(0)));
}

TEST(PlanSchedule, AFailureIsRetriedRarely) {
    PlanOptions options;
    options.retry_failed = std::chrono::hours(6);
    PlanSchedule schedule(options);
    schedule.saw_text("shop", base::QueryHash{1}, "vacuum");
    schedule.planned(*schedule.next("shop", at(0)), false, at(0));
    EXPECT_FALSE(schedule.next("shop", at(3600)));
    EXPECT_TRUE(schedule.next("shop", at(6 * 3600)));
}

TEST(PlanSchedule, KeepsToItsMemory) {
    PlanOptions options;
    options.max_text_bytes = 100;
    options.max_memory_bytes = 250;
    PlanSchedule schedule(options);
    schedule.saw_text("shop", base::QueryHash{1}, std::string(101, 'x'));
    EXPECT_EQ(schedule.size(), 0U);
    for (int i = 2; i < 9; ++i) schedule.saw_text("shop", base::QueryHash{i}, std::string(100, 'x'));
    EXPECT_EQ(schedule.size(), 2U);
    schedule.forget("shop", base::QueryHash{2});
    schedule.saw_text("shop", base::QueryHash{50}, std::string(100, 'x'));
    EXPECT_EQ(schedule.size(), 2U);
}

TEST(TimeBudget, NeverGivesMoreThanItsShareBeyondTheBurst) {
    using namespace std::chrono_literals;
    TimeBudget budget(0.01, 1000ms);
    double used = 0;
    for (int minute = 0; minute < 60; ++minute) {
        budget.elapse(60s);
        while (budget.available()) {
            budget.spend(10ms);
            used += 10;
        }
    }
    EXPECT_LE(used, 1000 + 0.01 * 3600 * 1000 + 60 * 10);
    EXPECT_GE(used, 0.01 * 3600 * 1000 * 0.9);
}

}  // namespace
}  // namespace pganalytics::collector
