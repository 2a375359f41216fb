// The whole way from a server to advice, scored against what is planted, over ten seeds: every one- and two-column
// index fault and every varying IN list is found, and nothing is invented on the healthy statements.
// PGANALYTICS_SHOP_SEEDS picks other seeds ("3,17,99").

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "evaluation/advice_score.hpp"
#include "postgres/server_planner.hpp"
#include "simulation/shop.hpp"
#include "simulation/shop_check.hpp"
#include "simulation/shop_traffic.hpp"
#include "support/test_cluster.hpp"
#include "workflow/live_analysis.hpp"

namespace pganalytics {
namespace {

using Clock = std::chrono::steady_clock;
using test_support::TestCluster;

std::vector<std::string> seeds() {
    const auto* chosen = std::getenv("PGANALYTICS_SHOP_SEEDS");
    if (chosen != nullptr) return base::split(chosen, ',');
    return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
}

/// Kinds of fault that B-trees of one and two columns, arrays in place of lists, and parameters mend.
const std::set<std::string> expected_kinds{
    "missing_index",  "missing_composite_index", "foreign_key_without_index", "varying_in_list", "sort_spill",
    "unbounded_list", "single_row_loop"};
/// Its hash join spills, and memory would not make it faster.
constexpr std::string_view harmless_spill = "turnover_check";

class ShopScore : public ::testing::TestWithParam<std::string> {
  protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<TestCluster>();
        cluster_->run("create extension pg_stat_statements");
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static TestCluster& cluster() { return *cluster_; }

  private:
    static inline std::unique_ptr<TestCluster> cluster_;
};

TEST_P(ShopScore, FindsWhatIsPlantedAndInventsNothing) {
    const auto seed = std::stoull(GetParam());
    const std::string database = "shop" + GetParam();
    cluster().run("create database " + database);
    cluster().run("create extension pg_stat_statements; create extension hypopg", database);
    auto connection = cluster().connect(database);
    auto created = simulation::create_shop(connection, {seed, 1, {}});
    ASSERT_TRUE(created) << created.error().to_string();
    auto truth = std::move(created->truth);
    postgres::ServerPlanner planner(connection);
    const auto established = simulation::establish_alternatives(connection, planner, truth);
    ASSERT_TRUE(established) << established.error().to_string();

    cluster().run("select pg_stat_statements_reset()");
    simulation::TrafficOptions options;
    options.office_hours = false;
    options.pace = 3;
    simulation::ShopTraffic traffic(cluster().conninfo(database), truth, options);
    ASSERT_TRUE(traffic.start());
    std::this_thread::sleep_for(std::chrono::seconds(12));
    traffic.stop();

    const auto harmless = std::find_if(truth.statements.begin(), truth.statements.end(),
                                       [](const auto& statement) { return statement.name == harmless_spill; });
    ASSERT_NE(harmless, truth.statements.end());
    {
        // It is rare: in a short run it might not come up.
        postgres::ConnectOptions untagged;
        untagged.tagged = false;
        auto once = cluster().connect(database, TestCluster::superuser, untagged);
        ASSERT_TRUE(once.query(harmless->text));
    }

    workflow::LiveRequest request;
    request.conninfo = cluster().conninfo(database);
    const auto start = Clock::now();
    const auto report = workflow::analyze_live(request);
    ASSERT_TRUE(report) << report.error().to_string();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();

    std::vector<evaluation::ScoredAdvice> advice;
    for (const auto& analysis : report->analyses) {
        for (const auto& ranked : analysis.advice) {
            evaluation::ScoredAdvice item{ranked.advice.identity, ranked.advice.rule, ranked.advice.statement, {}};
            for (const auto& served : ranked.advice.served) item.query_hashes.push_back(served.query_hash);
            advice.push_back(std::move(item));
        }
    }
    const auto score = evaluation::score_advice(truth, advice);
    std::cout << "seed " << seed << ", analysed in " << took << " s\n" << score.to_table() << "\n";
    for (const auto& analysis : report->analyses) {
        for (const auto& note : analysis.notes) {
            const auto* about = truth.find(note.query_hash);
            if (about != nullptr && !about->healthy) std::cout << about->name << ": " << note.text << "\n";
        }
    }
    int called_harmless = 0;
    for (const auto& analysis : report->analyses) {
        for (const auto& note : analysis.notes) {
            const bool is_it = note.query_hash == harmless->query_hashes.front();
            called_harmless += is_it && note.text.find("More memory will not help") != std::string::npos ? 1 : 0;
        }
    }
    EXPECT_EQ(called_harmless, 1);
    EXPECT_EQ(score.invented_on_healthy, 0);
    EXPECT_EQ(score.invented, 0);
    for (const auto& kind : score.kinds) {
        if (!expected_kinds.contains(kind.kind)) continue;
        EXPECT_EQ(kind.missed, 0) << kind.kind << ": " << base::join(kind.missed_ids, ", ");
    }
    EXPECT_LT(took, 10);
    connection = cluster().connect();
    cluster().run("drop database " + database + " with (force)");
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShopScore, ::testing::ValuesIn(seeds()),
                         [](const auto& seed) { return "seed_" + seed.param; });

}  // namespace
}  // namespace pganalytics
