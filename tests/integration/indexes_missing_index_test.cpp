// Missing-index advice on a real PostgreSQL with HypoPG: the advised statements run, the real indexes do what the
// hypothetical ones promised, and sizes come out as estimated.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/text.hpp"
#include "collector/catalog_reader.hpp"
#include "indexes/generate.hpp"
#include "indexes/index_size.hpp"
#include "indexes/missing_index.hpp"
#include "postgres/server_planner.hpp"
#include "sql/identity.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics {
namespace {

using test_support::TestCluster;

constexpr std::string_view schema = R"sql(
create extension hypopg;
create table customers(id int primary key, region text not null, name text not null);
create table orders(id int primary key, customer_id int not null references customers on delete cascade,
                    status text not null, placed timestamptz not null, total numeric not null);
create table items(order_id int not null, position int not null, sku text not null, quantity int not null,
                   primary key (order_id, position));
create table "Mixed Case"("Key Column" int, other int);
create table events(at timestamptz not null, kind int, body text) partition by range(at);
create table events_1 partition of events for values from ('2026-01-01') to ('2026-02-01');
create table events_2 partition of events for values from ('2026-02-01') to ('2026-03-01');
create table tiny(id int, code text);
create view open_orders as select o.*, c.region from orders o join customers c on c.id = o.customer_id
  where o.status = 'open';
insert into customers select i, 'r' || i % 7, 'c' || i from generate_series(1, 20000) i;
insert into orders select i, 1 + (i::bigint * 7919) % 20000, case when i % 50 = 0 then 'open' else 'done' end,
  timestamptz '2026-01-01' + i * interval '10 s', i % 1000 from generate_series(1, 100000) i;
insert into items select o, p, 'sku' || (o * p) % 500, p from generate_series(1, 50000) o, generate_series(1, 2) p;
insert into "Mixed Case" select i, i % 10 from generate_series(1, 50000) i;
insert into events select timestamptz '2026-01-01' + i * interval '30 s', (i * 31) % 997, 'x'
  from generate_series(1, 150000) i;
insert into tiny select i, 'code' || i from generate_series(1, 100) i;
create index orders_placed_idx on orders (placed);
analyze;
)sql";

class MissingIndexOnAServer : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<TestCluster>();
        cluster_->run("create database target");
        cluster_->run(schema, "target");
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static catalog::Database read_database(postgres::Connection& connection) {
        auto reading = collector::read_catalog(connection);
        EXPECT_TRUE(reading) << reading.error().to_string();
        return std::move(reading->database);
    }

    static workload::Workload workload_of(const std::vector<std::string>& texts) {
        workload::Workload workload;
        workload.database_name = "target";
        for (const std::string& text : texts) {
            workload::ObservedStatement statement;
            statement.text = text;
            statement.query_hash = sql::query_hash(text);
            statement.has_literals = text.find('$') == std::string::npos;
            workload.statements.push_back(std::move(statement));
        }
        return workload;
    }

    static indexes::MissingIndexFindings find(const std::vector<std::string>& texts) {
        auto connection = cluster_->connect("target");
        const catalog::Database database = read_database(connection);
        postgres::ServerPlanner planner(connection);
        return indexes::find_missing_indexes(workload_of(texts), database, planner);
    }

    static std::vector<std::string> statements(const indexes::MissingIndexFindings& findings) {
        std::vector<std::string> result;
        for (const auto& advice : findings.advice) result.push_back(advice.statement);
        return result;
    }

    static inline std::unique_ptr<TestCluster> cluster_;
};

std::vector<std::string> lines(const std::string& script) {
    std::vector<std::string> result;
    for (std::string line : base::split(script, '\n')) {
        if (line.ends_with(';')) line.pop_back();
        result.push_back(std::move(line));
    }
    return result;
}

