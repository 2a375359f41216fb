// setup-target and check against a real server: the roles that setup_steps makes are enough for their tier and no more,
// and each thing that is missing is found with the statement that mends it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/text.hpp"
#include "collector/activity_sampler.hpp"
#include "collector/catalog_reader.hpp"
#include "collector/check.hpp"
#include "collector/setup_target.hpp"
#include "collector/workload_reader.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::collector {
namespace {

using test_support::TestCluster;
using test_support::TestClusterOptions;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

CheckReport check(const TestCluster& cluster, std::string_view user, std::string_view database = "postgres") {
    auto report = check_target(cluster.conninfo(database, user));
    if (!report) throw std::runtime_error(report.error().to_string());
    return std::move(report).value();
}

const Finding& finding(const CheckReport& report, std::string_view code) {
    const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                    [&](const Finding& one) { return one.code == code; });
    if (found == report.findings.end()) throw std::runtime_error("no finding " + std::string(code));
    return *found;
}

/// Runs a finding's remedy, as an administrator would.
void mend(TestCluster& cluster, const Finding& one) {
    cluster.run(one.remedy, one.database.empty() ? "postgres" : one.database);
    if (one.needs_restart) {
        cluster.stop();
        cluster.start();
    } else {
        cluster.run("select pg_reload_conf()");
    }
}

void set_up(const TestCluster& cluster, std::initializer_list<Tier> tiers, SetupOptions options = {}) {
    const auto conninfo = cluster.conninfo();
    auto connection = cluster.connect();
    auto facts = read_server_facts(connection);
    ASSERT_TRUE(facts);
    auto schemas = read_schemas(conninfo, *facts);
    ASSERT_TRUE(schemas);
    for (const auto& step : setup_steps(facts->version, *schemas, options))
        if (std::find(tiers.begin(), tiers.end(), step.tier) != tiers.end())
            cluster.run(step.sql, step.database.empty() ? "postgres" : step.database);
}

constexpr std::string_view shop = R"(
create schema sales;
create table sales.orders (id int primary key, buyer int, note text);
insert into sales.orders select i, i % 100, 'n' from generate_series(1, 5000) i;
analyze sales.orders;
)";

TEST(SetupTarget, ItsCountersRoleReadsCountersAndNoData) {
    TestCluster cluster;
    cluster.run(shop);
    set_up(cluster, {Tier::counters});
    set_up(cluster, {Tier::counters});  // repeatable
    auto connection = cluster.connect("postgres", "pganalytics", postgres::ConnectOptions{});
    const auto facts = read_server_facts(connection);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->monitor);
    EXPECT_FALSE(facts->superuser);
    EXPECT_EQ(facts->connection_limit, 5);
    EXPECT_TRUE(facts->system_identifier);
    EXPECT_FALSE(connection.query("select * from sales.orders"));
    {
        postgres::ConnectOptions options;
        options.tagged = false;
        auto shop_client = cluster.connect("postgres", "postgres", options);
        ASSERT_TRUE(shop_client.query("select count(*) from sales.orders where buyer = 7"));
    }
    const auto workload = read_workload(connection, cluster.conninfo("postgres", "pganalytics"), *facts);
    ASSERT_TRUE(workload) << workload.error().to_string();
    EXPECT_EQ(workload->hidden, 0);
    ASSERT_EQ(workload->workloads.size(), 1U);
    ASSERT_EQ(workload->workloads[0].statements.size(), 1U) << "ours are left out";
    EXPECT_EQ(workload->workloads[0].statements[0].sum.calls, 1);
    EXPECT_GT(workload->workloads[0].window.count(), 0);
    const auto report = check(cluster, "pganalytics");
    EXPECT_TRUE(report.tiers.at(0).reached) << report.tiers.at(0).why_not;
    EXPECT_FALSE(report.tiers.at(1).reached);
    EXPECT_THAT(report.tiers.at(1).why_not, HasSubstr("may not read"));
    EXPECT_FALSE(connection.query("create table sales.intruder (x int)"));
}

