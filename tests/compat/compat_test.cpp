// PostgreSQL 13 to 18: the same loads, statements and schema on each, collected as the roles that setup_steps makes.
// Deltas of every counter are compared with what the server's own view says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "collector/catalog_reader.hpp"
#include "collector/check.hpp"
#include "collector/setup_target.hpp"
#include "collector/statement_sampler.hpp"
#include "collector/workload_reader.hpp"
#include "indexes/missing_index.hpp"
#include "integration/collector_support.hpp"
#include "postgres/server_planner.hpp"
#include "support/test_cluster.hpp"
#include "workload/counter_fields.hpp"

namespace pganalytics {
namespace {

namespace fs = std::filesystem;
using namespace collector;
using collector_tests::application;
using collector_tests::run_times;
using test_support::TestCluster;
using test_support::TestClusterOptions;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto majors = std::to_array<int>({13, 14, 15, 16, 17, 18});

workload::ExtensionVersion extension_of(int major) {
    switch (major) {
        case 13:
            return {1, 8};
        case 14:
            return {1, 9};
        case 15:
        case 16:
            return {1, 10};
        case 17:
            return {1, 11};
        default:
            return {1, 12};
    }
}

/// Whether a user that is not us may pass through every folder above.
bool open_to_others(const fs::path& folder) {
    for (auto at = folder; at.has_relative_path(); at = at.parent_path())
        if ((fs::status(at).permissions() & fs::perms::others_exec) == fs::perms::none) return false;
    return true;
}

/// Debian's 15, else the npm package, copied where the unprivileged user can reach it if it lies in a closed folder.
fs::path binaries_of(int major) {
    const auto debian = fs::path("/usr/lib/postgresql") / std::to_string(major) / "bin";
    if (major == 15) return debian;
    const auto package = fs::path(PGANALYTICS_SOURCE_DIR) / "tests/compat/node_modules" /
                         ("postgresql-" + std::to_string(major)) / "native";
    if (!fs::exists(package / "bin/postgres"))
        throw std::runtime_error("PostgreSQL " + std::to_string(major) +
                                 " is not there: run `npm ci` in tests/compat (make test-compat does)");
    if (open_to_others(package)) return package / "bin";
    const auto copy = fs::temp_directory_path() / ("pgan-compat-" + std::to_string(::getpid())) / std::to_string(major);
    if (!fs::exists(copy)) {
        fs::create_directories(copy.parent_path());
        fs::copy(package, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
    return copy / "bin";
}

constexpr std::string_view schema = R"(
create schema sales;
create table sales.customers (id int primary key, name text not null, region int);
create table sales.orders (id int primary key, customer_id int not null references sales.customers, placed timestamptz,
                           amount numeric, state text check (state <> ''));
create index orders_open on sales.orders (placed) where state = 'open';
create table events (at timestamptz, payload jsonb) partition by range (at);
create table events_a partition of events for values from ('2020-01-01') to ('2021-01-01');
create table events_b partition of events for values from ('2021-01-01') to ('2030-01-01');
create view sales.open_orders as select * from sales.orders where state = 'open';
insert into sales.customers select i, 'c' || i, i % 10 from generate_series(1, 5000) i;
insert into sales.orders select i, 1 + i % 5000, timestamptz '2020-01-01' + i * interval '1 minute', i % 100,
  case when i % 20 = 0 then 'open' else 'done' end from generate_series(1, 60000) i;
insert into events select timestamptz '2020-06-01' + i * interval '3 hours', '{"k": 1}' from generate_series(1, 3000) i;
)";

// Between them they move every counter that a server without JIT and without a crash can be made to move.
constexpr auto load = std::to_array<std::string_view>(
    {"select count(*) from sales.orders where customer_id = 77", "select name from sales.customers where id = 5",
     "select customer_id, amount from sales.orders order by amount, placed, state, id limit 5 offset 30000",
     "insert into sales.customers select max(id) + 1, 'new', 3 from sales.customers",
     "update sales.orders set amount = amount + 1 where id between 10 and 400",
     "select c.region, sum(o.amount) from sales.orders o join sales.customers c on c.id = o.customer_id group by "
     "c.region",
     "select count(*) from events where at >= timestamptz '2020-06-05' and at < timestamptz '2020-07-01'",
     "create temporary table if not exists scratch (x int, y text)",
     "insert into scratch select i, repeat('x', 200) from generate_series(1, 20000) i", "select sum(x) from scratch",
     "select count(*) from sales.open_orders where placed > now() - interval '20 years'"});

/// A server of one major, made once for all its tests.
class Server {
  public:
    explicit Server(int major) : major_(major), cluster_(options(major)) {
        cluster_.run("create database shop");
        cluster_.run(schema, "shop");
        cluster_.run("vacuum analyze", "shop");
        auto connection = cluster_.connect("shop");
        const auto facts = read_server_facts(connection);
        if (!facts) throw std::runtime_error(facts.error().to_string());
        CheckOptions only;
        only.databases.include = {"shop"};
        const auto schemas = read_schemas(cluster_.conninfo("shop"), *facts, only);
        if (!schemas) throw std::runtime_error(schemas.error().to_string());
        SetupOptions setup;
        setup.hypopg = major == 15;
        for (const auto& step : setup_steps(facts->version, *schemas, setup))
            cluster_.run(step.sql, step.database.empty() ? "shop" : step.database);
    }
    static Server& of(int major) {
        static std::map<int, std::unique_ptr<Server>> servers;
        auto& server = servers[major];
        if (!server) server = std::make_unique<Server>(major);
        return *server;
    }
    TestCluster& cluster() { return cluster_; }
    postgres::Connection collector() { return cluster_.connect("shop", "pganalytics", postgres::ConnectOptions{}); }
    base::Secret conninfo() { return cluster_.conninfo("shop", "pganalytics"); }
    [[nodiscard]] int major() const { return major_; }

  private:
    static TestClusterOptions options(int major) {
        TestClusterOptions options;
        options.binaries = binaries_of(major);
        options.settings = {{"track_io_timing", "on"},
                            {"pg_stat_statements.track_planning", "on"},
                            {"work_mem", "64kB"},
                            {"temp_buffers", "800kB"},
                            {"max_parallel_workers_per_gather", "2"},
                            {"min_parallel_table_scan_size", "0"},
                            {"parallel_setup_cost", "0"},
                            {"parallel_tuple_cost", "0"},
                            {"autovacuum", "off"},
                            {"jit", "off"},
                            {"jit_above_cost", "0"},
                            {"jit_inline_above_cost", "0"},
                            {"jit_optimize_above_cost", "0"}};
        return options;
    }
    int major_;
    TestCluster cluster_;
};

/// The server's own view of one statement: column name → value.
using OwnView = std::map<workload::StatementKey, std::map<std::string, double>>;

OwnView view_of(Server& server) {
    auto connection = server.cluster().connect("shop");
    const auto rows = connection.query("select * from pg_stat_statements where queryid is not null");
    if (!rows) throw std::runtime_error(rows.error().to_string());
    const auto column = [&](std::string_view name) { return *rows->find_column(name); };
    const auto top_level = rows->find_column("toplevel");
    OwnView view;
    for (std::size_t row = 0; row < rows->size(); ++row) {
        const workload::StatementKey key{base::Oid{static_cast<std::uint32_t>(*rows->integer(row, column("dbid")))},
                                         base::Oid{static_cast<std::uint32_t>(*rows->integer(row, column("userid")))},
                                         base::QueryId{*rows->integer(row, column("queryid"))},
                                         !top_level || rows->boolean(row, *top_level)};
        for (std::size_t c = 0; c < rows->column_count(); ++c)
            if (const auto number = rows->number(row, c)) view[key][std::string(rows->column_name(c))] = *number;
    }
    return view;
}

class Compatibility : public ::testing::TestWithParam<int> {};

TEST_P(Compatibility, TwoIntervalsHaveTheRightDeltaOfEveryColumn) {
    Server& server = Server::of(GetParam());
    auto connection = server.collector();
    const auto facts = read_server_facts(connection);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->version.major(), GetParam());
    SamplerOptions options;
    options.text_period = std::chrono::milliseconds(0);
    StatementSampler sampler(options);
    auto client = application(server.cluster(), "shop");
    // Debian's server has JIT; the whole server must not: each check of a foreign key would be compiled.
    if (GetParam() == 15) run_times(client, "set jit = on", 1);
    const auto run_load = [&] {
        for (const auto statement : load) run_times(client, statement, 1);
    };
    run_load();
    std::map<workload::StatementKey, std::string> texts;
    const auto take = [&] {
        auto sample = sampler.take(connection, server.conninfo(), *facts);
        if (!sample) throw std::runtime_error(sample.error().to_string());
        for (const auto& text : sample->texts) texts[text.key] = text.text;
        return std::move(sample).value();
    };
    EXPECT_TRUE(take().report.first);
    const auto version = extension_of(GetParam());
    EXPECT_EQ(sampler.source()->version, version);
    EXPECT_THAT(sampler.source()->unknown_columns, IsEmpty());
    auto before = view_of(server);

    std::map<std::string, double> moved;
    for (int interval = 0; interval < 2; ++interval) {
        run_load();
        if (interval == 1) run_load();
        const auto sample = take();
        auto after = view_of(server);
        std::size_t compared = 0;
        for (const auto& one : sample.intervals) {
            SCOPED_TRACE(texts[one.key]);
            if (one.key.database != facts->find_database(one.key.database)->oid) continue;
            EXPECT_LT(one.begins, one.ends);
            for (const auto& field : workload::counter_fields) {
                const auto column = field.column_in(version);
                const auto told = workload::counter_value(one.delta, field);
                EXPECT_EQ(told.has_value(), column.has_value()) << field.name;
                if (!told || !column) continue;
                const double really = after[one.key][std::string(*column)] - before[one.key][std::string(*column)];
                EXPECT_NEAR(*told, really, 1e-6 * std::max(1.0, std::abs(really))) << field.name;
                moved[std::string(field.name)] += really;
                ++compared;
            }
        }
        EXPECT_GE(compared, load.size() * 20);
        // Nothing that ran is missing.
        for (const auto& [key, columns] : after) {
            if (!texts.contains(key)) continue;
            const bool told = std::any_of(sample.intervals.begin(), sample.intervals.end(),
                                          [&](const auto& one) { return one.key == key; });
            EXPECT_EQ(told, columns.at("calls") > before[key]["calls"]) << texts[key];
        }
        before = std::move(after);
    }
    for (const auto& [key, text] : texts) EXPECT_THAT(text, Not(HasSubstr("pganalytics"))) << "ours are to be left out";
    // A comparison of zeroes proves nothing.
    for (const auto name : {"calls", "total_exec_time_ms", "rows", "plans", "total_plan_time_ms", "shared_blks_hit",
                            "shared_blks_dirtied", "local_blks_hit", "local_blks_dirtied", "temp_blks_read",
                            "temp_blks_written", "wal_records", "wal_bytes"})
        EXPECT_GT(moved[name], 0) << name;
    if (version >= workload::ExtensionVersion{1, 10}) {
        EXPECT_GT(moved["temp_blk_write_time_ms"], 0);
    }
    if (version >= workload::ExtensionVersion{1, 12}) {
        EXPECT_GT(moved["parallel_workers_launched"], 0);
    }
    if (GetParam() == 15) {
        EXPECT_GT(moved["jit_functions"], 0);
    }
}

TEST_P(Compatibility, TheSameStatementsArePlannedFromWhatTheServerKept) {
    Server& server = Server::of(GetParam());
    auto client = application(server.cluster(), "shop");
    for (const auto statement : load) run_times(client, statement, 1);
    auto connection = server.collector();
    const auto facts = read_server_facts(connection);
    ASSERT_TRUE(facts);
    const auto reading = read_workload(connection, server.conninfo(), *facts);
    ASSERT_TRUE(reading) << reading.error().to_string();
    const auto shop = std::find_if(reading->workloads.begin(), reading->workloads.end(),
                                   [](const auto& one) { return one.database_name == "shop"; });
    ASSERT_NE(shop, reading->workloads.end());
    postgres::ServerPlanner planner(connection);
    std::size_t planned = 0;
    for (const auto& statement : shop->statements) {
        const bool of_load = statement.text.find("sales.") != std::string::npos ||
                             statement.text.find("from events") != std::string::npos;
        const bool plannable = statement.text.starts_with("select") ||
                               statement.text.starts_with("insert into sales") || statement.text.starts_with("update");
        if (!of_load || !plannable) continue;
        const auto plan = planner.plan(statement.text);
        EXPECT_TRUE(plan) << statement.text << "\n" << (plan ? "" : plan.error().to_string());
        if (!plan) continue;
        EXPECT_GT(plan->plan.total_cost().value, 0);
        EXPECT_THAT(plan->explain_json, HasSubstr("\"Plan\""));
        ++planned;
    }
    EXPECT_GE(planned, 8U);
}

TEST_P(Compatibility, TheCatalogIsReadAlike) {
    Server& server = Server::of(GetParam());
    auto connection = server.collector();
    const auto reading = read_catalog(connection);
    ASSERT_TRUE(reading) << reading.error().to_string();
    EXPECT_THAT(reading->notes, IsEmpty());
    EXPECT_EQ(reading->unreadable_relations, 0);
    const auto* orders = reading->database.find_relation("sales", "orders");
    ASSERT_NE(orders, nullptr);
    EXPECT_DOUBLE_EQ(orders->rows, 60000);
    ASSERT_EQ(orders->indexes.size(), 2U);
    EXPECT_THAT(orders->indexes[1].predicate + orders->indexes[0].predicate, HasSubstr("state = 'open'"));
    EXPECT_EQ(orders->foreign_keys.size(), 1U);
    EXPECT_EQ(orders->check_constraints.size(), 1U);
    ASSERT_TRUE(orders->find_column("state")->statistics);
    EXPECT_THAT(orders->find_column("state")->statistics->most_common_values, Contains("open"));
    EXPECT_EQ(reading->database.find_relation("public", "events")->kind, catalog::RelationKind::partitioned_table);
    EXPECT_FALSE(reading->database.find_relation("sales", "open_orders")->view_definition.empty());
    EXPECT_TRUE(reading->database.memory_setting("work_mem"));
}

TEST_P(Compatibility, AdviceComesWithAndWithoutHypopg) {
    Server& server = Server::of(GetParam());
    auto client = application(server.cluster(), "shop");
    run_times(client, load[0], 20);
    auto connection = server.collector();
    const auto facts = read_server_facts(connection);
    ASSERT_TRUE(facts);
    const auto workload = read_workload(connection, server.conninfo(), *facts);
    ASSERT_TRUE(workload);
    const auto shop = std::find_if(workload->workloads.begin(), workload->workloads.end(),
                                   [](const auto& one) { return one.database_name == "shop"; });
    ASSERT_NE(shop, workload->workloads.end());
    for (const bool with_hypopg : {true, false}) {
        if (with_hypopg && GetParam() != 15) continue;
        if (!with_hypopg && GetParam() == 15) server.cluster().run("drop extension hypopg", "shop");
        SCOPED_TRACE(with_hypopg ? "with HypoPG" : "without HypoPG");
        const auto reading = read_catalog(connection);
        ASSERT_TRUE(reading);
        postgres::ServerPlanner planner(connection);
        EXPECT_EQ(planner.can_hypothesize().has_value(), with_hypopg);
        const auto found = indexes::find_missing_indexes(*shop, reading->database, planner);
        const auto advice = std::find_if(found.advice.begin(), found.advice.end(), [](const auto& one) {
            return one.statement.find("ON sales.orders (customer_id") != std::string::npos;
        });
        EXPECT_NE(advice, found.advice.end());
    }
    if (GetParam() == 15) server.cluster().run("create extension hypopg", "shop");
}

TEST_P(Compatibility, TheRolesOfSetupTargetAreEnough) {
    Server& server = Server::of(GetParam());
    CheckOptions options;
    options.databases.include = {"shop"};
    const auto report = check_target(server.conninfo(), options);
    ASSERT_TRUE(report) << report.error().to_string();
    for (const auto& tier : report->tiers) EXPECT_TRUE(tier.reached) << to_string(tier.tier) << ": " << tier.why_not;
    for (const auto& finding : report->findings)
        EXPECT_EQ(finding.severity, Severity::advice) << finding.code << ": " << finding.message;
    // A table made later by the same owner is readable too: 13 needs default privileges for that.
    server.cluster().run("create table if not exists sales.later (x int)", "shop");
    auto connection = server.collector();
    EXPECT_TRUE(connection.query("explain select * from sales.later"));
    EXPECT_FALSE(connection.query("create table sales.intruder (x int)"));
}

INSTANTIATE_TEST_SUITE_P(PostgreSQL, Compatibility, ::testing::ValuesIn(majors),
                         [](const auto& which) { return std::to_string(which.param); });

}  // namespace
}  // namespace pganalytics
