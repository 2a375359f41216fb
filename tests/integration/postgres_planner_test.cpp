// ServerPlanner on a real server: privileges, hypothetical indexes, settings, and what it leaves behind: nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "postgres/server_planner.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::postgres {
namespace {

using base::ErrorCode;
using test_support::query_value;
using test_support::TestCluster;
using ::testing::HasSubstr;

class Planner : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<TestCluster>();
        cluster_->run(R"(
            CREATE TABLE thing (id int PRIMARY KEY, owner int NOT NULL, name text NOT NULL, made date NOT NULL);
            INSERT INTO thing SELECT i, i % 1000, 'thing ' || i, date '2024-01-01' + i % 365 FROM generate_series(1, 20000) i;
            CREATE TABLE log (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
            CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
            CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
            INSERT INTO log SELECT timestamptz '2024-01-01' + i * interval '1 hour', 'x' FROM generate_series(1, 17000) i;
            CREATE SEQUENCE touched;
            CREATE FUNCTION touch() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT nextval(''touched'')::int';
            CREATE ROLE reader LOGIN;
            GRANT pg_monitor, pg_read_all_data TO reader;
            CREATE ROLE stranger LOGIN;
            ANALYZE;
            CREATE DATABASE without_hypopg;
        )");
        if (has_hypopg()) {
            cluster_->run("CREATE SCHEMA \"Tool box\"; CREATE EXTENSION hypopg SCHEMA \"Tool box\"");
            cluster_->run("GRANT USAGE ON SCHEMA \"Tool box\" TO reader");
        }
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static TestCluster& cluster() { return *cluster_; }
    static bool has_hypopg() {
        auto connection = cluster_->connect();
        return query_value(connection, "SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'") == "1";
    }
    static Connection reader() { return cluster().connect("postgres", "reader", ConnectOptions{}); }

    static void expect_nothing_left(Connection& connection) {
        EXPECT_FALSE(connection.in_transaction());
        EXPECT_EQ(query_value(connection, "SELECT count(*) FROM pg_prepared_statements"), "0");
        if (!has_hypopg()) return;
        EXPECT_EQ(query_value(connection, "SELECT count(*) FROM \"Tool box\".hypopg()"), "0");
    }

  private:
    static inline std::unique_ptr<TestCluster> cluster_;
};

bool plan_mentions(const plan::Plan& plan, std::string_view name) {
    bool found = false;
    plan::for_each_node(plan.root, [&](const plan::Node& node, int) {
        found = found || node.index_name.find(name) != std::string::npos || node.relation == name;
    });
    return found;
}

TEST_F(Planner, PlansParametersGenericallyAndLiteralsAsTheyAre) {
    auto connection = reader();
    ServerPlanner planner(connection);
    const auto generic = planner.plan("SELECT * FROM thing WHERE owner = $1");
    ASSERT_TRUE(generic) << generic.error().to_string();
    EXPECT_EQ(generic->source, plan::PlanSource::generic);
    EXPECT_TRUE(generic->repairs.empty());
    EXPECT_THAT(generic->explain_json, HasSubstr("$1"));
    EXPECT_EQ(generic->plan.root.schema, "public");
    EXPECT_FALSE(generic->plan.settings.contains("plan_cache_mode"));
    const auto literals = planner.plan("SELECT * FROM thing WHERE owner = 7");
    ASSERT_TRUE(literals);
    EXPECT_EQ(literals->source, plan::PlanSource::literals);
    EXPECT_THAT(literals->explain_json, HasSubstr("(thing.owner = 7)"));
    expect_nothing_left(connection);
}

TEST_F(Planner, NothingIsExecuted) {
    auto connection = cluster().connect("postgres", "postgres", ConnectOptions{});
    ServerPlanner planner(connection);
    ASSERT_TRUE(planner.plan("SELECT touch() FROM thing WHERE id = $1"));
    ASSERT_TRUE(planner.plan("DELETE FROM thing"));
    ASSERT_TRUE(planner.plan("EXPLAIN ANALYZE DELETE FROM thing WHERE owner = touch()"));
    EXPECT_EQ(query_value(connection, "SELECT is_called FROM touched"), "f");
    EXPECT_EQ(query_value(connection, "SELECT count(*) FROM thing"), "20000");
}

TEST_F(Planner, TwoStatementsOrUtilitiesAreRefused) {
    auto connection = cluster().connect("postgres", "postgres", ConnectOptions{});
    ServerPlanner planner(connection);
    for (const auto* text : {"SELECT 1; DELETE FROM thing", "VACUUM thing", "CREATE TABLE t (a int)",
                             "SET work_mem = $1", "SELEC 1", "", "BEGIN", "SELECT * FROM nowhere WHERE id = $1"}) {
        const auto planned = planner.plan(text);
        ASSERT_FALSE(planned) << text;
        EXPECT_EQ(planned.error().code, ErrorCode::fix_input) << text << ": " << planned.error().to_string();
        expect_nothing_left(connection);
    }
    EXPECT_EQ(query_value(connection, "SELECT count(*) FROM thing"), "20000");
}

TEST_F(Planner, QueriesInsideOtherStatementsArePlanned) {
    auto connection = cluster().connect("postgres", "postgres", ConnectOptions{});
    ServerPlanner planner(connection);
    for (const auto* text :
         {"DECLARE c CURSOR FOR SELECT * FROM thing WHERE owner = $1",
          "CREATE TABLE copy AS SELECT * FROM thing WHERE owner = 5", "COPY (SELECT * FROM thing) TO STDOUT",
          "EXPLAIN SELECT * FROM thing", "SELECT * INTO other FROM thing WHERE owner = $1",
          "PREPARE x AS SELECT * FROM thing WHERE owner = $1"}) {
        const auto planned = planner.plan(text);
        ASSERT_TRUE(planned) << text << ": " << planned.error().to_string();
        EXPECT_TRUE(plan_mentions(planned->plan, "thing")) << text;
        EXPECT_FALSE(planned->repairs.empty()) << text;
    }
}

TEST_F(Planner, WritesWithoutThePrivilegeArePlannedAsTheirSelect) {
    auto connection = reader();
    ServerPlanner planner(connection);
    for (const auto* text :
         {"UPDATE thing SET name = $1 WHERE owner = $2", "DELETE FROM thing WHERE owner = $1",
          "INSERT INTO thing SELECT id + $1, owner, name, made FROM thing WHERE owner = $2",
          "UPDATE thing t SET name = u.name FROM thing u WHERE u.id = t.owner AND u.owner = $1 RETURNING t.id",
          "SELECT * FROM thing WHERE owner = $1 FOR UPDATE",
          "WITH d AS (DELETE FROM thing WHERE owner = $1 RETURNING id) SELECT count(*) FROM d WHERE id > $2"}) {
        const auto planned = planner.plan(text);
        ASSERT_TRUE(planned) << text << ": " << planned.error().to_string();
        EXPECT_TRUE(planned->dml_as_select) << text;
        EXPECT_TRUE(plan_mentions(planned->plan, "thing")) << text;
        EXPECT_THAT(planned->planned_text, HasSubstr("SELECT")) << text;
        expect_nothing_left(connection);
    }
}

TEST_F(Planner, AMissingReadPrivilegeNamesTheGrant) {
    auto connection = cluster().connect("postgres", "stranger", ConnectOptions{});
    ServerPlanner planner(connection);
    const auto planned = planner.plan("SELECT * FROM thing WHERE owner = $1");
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::grant_access);
    EXPECT_THAT(planned.error().hint, HasSubstr("TO \"stranger\""));
}

