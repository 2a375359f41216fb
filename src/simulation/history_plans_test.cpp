#include "simulation/history_plans.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "plan/plan.hpp"

namespace pganalytics::simulation {
namespace {

HistorySimulator simulated(std::string_view scenario_name, std::uint64_t seed) {
    const auto scenario = parse_scenario(builtin_scenario(scenario_name), seed);
    HistoryOptions options;
    options.seed = seed;
    options.ends = base::Timestamp(std::chrono::hours(500'000));
    auto history = HistorySimulator::make(*scenario, options);
    return std::move(*history);
}

/// Kendall's tau of times and costs.
double agreement(const std::vector<std::pair<double, double>>& pairs) {
    double agree = 0, all = 0;
    for (const auto& [time, cost] : pairs) {
        for (const auto& [other_time, other_cost] : pairs) {
            if (time >= other_time) continue;
            agree += cost < other_cost ? 1 : cost > other_cost ? -1 : 0;
            ++all;
        }
    }
    return agree / all;
}

TEST(HistoryPlansTest, EachStatementHasAPlanWhoseCostFollowsItsTime) {
    const auto history = simulated("office", 3);
    std::map<base::QueryHash, double> costs;
    for (const auto& plan : captured_plans(history)) {
        const auto parsed = plan::parse_explain_json(plan.plan_json);
        ASSERT_TRUE(parsed) << plan.plan_json;
        EXPECT_EQ(plan::shape_hash(*parsed), plan.shape_hash);
        EXPECT_GT(plan.total_cost, 0);
        costs[plan.query_hash] = plan.total_cost;
    }
    std::vector<std::pair<double, double>> pairs;
    for (const auto& statement : history.statements()) {
        ASSERT_TRUE(costs.contains(statement.query_hash)) << statement.text;
        pairs.emplace_back(statement.mean_time_ms, costs[statement.query_hash]);
    }
    EXPECT_GT(agreement(pairs), 0.7);
    EXPECT_LT(agreement(pairs), 1) << "a planner is never exact";
}

TEST(HistoryPlansTest, AChangeOfTimesIsAChangeOfPlan) {
    const auto history = simulated("migration", 3);
    bool slower = false;
    for (const auto& change : history.truth().changes) slower = slower || change.time_factor != 1;
    ASSERT_TRUE(slower) << "the scenario plants one";
    EXPECT_GT(captured_plans(history).size(), history.statements().size());
}

TEST(HistoryPlansTest, AreTheSameEachTime) {
    const auto first = captured_plans(simulated("batch", 9)), second = captured_plans(simulated("batch", 9));
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].plan_json, second[i].plan_json);
}

}  // namespace
}  // namespace pganalytics::simulation
