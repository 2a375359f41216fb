// The catalog reader against a real server: what it reads, what it may not see, and that it waits for nobody.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "collector/catalog_reader.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::collector {
namespace {

using test_support::TestCluster;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view schema = R"(
create schema sales;
create extension hypopg;
create extension pg_stat_statements;
create type mood as enum ('sad', 'happy');
create domain positive as int check (value > 0);
create table public.customers (
  id int primary key,
  email varchar(80) not null unique,
  note json,
  feeling mood,
  level positive,
  tags text[],
  born date,
  full_name text generated always as (email || '!') stored
);
create table sales.orders (
  id bigint generated always as identity,
  customer_id int not null references public.customers (id),
  placed timestamptz not null default now(),
  amount numeric(10, 2) check (amount >= 0),
  state text collate "C",
  primary key (id)
);
create index orders_customer_placed on sales.orders (customer_id, placed desc) include (amount);
create index orders_open on sales.orders (placed) where state = 'open';
create index orders_lower on sales.orders (lower(state) text_pattern_ops);
create table public.events (at timestamptz not null, payload text) partition by range (at);
create table public.events_old partition of public.events for values from ('2020-01-01') to ('2021-01-01');
create table public.events_new partition of public.events for values from ('2021-01-01') to ('2030-01-01');
create view sales.open_orders as select id, customer_id from sales.orders where state = 'open';
insert into customers (id, email, feeling, level, tags, born)
  select i, 'user' || i || '@example.org', 'happy', 1 + i % 3, array['a, "b', 'c'], date '2000-01-01' + i % 10
  from generate_series(1, 2000) i;
insert into sales.orders (customer_id, amount, state)
  select 1 + i % 2000, i % 50, case when i % 5 = 0 then 'open' end from generate_series(1, 10000) i;
insert into events select timestamptz '2020-06-01' + i * interval '1 hour', 'x' from generate_series(1, 8000) i;
create temporary table hidden_scratch (x int);
analyze;
create table public.never_analysed (x int);
)";

class CatalogReaderTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        cluster_ = new TestCluster();
        cluster_->run(schema);
    }
    static void TearDownTestSuite() {
        delete cluster_;
        cluster_ = nullptr;
    }
    static CatalogReading read_as(std::string_view user, const CatalogOptions& options = {}) {
        auto connection = cluster_->connect("postgres", user, postgres::ConnectOptions{});
        auto reading = read_catalog(connection, options);
        EXPECT_TRUE(reading) << reading.error().to_string();
        return std::move(reading).value();
    }
    static const catalog::Relation& relation(const CatalogReading& reading, std::string_view in,
                                             std::string_view name) {
        const auto* found = reading.database.find_relation(in, name);
        if (found == nullptr) throw std::runtime_error("no relation " + std::string(name));
        return *found;
    }
    static TestCluster* cluster_;
};
TestCluster* CatalogReaderTest::cluster_ = nullptr;

TEST_F(CatalogReaderTest, ReadsRelationsColumnsAndStatistics) {
    const auto reading = read_as("postgres");
    EXPECT_THAT(reading.notes, IsEmpty());
    EXPECT_EQ(reading.database.name, "postgres");
    EXPECT_GE(reading.database.version.major(), 13);
    EXPECT_THAT(reading.database.search_path, Contains("public"));
    EXPECT_TRUE(reading.database.has_extension("hypopg"));
    EXPECT_TRUE(reading.database.memory_setting("work_mem"));
    EXPECT_EQ(reading.database.find_relation("", "hidden_scratch"), nullptr) << "temporary tables are nobody's advice";
    EXPECT_EQ(reading.database.find_relation("", "pg_stat_statements"), nullptr) << "a view of an extension";

    const auto& customers = relation(reading, "public", "customers");
    EXPECT_DOUBLE_EQ(customers.rows, 2000);
    EXPECT_GT(customers.size.value, 0);
    const auto column = [&](std::string_view name) { return *customers.find_column(name); };
    EXPECT_EQ(column("email").type, "character varying(80)");
    EXPECT_EQ(column("email").base_type, "varchar");
    EXPECT_TRUE(column("email").not_null);
    EXPECT_TRUE(column("email").has_btree_operator_class);
    EXPECT_FALSE(column("note").has_btree_operator_class) << "json has no order";
    EXPECT_TRUE(column("feeling").has_btree_operator_class) << "enums have one";
    EXPECT_TRUE(column("level").has_btree_operator_class) << "a domain is what it is over";
    EXPECT_TRUE(column("tags").has_btree_operator_class);
    EXPECT_TRUE(column("full_name").generated);
    EXPECT_FALSE(column("id").generated);
    ASSERT_TRUE(column("born").statistics);
    EXPECT_DOUBLE_EQ(column("born").statistics->distinct_count(2000), 10);
    EXPECT_EQ(column("born").statistics->most_common_values.size(), 10U);
    EXPECT_NEAR(column("born").statistics->most_common_frequencies.at(0), 0.1, 0.001);
    EXPECT_THAT(column("tags").statistics->most_common_values, ElementsAre(R"({"a, \"b",c})"));
    EXPECT_DOUBLE_EQ(column("note").statistics->null_fraction, 1);
    EXPECT_FALSE(column("id").statistics->histogram_bounds.empty());

    const auto& fresh = relation(reading, "public", "never_analysed");
    EXPECT_EQ(fresh.rows, -1);
    EXPECT_FALSE(fresh.columns.at(0).statistics);
    EXPECT_THAT(relation(reading, "sales", "open_orders").view_definition, HasSubstr("customer_id"));
    EXPECT_FALSE(relation(reading, "sales", "orders").find_column("state")->collation.empty());
}