TEST(SetupTarget, ItsPlanningRoleMayExplainAndSeesStatistics) {
    TestCluster cluster;
    cluster.run(shop);
    set_up(cluster, {Tier::counters, Tier::planning});
    auto connection = cluster.connect("postgres", "pganalytics", postgres::ConnectOptions{});
    EXPECT_TRUE(connection.query("explain select * from sales.orders where buyer = 1"));
    const auto reading = read_catalog(connection);
    ASSERT_TRUE(reading);
    EXPECT_EQ(reading->unreadable_relations, 0);
    EXPECT_TRUE(reading->database.find_relation("sales", "orders")->find_column("buyer")->statistics);
    const auto report = check(cluster, "pganalytics");
    EXPECT_TRUE(report.tiers.at(1).reached) << report.tiers.at(1).why_not;
    EXPECT_THAT(report.findings, Each(Field(&Finding::severity, Severity::advice)));
    const auto denied = connection.query("insert into sales.orders values (-1, 1, 'x')");
    EXPECT_FALSE(denied);
}

TEST(SetupTarget, ItsConnectionLimitHoldsOverTheWholeServer) {
    TestCluster cluster;
    cluster.run("create database other");
    set_up(cluster, {Tier::counters});
    std::vector<postgres::Connection> open;
    for (int i = 0; i < 5; ++i)
        open.push_back(cluster.connect(i % 2 == 0 ? "postgres" : "other", "pganalytics", postgres::ConnectOptions{}));
    EXPECT_FALSE(postgres::Connection::open(cluster.conninfo("postgres", "pganalytics")));
}

TEST(SetupTarget, ItsApplyRoleMayIndexWhatAnotherOwns) {
    TestCluster cluster;
    cluster.run(
        "create role seller; create schema s authorization seller; create table s.t (x int);"
        "alter table s.t owner to seller");
    SetupOptions options;
    options.include_apply = true;
    set_up(cluster, {Tier::counters, Tier::apply}, options);
    cluster.run("create index concurrently t_x on s.t (x)", "postgres", "pganalytics_apply");
}

TEST(Check, ASuperuserIsWarnedAgainst) {
    TestCluster cluster;
    EXPECT_EQ(finding(check(cluster, "postgres"), "superuser").severity, Severity::advice);
}

TEST(Check, FindsAndMendsAMissingPreloadAndExtension) {
    TestClusterOptions options;
    options.preload = {};
    TestCluster cluster(options);
    cluster.run("create role watcher login; grant pg_monitor to watcher");
    const auto report = check(cluster, "watcher");
    EXPECT_EQ(report.findings.front().severity, Severity::blocking);
    EXPECT_TRUE(finding(report, "not_preloaded").needs_restart);
    EXPECT_FALSE(report.tiers.at(0).reached);
    mend(cluster, finding(report, "not_preloaded"));
    const auto second = check(cluster, "watcher");
    EXPECT_FALSE(second.has("not_preloaded"));
    mend(cluster, finding(second, "extension_absent"));
    EXPECT_TRUE(check(cluster, "watcher").tiers.at(0).reached);
}

TEST(Check, FindsAndMendsHiddenTextAndAForeignSchema) {
    TestCluster cluster;
    cluster.run("create role watcher login; create schema odd; create extension pg_stat_statements schema odd");
    const auto report = check(cluster, "watcher");
    mend(cluster, finding(report, "extension_schema"));
    mend(cluster, finding(report, "not_monitor"));
    const auto second = check(cluster, "watcher");
    EXPECT_FALSE(second.has("extension_schema"));
    EXPECT_FALSE(second.has("text_hidden"));
    EXPECT_TRUE(second.tiers.at(0).reached) << second.tiers.at(0).why_not;
    cluster.run("revoke pg_monitor from watcher");
    EXPECT_THAT(finding(check(cluster, "watcher"), "text_hidden").remedy, HasSubstr("GRANT pg_monitor TO watcher"));
}

TEST(Check, FindsAnOutdatedExtension) {
    TestCluster cluster;
    cluster.run(
        "create role watcher login; grant pg_monitor to watcher;"
        "create extension pg_stat_statements version '1.8'");
    const auto report = check(cluster, "watcher");
    mend(cluster, finding(report, "extension_outdated"));
    EXPECT_FALSE(check(cluster, "watcher").has("extension_outdated"));
}

