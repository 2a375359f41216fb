// Parameter advice of a workload, all but the planner's own time: a query's share is the time over the number of
// queries.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "parameters/parameters.hpp"
#include "sql/identity.hpp"

namespace {

using namespace pganalytics;

/// Every statement sorts; the answer is made once.
class SortingPlanner : public plan::Planner {
  public:
    SortingPlanner() {
        auto& sort = planned_.plan.root;
        sort.type = plan::NodeType::sort;
        sort.type_name = "Sort";
        sort.plan_rows = 200000;
        sort.plan_width = 60;
        sort.total_cost = base::Cost{30000};
        sort.output = {"id", "label"};
        sort.sort_key = {"label"};
        sort.children.emplace_back();
        sort.children.front().plan_rows = 200000;
    }
    base::Result<plan::PlannedStatement> plan(std::string_view, const plan::WhatIf&) override { return planned_; }
    base::Status can_hypothesize() override { return {}; }

  private:
    plan::PlannedStatement planned_;
};

workload::Workload workload_of(int statements) {
    workload::Workload workload;
    workload.database_name = "shop";
    workload.window = base::Minutes{60};
    for (int i = 0; i < statements; ++i) {
        workload::ObservedStatement statement;
        const bool spills = i % 3 == 0, lists = i % 3 == 1;
        statement.text = spills  ? fmt::format("select id, label from facts_{} where a = $1 order by label", i)
                         : lists ? fmt::format("select id, label, body from facts_{}", i)
                                 : fmt::format("insert into facts_{} (id, label, body) values ($1, $2, $3)", i);
        statement.query_hash = sql::query_hash(statement.text);
        statement.sum.calls = spills || lists ? 600 : 600000;
        statement.sum.rows = statement.sum.calls * (lists ? 5000 : 1);
        statement.sum.total_exec_time_ms = static_cast<double>(statement.sum.calls) * (spills ? 200 : 1);
        statement.sum.temp_blks_written = spills ? statement.sum.calls * 3000 : 0;
        statement.sum.temp_blks_read = statement.sum.temp_blks_written;
        workload.statements.push_back(std::move(statement));
    }
    return workload;
}

void advise(benchmark::State& state) {
    const auto workload = workload_of(static_cast<int>(state.range(0)));
    const catalog::Database database;
    SortingPlanner planner;
    for (auto _ : state) benchmark::DoNotOptimize(parameters::find_parameters(workload, database, planner));
    state.counters["a_query"] =
        benchmark::Counter(static_cast<double>(state.range(0)),
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(advise)->Arg(1)->Arg(100)->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