TEST_F(CatalogReaderTest, ReadsIndexesConstraintsAndPartitions) {
    const auto reading = read_as("postgres");
    const auto& orders = relation(reading, "sales", "orders");
    const auto index = [&](std::string_view name) {
        return *std::find_if(orders.indexes.begin(), orders.indexes.end(),
                             [&](const auto& i) { return i.name == name; });
    };
    const auto covering = index("orders_customer_placed");
    ASSERT_EQ(covering.keys.size(), 2U);
    EXPECT_EQ(covering.keys[0].column, "customer_id");
    EXPECT_FALSE(covering.keys[0].descending);
    EXPECT_TRUE(covering.keys[1].descending);
    EXPECT_TRUE(covering.keys[1].nulls_first);
    EXPECT_THAT(covering.included, ElementsAre("amount"));
    EXPECT_THAT(covering.definition, HasSubstr("CREATE INDEX orders_customer_placed"));
    EXPECT_GT(covering.size.value, 0);
    EXPECT_EQ(covering.method, "btree");
    EXPECT_THAT(index("orders_open").predicate, HasSubstr("state = 'open'"));
    EXPECT_EQ(index("orders_lower").keys.at(0).column_number, 0);
    EXPECT_EQ(index("orders_lower").keys.at(0).expression, "lower(state)");
    EXPECT_EQ(index("orders_lower").keys.at(0).operator_class, "text_pattern_ops");
    EXPECT_FALSE(index("orders_lower").keys.at(0).default_operator_class);
    EXPECT_TRUE(index("orders_pkey").primary);
    EXPECT_EQ(index("orders_pkey").constraint, "orders_pkey");

    ASSERT_EQ(orders.foreign_keys.size(), 1U);
    EXPECT_THAT(orders.foreign_keys[0].columns, ElementsAre("customer_id"));
    EXPECT_EQ(orders.foreign_keys[0].referenced_table, "customers");
    EXPECT_THAT(orders.foreign_keys[0].referenced_columns, ElementsAre("id"));
    EXPECT_THAT(orders.unique_keys, ElementsAre(ElementsAre("id"))) << "neither partial nor expression";
    ASSERT_EQ(orders.check_constraints.size(), 1U);
    EXPECT_THAT(orders.check_constraints[0], HasSubstr("amount >="));
    ASSERT_TRUE(orders.activity);
    EXPECT_TRUE(orders.activity->last_analyze);

    const auto& events = relation(reading, "public", "events");
    EXPECT_EQ(events.kind, catalog::RelationKind::partitioned_table);
    EXPECT_EQ(relation(reading, "public", "events_old").partition_parent, events.oid);
    EXPECT_TRUE(events.find_column("at")->statistics) << "the inherited statistics of the whole";
}

TEST_F(CatalogReaderTest, ARoleThatMayNotReadStillGetsTheCatalog) {
    cluster_->run("create role watcher login; grant pg_monitor to watcher");
    const auto reading = read_as("watcher");
    const auto& orders = relation(reading, "sales", "orders");
    EXPECT_EQ(orders.indexes.size(), 4U);
    EXPECT_FALSE(orders.find_column("customer_id")->statistics);
    EXPECT_GT(reading.unreadable_relations, 0);
    EXPECT_THAT(reading.notes, Contains(HasSubstr("may not read")));
}

TEST_F(CatalogReaderTest, KeepsToItsCapAndSaysSo) {
    CatalogOptions options;
    options.max_relations = 2;
    options.max_statistics_text = 30;
    const auto reading = read_as("postgres", options);
    EXPECT_EQ(reading.database.relations.size(), 2U);
    EXPECT_GT(reading.relations_found, 2);
    EXPECT_NE(reading.database.find_relation("public", "events"), nullptr) << "partitioned tables come first";
    EXPECT_THAT(reading.notes, Contains(HasSubstr("the largest 2 were read")));
    for (const auto& one : reading.database.relations)
        for (const auto& column : one.columns)
            EXPECT_TRUE(!column.statistics || column.statistics->most_common_values.size() ==
                                                  column.statistics->most_common_frequencies.size());
}

