// History on a real repository: what goes in comes out, once, at any resolution.

#include <gmock/gmock.h>

#include "store/history.hpp"
#include "store/retention.hpp"
#include "store_fixture.hpp"
#include "workload/counter_fields.hpp"

namespace pganalytics::store {
namespace {

using namespace std::chrono_literals;
using base::Timestamp;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using workload::Counters;

Timestamp minutes_ago(int minutes) {
    // On a full ten minutes, so that buckets begin where the tests think they do.
    const auto now = base::SystemClock().now().time_since_epoch();
    return Timestamp(now - now % 600s) - std::chrono::minutes(minutes);
}

Counters counters(std::int64_t calls, double mean_ms, double deviation_ms = 0) {
    Counters c;
    c.calls = calls;
    c.total_exec_time_ms = static_cast<double>(calls) * mean_ms;
    c.rows = calls * 2;
    c.shared_blks_hit = calls * 3;
    c.wal_bytes = 0;
    c.sum_squared_deviation_ms2 = static_cast<double>(calls) * deviation_ms * deviation_ms;
    return c;
}

catalog::Setting setting(std::string name, std::string shown) {
    return {std::move(name), std::move(shown), "", ""};
}

class HistoryTest : public StoreTest {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        target_ = add_target();
        key_ = announce(target_, 1, "select * from orders where id = $1");
    }

    IngestReport ingest(Timestamp begins, std::span<const workload::StatementInterval> rows,
                        std::chrono::seconds length = 60s) {
        const IntervalBatch batch{.begins = begins, .ends = begins + length, .statements = rows};
        return expect_value(Ingest(repository()).intervals(target_, {&batch, 1}));
    }
    IngestReport ingest(Timestamp begins, const Counters& delta) {
        const std::vector<workload::StatementInterval> rows{
            {.key = key_, .begins = begins, .ends = begins + 60s, .delta = delta}};
        return ingest(begins, rows);
    }
    workload::Workload workload(Timestamp from, Timestamp to) {
        return expect_value(history().workload(target_, "shop", {from, to}));
    }
    History history() { return History(repository()); }
    StatementPlace place() { return {.target_id = target_, .target_name = "shop", .database_name = "shop"}; }