TEST_F(MissingIndexOnAServer, FindsWhatOneStatementLacks) {
    const auto one = [](const std::string& text) {
        const auto found = statements(find({text}));
        return found.empty() ? std::string("nothing") : base::join(found, " | ");
    };
    const std::string create = "CREATE INDEX CONCURRENTLY ";
    EXPECT_EQ(one("SELECT * FROM orders WHERE customer_id = $1"),
              create + "orders_customer_id_idx ON public.orders (customer_id)");
    EXPECT_EQ(one("UPDATE orders SET total = total + 1 WHERE customer_id = $1"),
              create + "orders_customer_id_idx ON public.orders (customer_id)");
    EXPECT_EQ(one("SELECT * FROM \"Mixed Case\" m WHERE m.\"Key Column\" = 77"),
              create + "\"Mixed Case_Key Column_idx\" ON public.\"Mixed Case\" (\"Key Column\")");
    EXPECT_EQ(one("SELECT max(total) FROM orders WHERE status = 'open'"),
              create + "orders_status_total_idx ON public.orders (status, total)");
    EXPECT_EQ(one("SELECT * FROM customers WHERE name LIKE 'c12%'"),
              create + "customers_name_idx ON public.customers (name text_pattern_ops)");
    EXPECT_EQ(one("SELECT count(*) FROM open_orders WHERE customer_id = 77"),
              create + "orders_customer_id_status_idx ON public.orders (customer_id, status)");
    EXPECT_EQ(
        one("WITH few AS (SELECT id FROM customers WHERE id < 5) SELECT * FROM few JOIN orders o ON o.customer_id = "
            "few.id"),
        create + "orders_customer_id_idx ON public.orders (customer_id)");
}

// Rows of orders are looked for once a deleted customer, by a query that EXPLAIN does not show.
TEST_F(MissingIndexOnAServer, FindsAForeignKeyWithoutAnIndex) {
    const auto found = find({"DELETE FROM customers WHERE id = $1"});
    ASSERT_EQ(found.advice.size(), 1u);
    EXPECT_EQ(found.advice.front().statement,
              "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id)");
}

TEST_F(MissingIndexOnAServer, LeavesHealthyStatementsAlone) {
    const auto found = find(
        {"SELECT * FROM orders WHERE id = $1", "SELECT count(*) FROM orders",
         "SELECT region, count(*) FROM customers GROUP BY region", "SELECT * FROM orders ORDER BY placed DESC LIMIT 20",
         "SELECT * FROM tiny WHERE code = $1", "SELECT * FROM items WHERE order_id = $1 ORDER BY position",
         "SELECT * FROM orders WHERE status = 'done'", "SELECT * FROM orders WHERE placed > $1 AND placed < $2",
         "INSERT INTO tiny VALUES ($1, $2)", "SET work_mem = '4MB'", "SELECT 1"});
    EXPECT_TRUE(found.advice.empty()) << found.advice.front().statement << "\n" << found.advice.front().reasoning;
}

TEST_F(MissingIndexOnAServer, OneWiderIndexServesSeveralStatements) {
    const auto found = find({"SELECT * FROM orders WHERE customer_id = $1",
                             "SELECT sum(total) FROM orders WHERE customer_id BETWEEN 1 AND 100 AND status = 'open'",
                             "SELECT * FROM orders WHERE status = 'open' AND customer_id = $1"});
    ASSERT_FALSE(found.advice.empty());
    EXPECT_GE(found.advice.front().served.size(), 2u);
    double shares = 0;
    for (const auto& served : found.advice.front().served) shares += served.share_of_benefit;
    EXPECT_NEAR(shares, 1, 1e-9);
}

TEST_F(MissingIndexOnAServer, TheAdviceRunsAndKeepsItsPromiseAndCanBeUndone) {
    const std::string text = "SELECT * FROM orders WHERE customer_id = 42 AND placed > '2026-01-02'";
    const auto found = find({text});
    ASSERT_EQ(found.advice.size(), 1u);
    const auto& advice = found.advice.front();
    auto connection = cluster_->connect("target");
    ASSERT_TRUE(connection.query(advice.statement));
    postgres::ServerPlanner planner(connection);
    const auto real = planner.plan(text);
    ASSERT_TRUE(real);
    const double promised = advice.evidence.costs.front().after.value;
    EXPECT_NEAR(real->plan.total_cost().value, promised, 0.2 * promised + 2);
    EXPECT_TRUE(find({text}).advice.empty()) << "what exists is not advised again";
    ASSERT_TRUE(connection.query(advice.rollback_statement));
    EXPECT_EQ(find({text}).advice.size(), 1u);
}

TEST_F(MissingIndexOnAServer, ThePartitionedRecipeRunsStatementByStatement) {
    const std::string text = "SELECT * FROM events WHERE kind = 77";
    const auto found = find({text});
    ASSERT_EQ(found.advice.size(), 1u);
    auto connection = cluster_->connect("target");
    for (const std::string& line : lines(found.advice.front().statement)) {
        const auto done = connection.query(line);
        ASSERT_TRUE(done) << line << ": " << done.error().to_string();
    }
    EXPECT_EQ(test_support::query_value(
                  connection, "select indisvalid from pg_index where indexrelid = 'events_kind_idx'::regclass"),
              "t");
    EXPECT_TRUE(find({text}).advice.empty());
    ASSERT_TRUE(connection.query(found.advice.front().rollback_statement));
}