TEST(Check, FindsSettingsThatHideSomething) {
    TestClusterOptions options;
    options.settings["track_io_timing"] = "off";
    TestCluster cluster(options);
    cluster.run("create role watcher login; grant pg_monitor to watcher; create extension pg_stat_statements");
    const auto report = check(cluster, "watcher");
    EXPECT_TRUE(report.has("track_activity_query_size"));
    EXPECT_TRUE(report.has("no_hypopg"));
    mend(cluster, finding(report, "track_io_timing_off"));
    mend(cluster, finding(report, "no_hypopg"));
    const auto second = check(cluster, "watcher");
    EXPECT_FALSE(second.has("track_io_timing_off"));
    EXPECT_FALSE(second.has("no_hypopg"));
}

TEST(Check, FindsTablesWithoutStatistics) {
    TestClusterOptions options;
    options.settings["autovacuum"] = "off";
    TestCluster cluster(options);
    cluster.run(
        "create role watcher login; grant pg_monitor to watcher; create extension pg_stat_statements;"
        "create table big (x int); insert into big select generate_series(1, 5000)");
    // The counts reach the statistics views when the session that made them ends, or a little later.
    const auto report = check(cluster, "watcher");
    mend(cluster, finding(report, "never_analysed"));
    EXPECT_FALSE(check(cluster, "watcher").has("never_analysed"));
}

TEST(Check, FindsAStatementsMaxThatIsTooSmall) {
    TestClusterOptions options;
    options.settings["pg_stat_statements.max"] = "100";
    TestCluster cluster(options);
    cluster.run(
        "create role watcher login; grant pg_monitor to watcher; create extension pg_stat_statements;"
        "create table t (id int)");
    auto client = cluster.connect();
    std::string columns = "id";
    for (int i = 0; i < 260; ++i) {
        columns += ", id";
        ASSERT_TRUE(client.query("select " + columns + " from t"));
    }
    const auto report = check(cluster, "watcher");
    EXPECT_THAT(finding(report, "statements_max_too_small").remedy, HasSubstr("10000"));
}

TEST(Check, TellsADeadServerAndAWrongPassword) {
    TestCluster cluster;
    const auto conninfo = cluster.conninfo("postgres", "nobody_of_this_name");
    const auto refused = check_target(conninfo);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::connect_failed);
    cluster.stop();
    EXPECT_FALSE(check_target(cluster.conninfo()));
}

TEST(ActivitySampler, CountsWhoRunsAndWhoWaitsForALock) {
    TestCluster cluster;
    cluster.run(shop);
    cluster.run("create role watcher login; grant pg_monitor to watcher; create extension pg_stat_statements");
    auto holder = cluster.connect();
    auto waiter = cluster.connect();
    ASSERT_TRUE(holder.query("begin"));
    ASSERT_TRUE(holder.query("update sales.orders set note = 'held' where id = 1"));
    std::thread blocked([&] { (void)waiter.query("update sales.orders set note = 'waits' where id = 1"); });
    auto connection = cluster.connect("postgres", "watcher", postgres::ConnectOptions{});
    base::Result<ActivityReading> reading = ActivityReading{};
    for (int i = 0; i < 300; ++i) {
        reading = sample_activity(connection);
        ASSERT_TRUE(reading) << reading.error().to_string();
        if (!reading->databases.empty() && reading->databases[0].waiting_for_lock > 0) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_EQ(reading->databases.size(), 1U);
    const auto& database = reading->databases[0];
    EXPECT_EQ(database.waiting_for_lock, 1);
    EXPECT_EQ(database.active, 1);
    EXPECT_EQ(database.idle_in_transaction, 1);
    EXPECT_EQ(database.total, 2) << "ourselves left out";
    EXPECT_TRUE(database.longest_transaction_seconds);
    EXPECT_EQ(database.lock_waits.size(), 1U);
    EXPECT_GT(reading->configured_at, base::Timestamp{});
    ASSERT_TRUE(holder.query("rollback"));
    blocked.join();
}

}  // namespace
}  // namespace pganalytics::collector
