#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <random>

#include "parameters/compare_runs.hpp"
#include "parameters/memory_cap.hpp"
#include "parameters/memory_need.hpp"
#include "parameters/parameters.hpp"
#include "parameters/spill_cost.hpp"

namespace pganalytics::parameters {
namespace {

constexpr double megabyte = 1024.0 * 1024;

MemoryNode sort_of(double rows, double width, double columns) {
    MemoryNode node;
    node.rows = rows;
    node.width = width;
    node.columns = columns;
    return node;
}

// What PostgreSQL 15 was seen to need, by bisection on a server.
TEST(MemoryNeed, IsWhatAServerNeeds) {
    const MemorySettings settings;
    auto bounded = sort_of(200000, 202, 4);
    bounded.use = MemoryUse::bounded_sort;
    bounded.bound = 20000;
    const double bounded_need = work_mem_needed(bounded, settings) / megabyte;
    EXPECT_GT(bounded_need, 10);
    EXPECT_LT(bounded_need, 12);
    MemoryNode aggregate = sort_of(200000, 4, 1);
    aggregate.use = MemoryUse::hash_aggregate;
    aggregate.input_rows = 200000;
    aggregate.aggregates = 2;
    const double aggregate_need = work_mem_needed(aggregate, settings) / megabyte;
    EXPECT_GT(aggregate_need, 12.0);
    EXPECT_LT(aggregate_need, 13.0);
}

TEST(MemoryNeed, FollowsTheVersion) {
    const auto wide = sort_of(100000, 300, 3);
    MemorySettings older, newer;
    older.server_major = 14;
    newer.server_major = 17;
    EXPECT_GT(work_mem_needed(wide, older), work_mem_needed(wide, {}));
    EXPECT_LT(work_mem_needed(wide, newer), work_mem_needed(wide, {}));
    auto join = sort_of(100000, 40, 2);
    join.use = MemoryUse::hash_join;
    MemorySettings single;
    single.hash_mem_multiplier = 1;
    EXPECT_NEAR(work_mem_needed(join, single), 2 * work_mem_needed(join, {}), 1);
}

// A spill seen gives back the rows that made it, whatever the planner thought.
RC_GTEST_PROP(MemoryNeedProperty, ObservedBlocksCorrectTheRows, ()) {
    MemorySettings settings;
    settings.work_mem = *rc::gen::inRange(1, 16) * megabyte;
    const double rows = *rc::gen::inRange(200000, 900000);
    const double width = *rc::gen::inRange(20, 400);
    auto truth = sort_of(rows, width, 2);
    if (*rc::gen::arbitrary<bool>()) {
        truth.use = MemoryUse::hash_join;
        truth.input_rows = rows * 1.5;
        truth.input_width = 30;
    }
    const double spilled = spilled_bytes(truth, settings);
    RC_PRE(spilled > 0);
    auto thought = truth;
    const double wrong = *rc::gen::inRange(30, 300) / 100.0;
    thought.rows *= wrong;
    thought.input_rows *= wrong;
    const auto back = corrected({thought}, settings, spilled);
    // Passes and batches are whole numbers: several row counts may write nearly the same.
    RC_ASSERT(std::abs(work_mem_needed(back.front(), settings) / work_mem_needed(truth, settings) - 1) < 1.1);
    RC_ASSERT(std::abs(spilled_bytes(back.front(), settings) / spilled - 1) < 0.75);
}

RC_GTEST_PROP(MemoryNeedProperty, NeededMemoryLeavesNoSpill, ()) {
    auto node = sort_of(*rc::gen::inRange(1, 2000000), *rc::gen::inRange(1, 2000), *rc::gen::inRange(1, 20));
    node.use = *rc::gen::element(MemoryUse::sort, MemoryUse::bounded_sort, MemoryUse::hash_join,
                                 MemoryUse::hash_aggregate, MemoryUse::tuple_store);
    node.bound = *rc::gen::inRange(1, 100000);
    node.input_rows = node.rows;
    node.aggregates = *rc::gen::inRange(0, 4);
    node.processes = *rc::gen::inRange(1, 5);
    MemorySettings settings;
    settings.server_major = *rc::gen::inRange(13, 19);
    settings.work_mem = work_mem_needed(node, settings);
    RC_ASSERT(spilled_bytes(node, settings) == 0);
}

// The cap, in 10,000 random situations: what is granted never takes more than there is, even if everything runs at its
// concurrency and every process takes all it may.
TEST(MemoryCap, IsNeverBroken) {
    constexpr int situations = 10000;
    std::mt19937 random(20261122);  // NOLINT(cert-msc51-cpp): the same situations in every run
    const auto number = [&random](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    int refusals = 0, grants = 0;
    for (int situation = 0; situation < situations; ++situation) {
        const double available = number(0, 1 << 20) * 64.0 * 1024;
        std::vector<MemoryDemand> demands;
        for (int i = number(0, 40); i > 0; --i) {
            demands.push_back({static_cast<double>(number(1, 200)), static_cast<double>(number(1, 60)),
                               std::exp2(number(6, 20)) * 1024.0});
        }
        const auto granted = grant(demands, available);
        ASSERT_EQ(granted.size(), demands.size());
        double taken = 0;
        for (std::size_t i = 0; i < demands.size(); ++i) {
            const double bytes = demands[i].concurrency * demands[i].shares * demands[i].work_mem;
            // Nothing is refused without need either: what is refused would not have fitted at its turn.
            if (granted[i]) {
                taken += bytes;
            } else {
                ASSERT_GT(taken + bytes, available) << "situation " << situation;
            }
            ++(granted[i] ? grants : refusals);
        }
        ASSERT_LE(taken, available) << "situation " << situation;
    }
    EXPECT_GT(grants, situations);
    EXPECT_GT(refusals, situations);
}

TEST(MemoryCap, IsUnknownWithoutBothFigures) {
    EXPECT_FALSE(available_bytes(std::nullopt, 50));
    EXPECT_FALSE(available_bytes(base::mebibytes(100), std::nullopt));
    EXPECT_FALSE(available_bytes(base::mebibytes(100), 140));
    EXPECT_EQ(available_bytes(base::mebibytes(100), 25), 25 * megabyte);
}

plan::Plan run_of(double time_ms, std::int64_t temp_written, double rows) {
    plan::Plan plan;
    plan.execution_time_ms = time_ms;
    plan.root.buffers = plan::Buffers{};
    plan.root.buffers->temp_written = temp_written;
    plan.root.actuals = plan::Actuals{0, time_ms, rows, 1};
    return plan;
}

TEST(CompareRuns, TellsAGainFromNone) {
    const auto gain = compare_runs({run_of(200, 500, 7), run_of(900, 500, 7), run_of(210, 500, 7)},
                                   {run_of(140, 0, 7), run_of(150, 0, 7), run_of(145, 0, 7)});
    ASSERT_TRUE(gain);
    EXPECT_TRUE(gain->helped);
    EXPECT_TRUE(gain->spill_removed);
    EXPECT_NEAR(gain->gain_percent, 100 * (1 - 145.0 / 210), 1e-9);
    const auto none = compare_runs({run_of(200, 500, 7)}, {run_of(195, 0, 7)});
    ASSERT_TRUE(none);
    EXPECT_FALSE(none->helped);
    EXPECT_TRUE(none->spill_removed);
}

TEST(CompareRuns, RefusesWhatCannotBeCompared) {
    EXPECT_EQ(compare_runs({plan::Plan{}}, {run_of(1, 0, 1)}).error().code, base::ErrorCode::fix_input);
    EXPECT_EQ(compare_runs({}, {}).error().code, base::ErrorCode::fix_input);
    EXPECT_EQ(compare_runs({run_of(2, 0, 5)}, {run_of(1, 0, 6)}).error().code, base::ErrorCode::unprocessable);
}

}  // namespace
}  // namespace pganalytics::parameters