TEST_F(MissingIndexOnAServer, SizesComeOutAsEstimated) {
    auto connection = cluster_->connect("target");
    const catalog::Database database = read_database(connection);
    const auto* orders = database.find_relation("public", "orders");
    const auto* items = database.find_relation("public", "items");
    ASSERT_TRUE(orders != nullptr && items != nullptr);
    const auto key = [](const char* name) { return indexes::Key{name, false, false, ""}; };
    const std::vector<indexes::Candidate> candidates = {{orders, {key("customer_id")}},
                                                        {orders, {key("status")}},
                                                        {orders, {key("status"), key("customer_id")}},
                                                        {orders, {key("total")}},
                                                        {orders, {key("placed"), key("id")}},
                                                        {items, {key("sku")}}};
    for (const auto& candidate : candidates) {
        const auto estimate = indexes::estimate_index_size(candidate, candidate.relation->rows);
        ASSERT_TRUE(estimate);
        ASSERT_TRUE(connection.query("create index probe on " + candidate.relation->qualified_name() + " " +
                                     indexes::key_list(candidate)));
        const double real = std::stod(test_support::query_value(connection, "select pg_relation_size('probe')"));
        ASSERT_TRUE(connection.query("drop index probe"));
        EXPECT_LT(std::abs(std::log(static_cast<double>(estimate->value) / real)), std::log(1.5))
            << indexes::describe(candidate) << ": estimated " << estimate->value << ", real " << real;
    }
}

/// A planner without hypothetical indexes, as on a server that has no HypoPG.
class PlainPlanner final : public plan::Planner {
  public:
    explicit PlainPlanner(plan::Planner& planner) : planner_(planner) {}
    base::Result<plan::PlannedStatement> plan(std::string_view statement, const plan::WhatIf& what_if) override {
        EXPECT_TRUE(what_if.hypothetical_indexes.empty());
        return planner_.plan(statement, what_if);
    }
    base::Status can_hypothesize() override {
        return base::Error{.code = base::ErrorCode::install_extension,
                           .message = "HypoPG is not installed.",
                           .hint = "CREATE EXTENSION hypopg;",
                           .field = {}};
    }

  private:
    plan::Planner& planner_;
};

TEST_F(MissingIndexOnAServer, AdvisesWithLessConfidenceWithoutHypotheticalIndexes) {
    auto connection = cluster_->connect("target");
    const catalog::Database database = read_database(connection);
    postgres::ServerPlanner server(connection);
    PlainPlanner planner(server);
    const std::vector<std::string> faulty = {
        "SELECT * FROM orders WHERE customer_id = $1",
        "SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id < 10",
        "SELECT * FROM orders WHERE customer_id = $1 ORDER BY total LIMIT 5", "SELECT * FROM events WHERE kind = 77"};
    for (const std::string& text : faulty) {
        const auto modelled = indexes::find_missing_indexes(workload_of({text}), database, planner);
        ASSERT_EQ(modelled.advice.size(), 1u) << text;
        const auto& advice = modelled.advice.front();
        EXPECT_EQ(advice.evidence.basis, advice::Basis::modelled_cost);
        EXPECT_LT(advice.confidence.mean(), 0.7);
        EXPECT_FALSE(advice.evidence.not_checked.empty());
        // The planner, where it can be asked, says about the same of that very index.
        const auto asked =
            server.plan(text, {{"create index " + advice.statement.substr(advice.statement.find("ON "))}, {}});
        if (advice.statement.find('\n') != std::string::npos) continue;  // the partitioned recipe
        ASSERT_TRUE(asked) << asked.error().to_string();
        const double ratio = advice.evidence.costs.front().after.value / asked->plan.total_cost().value;
        EXPECT_GT(ratio, 0.4) << text << "\n" << advice.reasoning;
        EXPECT_LT(ratio, 2.5) << text << "\n" << advice.reasoning;
    }
    const auto healthy = indexes::find_missing_indexes(
        workload_of({"SELECT * FROM orders WHERE id = $1", "SELECT count(*) FROM orders",
                     "SELECT * FROM tiny WHERE code = $1", "SELECT * FROM orders WHERE status = 'done'"}),
        database, planner);
    EXPECT_TRUE(healthy.advice.empty()) << healthy.advice.front().reasoning;
}

}  // namespace
}  // namespace pganalytics
