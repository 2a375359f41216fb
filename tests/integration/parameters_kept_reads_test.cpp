// What repeated_read emits, run on a server: the view is made, the read of it gives the rows of the statement it stands
// for, REFRESH brings it up to date, and what undoes it leaves nothing. What may give another result by itself draws
// no advice.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "collector/catalog_reader.hpp"
#include "support/test_cluster.hpp"
#include "workflow/workload_advice.hpp"

namespace pganalytics {
namespace {

using test_support::query_value;
using test_support::run_script;

const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr int days = 14;
constexpr base::QueryHash read_hash{1'234'567'890'123};

/// Every hour for two weeks, half a second a call, always the same rows, and nobody writes.
std::vector<patterns::StatementActivity> every_hour() {
    std::vector<patterns::StatementActivity> rows;
    for (int at = 30; at < days * 1440; at += 60) {
        const auto begins = start + std::chrono::minutes{at};
        rows.push_back({read_hash, begins, begins + std::chrono::minutes{1}, 1, 500, 1000, 5});
    }
    return rows;
}

patterns::DatabaseHistory history_of(const std::vector<patterns::StatementActivity>& rows) {
    patterns::DatabaseHistory history;
    history.calls = history.time_ms = {start, base::Seconds{3600}, std::vector<double>(days * 24, 1)};
    patterns::QueryHistory query;
    query.query_hash = read_hash;
    query.calls = query.time_ms = {start, base::Seconds{3600}, std::vector<double>(days * 24, 0)};
    for (const auto& row : rows) {
        const auto hour = static_cast<std::size_t>((row.begins - start) / std::chrono::hours{1});
        query.calls.values[hour] += row.calls;
        query.time_ms.values[hour] += row.time_ms;
    }
    history.queries = {query};
    return history;
}

class KeptReads : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        cluster_ = std::make_unique<test_support::TestCluster>();
        cluster_->run(
            "create table sales(id int primary key, day date not null, store int not null, revenue numeric, note text);"
            "create table stores(id int primary key, name text not null, city text);"
            "create table \"Größe der Läger in Österreich und Übersee 2026\"(\"Lager Nr\" int, menge int);"
            "insert into sales select i, date '2026-01-01' + i % 90, i % 7, case when i % 11 <> 0 then i % 1000 end, "
            "'note ' || i % 5 from generate_series(1, 3000) i;"
            "insert into stores select i, 'store ' || i, case when i % 2 = 0 then 'Wien' end from generate_series(0, "
            "8) i;"
            "insert into \"Größe der Läger in Österreich und Übersee 2026\" select i % 9, i from generate_series(1, "
            "200) i;"
            "create table months(month date not null, total int) partition by range (month);"
            "create table months_1 partition of months for values from ('2026-01-01') to ('2026-07-01');"
            "insert into months values ('2026-02-01', 1), ('2026-03-01', 2);"
            "create schema ours; create function ours.sum(int) returns int language sql volatile as 'select $1';"
            "create table secret(id int, owner name); alter table secret enable row level security;"
            "create view wien as select * from stores where city = 'Wien'; vacuum analyze");
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static postgres::Connection connect() {
        postgres::ConnectOptions options;
        options.read_only = false;
        return cluster_->connect("postgres", "postgres", options);
    }

    static std::vector<advice::Advice> advised(postgres::Connection& connection, const std::string& text) {
        auto reading = collector::read_catalog(connection);
        if (!reading) throw std::runtime_error(reading.error().to_string());
        const auto rows = every_hour();
        workflow::ActivityReader activity([&](std::span<const base::QueryHash> queries) {
            return base::Result(queries.empty() ? std::vector<patterns::StatementActivity>{} : rows);
        });
        const workflow::ChangeSource unchanged = [](std::span<const catalog::Relation* const>) {
            std::vector<patterns::ChangeReading> readings;
            for (int day = 0; day < days; ++day) readings.push_back({start + std::chrono::hours{24 * day + 12}, 0});
            return base::Result(std::move(readings));
        };
        const std::vector<workflow::ObservedText> texts{{read_hash, text}};
        auto found =
            workflow::advise_on_repeated_reads(history_of(rows), texts, reading->database, activity, unchanged);
        if (!found) throw std::runtime_error(found.error().to_string());
        return std::move(*found);
    }

    /// The rows as text, in the order they come.
    static std::string rows_of(postgres::Connection& connection, const std::string& text, bool in_order) {
        return query_value(connection, fmt::format("select coalesce(string_agg(r::text, E'\\n'{}), '') from ({}) r",
                                                   in_order ? "" : " order by r::text", text));
    }