TEST_F(CatalogReaderTest, AHistogramThatIsTooLongIsThinnedAndKeepsBothEnds) {
    const auto whole = *relation(read_as("postgres"), "public", "customers").find_column("email");
    CatalogOptions options;
    options.max_statistics_text = 300;
    const auto thinned = *relation(read_as("postgres", options), "public", "customers").find_column("email");
    const auto& all = whole.statistics->histogram_bounds;
    const auto& few = thinned.statistics->histogram_bounds;
    ASSERT_EQ(all.size(), 101U);
    ASSERT_GE(few.size(), 5U);
    EXPECT_LT(few.size(), 20U);
    EXPECT_EQ(few.front(), all.front());
    EXPECT_EQ(few.back(), all.back());
    // Evenly: the middle one is the middle one, give or take a step.
    const auto middle = std::find(all.begin(), all.end(), few[few.size() / 2]) - all.begin();
    EXPECT_NEAR(static_cast<double>(middle), 50, 12);
}

class LockedCatalogTest : public CatalogReaderTest, public ::testing::WithParamInterface<bool> {};

TEST_P(LockedCatalogTest, PassesOverARelationUnderAccessExclusiveAndReadsTheRest) {
    const bool queued = GetParam();
    auto reader_before = cluster_->connect();
    auto locker = cluster_->connect();
    std::future<void> waiting;
    if (queued) {
        ASSERT_TRUE(reader_before.execute_script("begin; lock table sales.orders in access share mode"));
        waiting = std::async(std::launch::async, [&] {
            (void)locker.execute_script("begin; lock table sales.orders in access exclusive mode");
        });
        auto watch = cluster_->connect();
        for (int i = 0; i < 500; ++i) {
            if (test_support::query_value(watch, "select count(*) from pg_locks where not granted") == "1") break;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    } else {
        ASSERT_TRUE(locker.execute_script("begin; lock table sales.orders in access exclusive mode"));
    }
    const auto begun = std::chrono::steady_clock::now();
    const auto reading = read_as("postgres");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
    if (queued) {
        ASSERT_TRUE(reader_before.execute_script("rollback"));
    }
    if (waiting.valid()) waiting.get();
    ASSERT_TRUE(locker.execute_script("rollback"));

    EXPECT_THAT(reading.locked_relations, ElementsAre("sales.orders"));
    EXPECT_THAT(reading.notes, Contains(HasSubstr("ACCESS EXCLUSIVE")));
    const auto& orders = relation(reading, "sales", "orders");
    EXPECT_EQ(orders.columns.size(), 5U);
    EXPECT_GT(orders.size.value, 0) << "estimated from relpages";
    EXPECT_EQ(orders.indexes.size(), 4U);
    EXPECT_TRUE(relation(reading, "sales", "open_orders").view_definition.empty());
    EXPECT_FALSE(relation(reading, "public", "customers").indexes.at(0).definition.empty());
}
INSTANTIATE_TEST_SUITE_P(HeldAndQueued, LockedCatalogTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Queued" : "Held"; });

TEST_F(CatalogReaderTest, ALockTakenBetweenLookAndCallOnlyMakesTheReadingPoorer) {
    auto locker = cluster_->connect();
    std::atomic<bool> stop = false;
    // Takes and drops ACCESS EXCLUSIVE as fast as it can, so that some call meets it after the look at pg_locks.
    std::thread flicker([&] {
        while (!stop)
            (void)locker.execute_script(
                "begin; lock table sales.orders in access exclusive mode; select pg_sleep(0.002); rollback");
    });
    for (int i = 0; i < 20; ++i) EXPECT_GE(read_as("postgres").database.relations.size(), 6U);
    stop = true;
    flicker.join();
}

TEST(ParseArrayText, TakesQuotesNullsAndWhatIsLeftOfACutText) {
    EXPECT_THAT(parse_array_text("{}"), IsEmpty());
    EXPECT_THAT(parse_array_text(R"({a,"b,\"c\\",NULL,"NULL",""})"), ElementsAre("a", R"(b,"c\)", "NULL", ""));
    EXPECT_THAT(parse_array_text("{one,two,thr"), ElementsAre("one", "two"));
    EXPECT_THAT(parse_array_text(R"({"one","tw)"), ElementsAre("one"));
    EXPECT_THAT(parse_array_text(R"({"one)"), IsEmpty());
    EXPECT_THAT(parse_array_text(""), IsEmpty());
}

}  // namespace
}  // namespace pganalytics::collector