    base::TargetId target_{};
    workload::StatementKey key_;
};

TEST_F(HistoryTest, GivesEveryCounterBack) {
    Counters all;
    double number = 1;
    for (const auto& field : workload::counter_fields) {
        expect_done(workload::set_counter(
            all, field, field.is_integer() ? std::to_string(static_cast<int>(number)) : std::to_string(number) + "5"));
        number += 1;
    }
    all.sum_squared_deviation_ms2 = 77.5;
    ingest(minutes_ago(30), all);
    const auto loaded = workload(minutes_ago(40), minutes_ago(0));
    ASSERT_THAT(loaded.statements, SizeIs(1));
    EXPECT_EQ(loaded.statements[0].sum, all);
    EXPECT_EQ(loaded.window, base::Minutes(1));
}

TEST_F(HistoryTest, TellsZeroFromUnknown) {
    auto delta = counters(5, 2);
    delta.shared_blk_read_time_ms = 0;
    delta.wal_bytes = std::nullopt;
    ingest(minutes_ago(30), delta);
    const auto sum = workload(minutes_ago(40), minutes_ago(0)).statements.at(0).sum;
    EXPECT_EQ(sum, delta);
    EXPECT_EQ(value("select shared_blk_read_time_ms::text || '/' || coalesce(wal_bytes::text, 'unknown') || '/' || "
                    "temp_blks_read from pganalytics.metrics_pg_stats_query"),
              "0/unknown/0");
}

TEST_F(HistoryTest, CountsAnIntervalOnce) {
    const auto begins = minutes_ago(30);
    EXPECT_EQ(ingest(begins, counters(5, 2)).rows_stored, 1U);
    const auto again = ingest(begins, counters(5, 2));
    EXPECT_EQ(again.rows_stored, 0U);
    EXPECT_EQ(again.intervals_known, 1U);
    EXPECT_EQ(workload(minutes_ago(40), minutes_ago(0)).statements.at(0).sum.calls, 5);
    EXPECT_EQ(value("select observed_seconds from pganalytics.observed_hours"), "60");
}

TEST_F(HistoryTest, AddsUpKeysOfOneStatementAndSortsByTime) {
    const auto same_text = announce(target_, 1, "select * from orders where id = $1");
    auto other = same_text;
    other.query_id = base::QueryId{-9};  // another server build hashes the same text otherwise
    KnownStatement twin{.key = other,
                        .database_name = "shop",
                        .user_name = "app",
                        .query_hash = base::QueryHash{1001},
                        .fingerprint_hash = {},
                        .text = "select * from orders where id = $1"};
    expect_done(Ingest(repository()).upsert_statements(target_, {{twin}}));
    const auto heavy = announce(target_, 2, "select count(*) from orders");
    const std::vector<workload::StatementInterval> rows{
        {.key = same_text, .begins = {}, .ends = {}, .delta = counters(1, 1)},
        {.key = other, .begins = {}, .ends = {}, .delta = counters(3, 5)},
        {.key = heavy, .begins = {}, .ends = {}, .delta = counters(1, 1000)}};
    ingest(minutes_ago(30), rows);
    const auto loaded = workload(minutes_ago(40), minutes_ago(0));
    ASSERT_THAT(loaded.statements, SizeIs(2));
    EXPECT_EQ(loaded.statements[0].text, "select count(*) from orders");
    EXPECT_EQ(loaded.statements[1].sum.calls, 4);
    EXPECT_THAT(loaded.statements[1].query_ids, SizeIs(2));
    // Four executions of 1, 5, 5, 5 ms: mean 4, variance 3.
    EXPECT_THAT(loaded.statements[1].stddev_exec_time_ms.value_or(0), DoubleNear(std::sqrt(3.0), 1e-9));
    EXPECT_THAT(expect_value(history().databases(target_, {minutes_ago(40), minutes_ago(0)})),
                testing::ElementsAre("shop"));
}

TEST_F(HistoryTest, SaysWhichRowsItCouldNotPlace) {
    auto unknown = key_;
    unknown.query_id = base::QueryId{404};
    const std::vector<workload::StatementInterval> rows{
        {.key = unknown, .begins = {}, .ends = {}, .delta = counters(1, 1)}};
    EXPECT_EQ(ingest(minutes_ago(30), rows).rows_unknown_key, 1U);
    EXPECT_EQ(ingest(minutes_ago(500 * 24 * 60), counters(1, 1)).intervals_too_old, 1U);
    const IntervalBatch backwards{.begins = minutes_ago(1), .ends = minutes_ago(2), .statements = {}};
    EXPECT_EQ(Ingest(repository()).intervals(target_, {&backwards, 1}).error().code, base::ErrorCode::fix_input);
    const IntervalBatch ahead{.begins = minutes_ago(-3000), .ends = minutes_ago(-3001), .statements = {}};
    EXPECT_EQ(Ingest(repository()).intervals(target_, {&ahead, 1}).error().code, base::ErrorCode::fix_input);
}

/// The same totals, whatever the mix of resolutions that a window is read from.
TEST_F(HistoryTest, AddsUpToTheSameAtEveryResolution) {
    const auto now = minutes_ago(0);
    std::vector<IntervalBatch> batches;
    std::vector<std::vector<workload::StatementInterval>> rows;
    constexpr int count = 60 * 5;
    rows.reserve(count);
    for (int i = 0; i < count; ++i) {
        const auto begins = now - std::chrono::minutes(count - i);
        rows.push_back(
            {{.key = key_, .begins = begins, .ends = begins + 60s, .delta = counters(1 + i % 7, 1 + i % 11, 0.5)}});
        batches.push_back({.begins = begins, .ends = begins + 60s, .statements = rows.back()});
    }
    // Not rolled up yet: all of it is as new as it would be with a collector that just ran.
    auto connection = connect(conninfo());
    expect_done(
        connection.execute_script("update pganalytics.history_levels set rolled_up_to = date_trunc('hour', now()) - "
                                  "interval '1 day' where level <> 'raw'"));
    EXPECT_EQ(expect_value(Ingest(repository()).intervals(target_, batches)).rows_stored,
              static_cast<std::size_t>(count));
    const auto expected = [&](Timestamp from, Timestamp to) {
        Counters sum;
        for (std::size_t i = 0; i < batches.size(); ++i) {
            if (batches[i].begins >= from && batches[i].begins < to) sum += rows[i][0].delta;
        }
        return sum;
    };
    const auto check = [&](Timestamp from, Timestamp to) {
        const auto loaded = workload(from, to).statements.at(0);
        const auto truth = expected(from, to);
        EXPECT_EQ(loaded.sum.calls, truth.calls);
        EXPECT_EQ(loaded.sum.rows, truth.rows);
        EXPECT_NEAR(loaded.sum.total_exec_time_ms, truth.total_exec_time_ms, 1e-6);
        EXPECT_NEAR(*loaded.sum.sum_squared_deviation_ms2, *truth.sum_squared_deviation_ms2, 1e-6);
        EXPECT_EQ(loaded.max_calls_per_minute, 7);
    };
    const std::vector<std::pair<Timestamp, Timestamp>> windows{
        {now - 5h, now}, {now - 287min, now - 13min}, {now - 3h - 1min, now - 2h}, {now - 47min, now - 31min}};
    for (const auto& [from, to] : windows) check(from, to);
    const auto report = expect_value(Retention(repository()).run(now + 5min));
    EXPECT_GT(report.rolled_up_rows, 30U);
    for (const auto& [from, to] : windows) check(from, to);
    EXPECT_EQ(expect_value(Retention(repository()).run(now + 5min)).rolled_up_rows, 0U) << "rolled up twice";

    // What comes late is added to what is rolled up already.
    announce(target_, 1, "select * from orders where id = $1");
    const auto late = now - 4h - 30s;
    ingest(late, counters(7, 100));
    auto truth = expected(now - 5h, now);
    truth += counters(7, 100);
    const auto loaded = workload(now - 5h, now).statements.at(0);
    EXPECT_EQ(loaded.sum.calls, truth.calls);
    EXPECT_NEAR(*loaded.sum.sum_squared_deviation_ms2, *truth.sum_squared_deviation_ms2, 1e-4);
    EXPECT_EQ(value("select sum(calls)::text from pganalytics.metrics_pg_stats_query"), std::to_string(truth.calls));

    const auto series =
        expect_value(history().statement_history(place(), base::QueryHash{1001}, {now - 5h, now}, base::Seconds(3600)));
    std::int64_t calls = 0;
    for (const auto& point : series) calls += point.sum.calls;
    EXPECT_EQ(calls, truth.calls);
    EXPECT_THAT(series, testing::AllOf(SizeIs(testing::Ge(5)), SizeIs(testing::Le(6))));
    const auto fine = expect_value(history().database_history(target_, "shop", {now - 5h, now}));
    EXPECT_THAT(fine, SizeIs(count + 1));
}

TEST_F(HistoryTest, TakesAMonthOfThePast) {
    const auto now = minutes_ago(0);
    std::vector<std::vector<workload::StatementInterval>> rows;
    std::vector<IntervalBatch> batches;
    for (int hours = 24 * 30; hours > 0; --hours) {
        const auto begins = now - std::chrono::hours(hours) + 17min;
        rows.push_back({{.key = key_, .begins = begins, .ends = begins + 60s, .delta = counters(10, 2)}});
    }
    for (auto& row : rows) batches.push_back({.begins = row[0].begins, .ends = row[0].ends, .statements = row});
    EXPECT_EQ(expect_value(Ingest(repository()).intervals(target_, batches)).rows_stored, 720U);
    EXPECT_EQ(workload(now - 24h * 31, now).statements.at(0).sum.calls, 7200);
    EXPECT_EQ(workload(now - 24h * 31, now).window, base::Minutes(720));
    EXPECT_EQ(value("select sum(calls)::text from pganalytics.metrics_pg_stats_query"), "7200");
    const auto points =
        expect_value(history().statement_history(place(), base::QueryHash{1001}, {now - 24h * 10, now - 24h * 9}));
    ASSERT_THAT(points, SizeIs(24));
    // Ten-minute sums still tell the minute in which it ran.
    EXPECT_EQ(points[0].length, base::Seconds(600));
    EXPECT_EQ((points[0].active_from - minutes_ago(0)) % 1h, -43min);
    EXPECT_EQ(points[0].active_to - points[0].active_from, 1min);
}

TEST_F(HistoryTest, DropsWhatIsTooOldAndKeepsItsSums) {
    const auto now = minutes_ago(0);
    for (int day = 6; day > 0; --day) ingest(now - 24h * day, counters(10, 2));
    // Everything was written when it happened.
    ingest(now - 1h, counters(10, 2));
    auto connection = connect(conninfo());
    const auto before = expect_value(connection.query("select count(*) from pganalytics.list_partitions('raw')"))
                            .integer(0, 0)
                            .value_or(0);
    const auto report = expect_value(Retention(repository()).run(now + 24h * 4));
    EXPECT_THAT(report.dropped, testing::Contains(HasSubstr("metrics_raw_p")));
    EXPECT_EQ(value("select count(*) from pganalytics.metrics_raw"), "0");
    EXPECT_GT(before, 0);
    EXPECT_EQ(workload(now - 24h * 7, now).statements.at(0).sum.calls, 70);
    EXPECT_EQ(value("select sum(calls)::text from pganalytics.metrics_pg_stats_query"), "70");
    EXPECT_NE(value("select count(*) from pganalytics.maintenance_events where event = 'dropped'"), "0");
}

TEST_F(HistoryTest, ThinsTheOldestAndCoarsestUnderTheDiskBudgetAndSaysSo) {
    const auto now = minutes_ago(0);
    for (const int day : {300, 200, 100, 30, 20, 10, 1}) ingest(now - 24h * day, counters(10, 2));
    expect_value(Retention(repository()).run(now + 5min));
    const auto size = expect_value(Retention(repository()).size());
    RetentionPolicy policy;
    policy.disk_budget = base::Bytes{size.value - 1};
    const auto report = expect_value(Retention(repository(), policy).run(now + 6min));
    ASSERT_THAT(report.thinned, SizeIs(1));
    EXPECT_THAT(report.thinned[0], HasSubstr("1 hour history before"));
    EXPECT_THAT(report.thinned[0], HasSubstr("disk budget"));
    EXPECT_EQ(workload(now - 24h * 399, now).statements.at(0).sum.calls, 60) << "more than the oldest part is gone";
    policy.disk_budget = base::Bytes{1};
    const auto rest = expect_value(Retention(repository(), policy).run(now + 7min));
    EXPECT_THAT(rest.thinned.back(), HasSubstr("nothing is left to thin"));
    EXPECT_EQ(workload(now - 1h * 30, now).statements.at(0).sum.calls, 10) << "the newest must stay";
}

TEST_F(HistoryTest, PagesThroughStatementsInAnyOrder) {
    std::vector<workload::StatementInterval> rows;
    for (int i = 1; i <= 25; ++i) {
        const auto key = announce(target_, i, "select " + std::to_string(i) + " from t");
        rows.push_back({.key = key, .begins = {}, .ends = {}, .delta = counters(1 + i % 5, 1 + i % 3)});
    }
    ingest(minutes_ago(30), rows);
    for (const char* order : {"total_time", "calls", "mean_time", "rows", "blocks_read", "temp_blocks", "last_seen"}) {
        for (const bool descending : {true, false}) {
            StatementFilter filter;
            filter.window = {minutes_ago(60), minutes_ago(0)};
            filter.order = expect_value(parse_statement_order(order));
            filter.descending = descending;
            filter.limit = 7;
            std::set<std::int64_t> seen;
            std::size_t pages = 0;
            do {
                const auto page = expect_value(history().statements(filter));
                for (const auto& item : page.items) seen.insert(base::to_integer(item.statement.query_hash));
                filter.cursor = page.next_cursor;
                ASSERT_LT(++pages, 10U);
            } while (filter.cursor);
            EXPECT_THAT(seen, SizeIs(25)) << order;
            EXPECT_EQ(pages, 4U) << order;
        }
    }
    StatementFilter filter;
    filter.window = {minutes_ago(60), minutes_ago(0)};
    filter.text_contains = "SELECT 7 ";
    const auto found = expect_value(history().statements(filter));
    ASSERT_THAT(found.items, SizeIs(1));
    EXPECT_EQ(found.items[0].statement.text, "select 7 from t");
    EXPECT_EQ(found.items[0].calls_per_minute, 3);
    filter.cursor = "bm9uc2Vuc2U";
    EXPECT_EQ(history().statements(filter).error().field, "cursor");
}

TEST_F(HistoryTest, AsksWhichPlaceIsMeant) {
    announce(target_, 3, "select 3", "one");
    auto two = key_;
    two.database = base::Oid{6};
    two.query_id = base::QueryId{3};
    expect_done(Ingest(repository())
                    .upsert_statements(target_, {{{.key = two,
                                                   .database_name = "two",
                                                   .user_name = "app",
                                                   .query_hash = base::QueryHash{1003},
                                                   .fingerprint_hash = {},
                                                   .text = "select 3"}}}));
    const auto ambiguous = history().resolve(base::QueryHash{1003}, {}, {});
    ASSERT_FALSE(ambiguous);
    EXPECT_EQ(ambiguous.error().code, base::ErrorCode::conflict);
    EXPECT_THAT(ambiguous.error().hint, testing::AllOf(HasSubstr("database_name=one"), HasSubstr("database_name=two")));
    EXPECT_EQ(expect_value(history().resolve(base::QueryHash{1003}, {}, "two")).database_name, "two");
    EXPECT_EQ(history().resolve(base::QueryHash{5}, {}, {}).error().code, base::ErrorCode::not_found);
}

TEST_F(HistoryTest, KeepsPlansCatalogsSettingsAndExamples) {
    Ingest ingest_face(repository());
    const CapturedPlan plan{.database_name = "shop",
                            .query_hash = base::QueryHash{1001},
                            .shape_hash = 5,
                            .captured_at = minutes_ago(30),
                            .total_cost = 8.5,
                            .plan_json = R"([{"Plan": {"Node Type": "Seq Scan"}}])",
                            .planned_text = "",
                            .repairs = {"a \"quoted\" repair"}};
    auto later = plan;
    later.captured_at = minutes_ago(10);
    later.total_cost = 9;
    expect_done(ingest_face.plans(target_, {{plan, later}}));
    expect_done(ingest_face.plans(target_, {{plan}}));
    const auto plans = expect_value(history().plans(place(), base::QueryHash{1001}));
    ASSERT_THAT(plans, SizeIs(1));
    EXPECT_EQ(plans[0].total_cost, 9);
    EXPECT_EQ(plans[0].repairs, plan.repairs);
    EXPECT_THAT(plans[0].plan_json, HasSubstr("Seq Scan"));

    catalog::Database database;
    database.name = "shop";
    database.version = {150018};
    auto& relation = database.relations.emplace_back();
    relation.oid = base::Oid{4000000000};
    relation.name = "orders";
    auto& column = relation.columns.emplace_back();
    column.name = "id";
    column.statistics.emplace().distinct = -1;
    auto& index = relation.indexes.emplace_back();
    index.size = base::Bytes{8192};
    index.last_scan = minutes_ago(3);
    database.settings["work_mem"] = setting("work_mem", "4MB");
    expect_done(ingest_face.catalog(target_, database, minutes_ago(20)));
    const auto loaded = expect_value(history().latest_catalog(target_, "shop"));
    EXPECT_EQ(loaded.version.number, 150018);
    EXPECT_EQ(loaded.relations.at(0).oid, base::Oid{4000000000});
    EXPECT_EQ(loaded.relations[0].columns.at(0).statistics->distinct, -1);
    EXPECT_FALSE(loaded.relations[0].activity);
    EXPECT_EQ(loaded.relations[0].indexes.at(0).last_scan, minutes_ago(3));
    EXPECT_FALSE(loaded.relations[0].indexes[0].scans);
    EXPECT_EQ(loaded.settings.at("work_mem").value, "4MB");

    const std::vector<catalog::Setting> first{setting("work_mem", "4MB"), setting("jit", "on")};
    EXPECT_EQ(expect_value(ingest_face.settings(target_, "", first, minutes_ago(50))), 2U);
    EXPECT_EQ(expect_value(ingest_face.settings(target_, "", first, minutes_ago(40))), 0U);
    const std::vector<catalog::Setting> second{setting("work_mem", "8MB"), setting("jit", "on")};
    EXPECT_EQ(expect_value(ingest_face.settings(target_, "", second, minutes_ago(30))), 1U);
    const auto changes = expect_value(history().setting_changes(target_, {minutes_ago(60), minutes_ago(0)}));
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_EQ(*changes[0].old_value + " -> " + changes[0].new_value, "4MB -> 8MB");

    for (int i = 0; i < 7; ++i) {
        const std::vector<std::string> texts{"select * from orders where id = " + std::to_string(i)};
        expect_done(ingest_face.examples(target_, "shop", base::QueryHash{1001}, texts));
    }
    ingest(minutes_ago(30), counters(1, 1));
    EXPECT_THAT(workload(minutes_ago(40), minutes_ago(0)).statements.at(0).example_texts, SizeIs(5));
    EXPECT_THAT(expect_value(ingest_face.known_statements(target_)), SizeIs(1));

    ActivitySample sample;
    sample.sampled_at = minutes_ago(5);
    sample.database_name = "shop";
    sample.active = 3;
    sample.lock_waits = {{base::QueryHash{1001}, 2}};
    expect_done(ingest_face.activity(target_, {{sample}}));
    const auto samples = expect_value(history().activity(target_, "shop", {minutes_ago(10), minutes_ago(0)}));
    ASSERT_THAT(samples, SizeIs(1));
    EXPECT_EQ(samples[0].lock_waits, sample.lock_waits);
    EXPECT_FALSE(samples[0].available_memory_percent);
}

TEST_F(HistoryTest, ForgetsATargetWithAllThatWasSeenOfIt) {
    ingest(minutes_ago(30), counters(5, 2));
    expect_done(targets().remove(target_));
    EXPECT_EQ(value("select count(*) from pganalytics.metrics_raw"), "0");
    EXPECT_EQ(value("select count(*) from pganalytics.statement_keys"), "0");
    EXPECT_EQ(targets().remove(target_).error().code, base::ErrorCode::not_found);
}

}  // namespace
}  // namespace pganalytics::store