TEST_F(Planner, UnknownPartitionKeysPruneNothingAndKnownOnesDo) {
    auto connection = reader();
    ServerPlanner planner(connection);
    const auto generic = planner.plan("SELECT count(*) FROM log WHERE at > $1");
    ASSERT_TRUE(generic) << generic.error().to_string();
    EXPECT_TRUE(plan_mentions(generic->plan, "log_1") && plan_mentions(generic->plan, "log_2"));
    EXPECT_FALSE(generic->plan.settings.contains("enable_partition_pruning"));
    const auto literals = planner.plan("SELECT count(*) FROM log WHERE at > '2025-03-01'");
    ASSERT_TRUE(literals);
    EXPECT_FALSE(plan_mentions(literals->plan, "log_1"));
}

TEST_F(Planner, SettingsChangeThePlanAndAreShown) {
    auto connection = reader();
    ServerPlanner planner(connection);
    plan::WhatIf no_index;
    no_index.settings = {{"enable_indexscan", "off"}, {"enable_bitmapscan", "off"}, {"work_mem", "9MB"}};
    const auto planned = planner.plan("SELECT * FROM thing WHERE id = $1", no_index);
    ASSERT_TRUE(planned) << planned.error().to_string();
    EXPECT_EQ(planned->plan.root.type, plan::NodeType::seq_scan);
    EXPECT_EQ(planned->plan.settings.at("work_mem"), "9MB");
    const auto as_is = planner.plan("SELECT * FROM thing WHERE id = $1");
    ASSERT_TRUE(as_is);
    EXPECT_EQ(as_is->plan.root.type, plan::NodeType::index_scan);
    plan::WhatIf wrong;
    wrong.settings = {{"work_mem", "lots"}};
    const auto refused = planner.plan("SELECT 1", wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::fix_input);
    expect_nothing_left(connection);
}

