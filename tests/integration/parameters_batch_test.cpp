// LIMIT and batch_size on a real server: what is emitted runs and does the same work, and the share of a single-row
// statement's time that a batch saves is what the rule says.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "base/text.hpp"
#include "parameters/parameters.hpp"
#include "postgres/server_planner.hpp"
#include "sql/identity.hpp"
#include "support/case_catalog.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics {
namespace {

using test_support::query_value;
using test_support::run_script;

class BatchAndLimit : public testing::Test {
  protected:
    BatchAndLimit()
        : connection_([this] {
              postgres::ConnectOptions options;
              options.read_only = false;
              options.tagged = false;
              return cluster_.connect("postgres", test_support::TestCluster::superuser, options);
          }()),
          database_(test_support::catalog_of("clicks(id int primary key, visitor int not null, target text)")) {
        run_script(connection_,
                   "create extension pg_stat_statements; create table clicks(id int primary key, visitor int not null, "
                   "target text); create sequence numbers");
    }

    /// The statement the rule gives for one that runs like a loop (or like a list, with many rows).
    std::string advised(const std::string& text, double rows) {
        workload::Workload workload;
        workload.window = base::Minutes{60};
        workload::ObservedStatement statement;
        statement.text = text;
        statement.query_hash = sql::query_hash(text);
        statement.sum.calls = 72000;
        statement.sum.rows = static_cast<std::int64_t>(72000 * rows);
        statement.sum.total_exec_time_ms = 7200;
        workload.statements = {statement};
        postgres::ServerPlanner planner(connection_);
        const auto found = parameters::find_parameters(workload, database_, planner);
        EXPECT_EQ(found.findings.size(), 1U) << (found.notes.empty() ? "" : found.notes.front().text);
        return found.findings.empty() ? "" : found.findings.front().advice.statement;
    }

    double milliseconds_per_row(const std::string& part) {
        return base::parse_number(query_value(connection_,
                                              "select (sum(total_exec_time) / sum(rows))::text from "
                                              "pg_stat_statements where query like '" +
                                                  part + "%'"))
            .value();
    }

    test_support::TestCluster cluster_;
    postgres::Connection connection_;
    catalog::Database database_;
};

TEST_F(BatchAndLimit, EmitsStatementsThatDoTheWork) {
    const auto insert = advised("insert into clicks (id, visitor, target) values ($1, $2, 'x')", 1);
    ASSERT_TRUE(connection_.query(insert, {"1", "10", "2", "20", "3", "30"})) << insert;
    EXPECT_EQ(query_value(connection_, "select count(*)::text from clicks"), "3");

    const auto update = advised("update clicks set target = $1, visitor = visitor + $2 where id = $3", 1);
    const auto updated = connection_.query(update, {"{a,b}", "{1,2}", "{1,2}"});
    ASSERT_TRUE(updated) << update << ": " << updated.error().to_string();
    EXPECT_EQ(query_value(connection_, "select string_agg(target || visitor, ',' order by id) from clicks"),
              "a11,b22,x30");

    const auto removal = advised("delete from clicks where id = $1", 1);
    ASSERT_TRUE(connection_.query(removal, {"{1,3}"})) << removal;
    EXPECT_EQ(query_value(connection_, "select string_agg(id::text, ',') from clicks"), "2");
}

TEST_F(BatchAndLimit, BoundsAList) {
    run_script(connection_, "insert into clicks select i, i, 'x' from generate_series(1, 20000) i; analyze clicks");
    const auto list = advised("select id, visitor /* of all */ from clicks order by id;", 20000);
    const auto rows = connection_.query(list);
    ASSERT_TRUE(rows) << list;
    EXPECT_NE(list.find("/* of all */ from clicks order by id LIMIT"), std::string::npos) << list;
    EXPECT_EQ(rows->size(), 1000U);
}

TEST_F(BatchAndLimit, SavesAboutTheShareThatIsPromised) {
    for (int i = 0; i < 3000; ++i) {
        ASSERT_TRUE(connection_.query("insert into clicks (id, visitor, target) values (nextval('numbers'), $1, 'x')",
                                      {fmt::format("{}", i)}));
    }
    // Another order of columns tells the two apart among the counters.
    std::string many = "insert into clicks (visitor, id, target) values (1, nextval('numbers'), 'x')";
    for (int row = 1; row < 100; ++row) many += ", (1, nextval('numbers'), 'x')";
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(connection_.query(many));
    const double single = milliseconds_per_row("insert into clicks (id, ");
    const double batched = milliseconds_per_row("insert into clicks (visitor, ");
    const double saved = 1 - batched / single;
    std::cout << fmt::format("{:.4f} ms a row alone, {:.4f} ms in a batch of 100: {:.0f} % saved\n", single, batched,
                             100 * saved);
    EXPECT_GT(saved, 0.3);
    EXPECT_LT(saved, 0.95);
}

}  // namespace
}  // namespace pganalytics