    static inline std::unique_ptr<test_support::TestCluster> cluster_;
};

TEST_F(KeptReads, TheViewStandsForTheStatement) {
    auto connection = connect();
    for (const std::string text : {
             "select store, sum(revenue) as revenue from sales group by store /* dashboard */",
             "select sum(revenue), sum(store), count(*) from sales",
             "select store, sum(revenue) from sales group by store order by sum(revenue) desc nulls last, store",
             "select s.name, x.id, y.id from stores s join sales x on x.store = s.id join sales y on y.id = x.id + "
             "s.id",
             "select store, sum(revenue) from sales group by 1 order by 2 desc limit all",
             "select name, city from stores order by city nulls first, name desc",
             "select name from stores order by id desc",
             "select store % id, -store, store || note, note like name, 'x', 'y', null, 1.5, true from sales join "
             "stores using (id)",
             "select case when store > id then note end, coalesce(note, name), greatest(store, id), "
             "array[store, id], store::text, revenue::int, exists (select from stores), (select max(id) from stores), "
             "nullif(store, id), not (store > id) from sales join stores using (id)",
             "select store as \"Store No\", max(day) as \"from\", min(day) as \"MIN\" from sales group by store",
             "select distinct on (store) store, day, revenue from sales order by store, day desc, id",
             "select name from stores union select note from sales order by 1",
             "select name as a from stores union all select note from sales",
             "with top as (select store, sum(revenue) as total from sales group by store) select s.name, t.total from "
             "top t join stores s on s.id = t.store",
             "with recursive n as (select min(id) as id from stores union all select id + id from n where id > id) "
             "select id from n",
             "select store, row_number() over (partition by store order by day, id), rank() over (order by store) "
             "from sales",
             "select \"Lager Nr\", sum(menge) from \"Größe der Läger in Österreich und Übersee 2026\" group by 1",
             "select total from months",
             "select s.ctid, s.id from stores s",
             "select * from sales join stores on stores.id = sales.store",
             "select date_trunc('month', day), extract(year from day), count(*) filter (where store > id) from sales "
             "group by 1, 2 having count(*) > count(note) - count(id)",
             "select count(*), count(*) from sales, stores where sales.store = stores.id",
         }) {
        const auto found = advised(connection, text);
        ASSERT_EQ(found.size(), 1U) << text;
        const auto& advice = found.front();
        ASSERT_EQ(advice.alternatives.size(), 2U);
        const auto& read = advice.alternatives[0];
        const auto& refresh = advice.alternatives[1];
        ASSERT_NO_THROW(run_script(connection, advice.statement)) << text;
        const bool in_order = read.find(" ORDER BY ") != std::string::npos;
        EXPECT_EQ(rows_of(connection, read, in_order), rows_of(connection, text, in_order)) << read;
        // What is written shows after the refresh, not before.
        run_script(connection,
                   "begin; insert into sales select 100000 + i, '2026-05-01', i, 5000 + i, 'new' from "
                   "generate_series(0, 8) i; insert into stores values (100, 'new', null); insert into months values "
                   "('2026-04-01', 9); insert into \"Größe der Läger in Österreich und Übersee 2026\" values (1, 1)");
        const auto now = rows_of(connection, text, in_order);
        ASSERT_NO_THROW(run_script(connection, refresh)) << text;
        EXPECT_EQ(rows_of(connection, read, in_order), now) << read;
        run_script(connection, "rollback");
        ASSERT_NO_THROW(run_script(connection, advice.rollback_statement)) << text;
        EXPECT_EQ(query_value(connection, "select count(*)::text from pg_matviews"), "0");
    }
}

TEST_F(KeptReads, AnOrderThatTheColumnsTellIsWrittenAgain) {
    auto connection = connect();
    const auto read_of = [&](const std::string& text) { return advised(connection, text).front().alternatives[0]; };
    EXPECT_TRUE(read_of("select store, sum(revenue) from sales group by store order by sum(revenue) desc nulls last, "
                        "store")
                    .ends_with(" ORDER BY sum DESC NULLS LAST, store"));
    EXPECT_TRUE(read_of("select name, city from stores s order by s.city nulls first, 1 desc")
                    .ends_with(" ORDER BY city NULLS FIRST, name DESC"));
    // By what is not kept it cannot be.
    const auto hidden = advised(connection, "select name from stores order by id desc");
    EXPECT_EQ(hidden.front().alternatives[0].find("ORDER BY"), std::string::npos);
    EXPECT_NE(hidden.front().reasoning.find("order"), std::string::npos);
}

TEST_F(KeptReads, WhatMayDifferByItselfIsNotKept) {
    auto connection = connect();
    for (const std::string text : {
             "select sum(revenue) from sales where day > now()",
             "select sum(revenue) from sales where day = current_date",
             "select sum(revenue) from sales where day >= 'today'",
             "select sum(revenue) from sales where day >= date 'yesterday'",
             "select sum(revenue) from sales where day >= ' Now '::timestamp",
             "select id from sales order by random()",
             "select ours.sum(store) from sales",
             "select nextval('sales_seq'), id from sales",
             "select owner from secret where owner = current_user",
             "select id from secret",
             "select id, row(id, name) from stores",
             "select * from sales join stores using (id)",
             "select sum(revenue) from sales where store = $1",
             "select store from sales limit $1",
             "select name from wien",
             "select count(*) from sales tablesample system (10)",
             "select id from sales for update",
             "select pg_backend_pid(), count(*) from sales",
             "select count(*) from pg_stat_activity",
             "select generate_series(1, 3)",
             "insert into stores values (200, 'x', null) returning id",
         }) {
        EXPECT_TRUE(advised(connection, text).empty()) << text;
    }
}

}  // namespace
}  // namespace pganalytics