TEST_F(Planner, HypotheticalIndexesAreUsedSizedAndForgotten) {
    ASSERT_TRUE(has_hypopg()) << "install the server's HypoPG package";
    auto connection = reader();
    ServerPlanner planner(connection);
    ASSERT_TRUE(planner.can_hypothesize());
    const auto before = planner.plan("SELECT * FROM thing WHERE owner = $1");
    plan::WhatIf what_if;
    what_if.hypothetical_indexes = {"CREATE INDEX ON thing (owner)", "CREATE INDEX ON public.thing (made, name)"};
    const auto after = planner.plan("SELECT * FROM thing WHERE owner = $1", what_if);
    ASSERT_TRUE(before && after) << after.error().to_string();
    ASSERT_EQ(after->hypothetical.size(), 2U);
    EXPECT_TRUE(plan_mentions(after->plan, after->hypothetical[0].name));
    EXPECT_FALSE(plan_mentions(after->plan, after->hypothetical[1].name));
    EXPECT_GT(after->hypothetical[0].estimated_size.value, 100000);
    EXPECT_LT(after->plan.total_cost().value, before->plan.total_cost().value / 2);
    expect_nothing_left(connection);
    const auto again = planner.plan("SELECT * FROM thing WHERE owner = $1");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->plan.total_cost().value, before->plan.total_cost().value);
}

TEST_F(Planner, AnIndexThatCannotBeSupposedIsSaid) {
    ASSERT_TRUE(has_hypopg()) << "install the server's HypoPG package";
    auto connection = reader();
    ServerPlanner planner(connection);
    plan::WhatIf gin;
    gin.hypothetical_indexes = {"CREATE INDEX ON thing USING gin (to_tsvector('english', name))"};
    const auto planned = planner.plan("SELECT * FROM thing WHERE owner = $1", gin);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::unsupported) << planned.error().to_string();
    plan::WhatIf nonsense;
    nonsense.hypothetical_indexes = {"CREATE INDEX ON thing (nothing)"};
    EXPECT_FALSE(planner.plan("SELECT * FROM thing WHERE owner = $1", nonsense));
    expect_nothing_left(connection);
}

TEST_F(Planner, WithoutHypoPgTheStatementToInstallItIsNamed) {
    auto connection = cluster().connect("without_hypopg", "postgres", ConnectOptions{});
    ServerPlanner planner(connection);
    plan::WhatIf what_if;
    what_if.hypothetical_indexes = {"CREATE INDEX ON pg_class (relpages)"};
    const auto planned = planner.plan("SELECT * FROM pg_class WHERE relpages = $1", what_if);
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::install_extension);
    EXPECT_THAT(planned.error().hint, HasSubstr("CREATE EXTENSION hypopg"));
    EXPECT_EQ(planner.can_hypothesize().error().code, ErrorCode::install_extension);
    EXPECT_TRUE(planner.plan("SELECT * FROM pg_class WHERE relpages = $1"));
}

TEST_F(Planner, ALockedTableIsRetryLaterAndSoon) {
    auto holder = cluster().connect();
    const auto transaction = Transaction::begin(holder, Transaction::Mode::read_write);
    ASSERT_TRUE(holder.query("LOCK TABLE log IN ACCESS EXCLUSIVE MODE"));
    auto connection = reader();
    ServerPlannerOptions options;
    options.lock_timeout = std::chrono::milliseconds(100);
    ServerPlanner planner(connection, options);
    const auto started = std::chrono::steady_clock::now();
    const auto planned = planner.plan("SELECT * FROM log WHERE at > $1");
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1));
    ASSERT_FALSE(planned);
    EXPECT_EQ(planned.error().code, ErrorCode::retry_later);
    expect_nothing_left(connection);
}

TEST_F(Planner, WhatWorkedOnceIsRemembered) {
    auto connection = reader();
    ServerPlanner planner(connection);
    const std::string text = "SELECT * FROM thing WHERE made > date $1 - interval $2 AND extract($3 FROM made) = $4";
    const auto first = planner.plan(text);
    ASSERT_TRUE(first) << first.error().to_string();
    EXPECT_FALSE(first->repairs.empty());
    const auto second = planner.plan(text);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->planned_text, first->planned_text);
    EXPECT_EQ(second->repairs, first->repairs);
    expect_nothing_left(connection);
}

TEST_F(Planner, ALostConnectionIsAnErrorNotACrash) {
    auto connection = reader();
    ServerPlanner planner(connection);
    ASSERT_TRUE(planner.plan("SELECT 1"));
    cluster().run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'");
    const auto planned = planner.plan("SELECT * FROM thing WHERE owner = $1");
    ASSERT_FALSE(planned);
    EXPECT_TRUE(planned.error().code == ErrorCode::connect_failed || planned.error().code == ErrorCode::retry_later);
    EXPECT_FALSE(connection.healthy());
    const auto again = planner.plan("SELECT 1");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::connect_failed);
}

}  // namespace
}  // namespace pganalytics::postgres
