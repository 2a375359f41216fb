// The statement sampler against a real server: right deltas, and every way in which counters can mislead.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

#include "base/text.hpp"
#include "collector/server_facts.hpp"
#include "collector/statement_sampler.hpp"
#include "integration/collector_support.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::collector {
namespace {

using collector_tests::application;
using collector_tests::run_times;
using test_support::TestCluster;
using test_support::TestClusterOptions;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SamplerOptions texts_at_once() {
    SamplerOptions options;
    options.text_period = std::chrono::milliseconds(0);
    return options;
}

/// A server with a sampler on it.
class Watch {
  public:
    explicit Watch(TestClusterOptions cluster_options = {}, SamplerOptions sampler_options = texts_at_once(),
                   std::string_view user = "watcher")
        : cluster(std::move(cluster_options)), sampler(sampler_options), user_(user) {
        cluster.run(
            "create extension pg_stat_statements; create role watcher login; grant pg_monitor to watcher;"
            "create table t (id int primary key, v text);"
            "insert into t select i, 'x' from generate_series(1, 1000) i; analyze t");
        reconnect();
    }
    void reconnect(std::string_view database = "postgres") {
        database_ = database;
        connection.emplace(cluster.connect(database, user_, postgres::ConnectOptions{}));
        auto read = read_server_facts(*connection);
        if (!read) throw std::runtime_error(read.error().to_string());
        facts = *read;
    }
    base::Result<StatementSample> try_take() {
        auto sample = sampler.take(*connection, cluster.conninfo(database_, user_), facts);
        if (sample) {
            for (const auto& text : sample->texts) texts[text.key] = text;
            for (const auto& interval : sample->intervals) {
                EXPECT_LE(interval.begins, interval.ends);
                EXPECT_GE(interval.delta.calls, 0);
                EXPECT_TRUE(texts.contains(interval.key)) << "an interval must come with a known text";
            }
        }
        return sample;
    }
    StatementSample take() {
        auto sample = try_take();
        if (!sample) throw std::runtime_error(sample.error().to_string());
        return std::move(sample).value();
    }
    /// What statements whose text contains `part` did in the sample.
    [[nodiscard]] workload::Counters done(const StatementSample& sample, std::string_view part) const {
        workload::Counters sum;
        for (const auto& interval : sample.intervals) {
            const auto text = texts.find(interval.key);
            if (text != texts.end() && text->second.text.find(part) != std::string::npos) sum += interval.delta;
        }
        return sum;
    }

    TestCluster cluster;
    StatementSampler sampler;
    std::optional<postgres::Connection> connection;
    ServerFacts facts;
    std::map<workload::StatementKey, StatementText> texts;

  private:
    std::string user_, database_ = "postgres";
};

constexpr std::string_view look_up = "select v from t where id = 7";
constexpr std::string_view look_up_text = "select v from t where id";

TEST(StatementSampler, GivesWhatRanBetweenTwoSamplesAndNothingOfOurs) {
    Watch watch;
    auto client = application(watch.cluster);
    EXPECT_TRUE(watch.take().report.first);
    run_times(client, look_up, 5);
    const auto sample = watch.take();
    const auto done = watch.done(sample, look_up_text);
    EXPECT_EQ(done.calls, 5);
    EXPECT_EQ(done.rows, 5);
    EXPECT_GT(done.shared_blks_hit, 0);
    EXPECT_GT(done.total_exec_time_ms, 0);
    EXPECT_TRUE(done.sum_squared_deviation_ms2);
    EXPECT_GT(sample.own_intervals, 0) << "our own statements are seen, and left out";
    for (const auto& [key, text] : watch.texts) EXPECT_THAT(text.text, Not(HasSubstr("pganalytics")));
    EXPECT_THAT(watch.take().intervals, IsEmpty());
}

TEST(StatementSampler, AResetWithinTheIntervalGivesOnlyWhatRanSince) {
    Watch watch;
    auto client = application(watch.cluster);
    run_times(client, look_up, 10);
    (void)watch.take();
    run_times(client, look_up, 4);
    watch.cluster.run("select pg_stat_statements_reset()");
    // More calls than before the reset: a comparison of counters alone would see a growth of 5.
    run_times(client, look_up, 15);
    const auto sample = watch.take();
    EXPECT_TRUE(sample.report.reset);
    EXPECT_EQ(watch.done(sample, look_up_text).calls, 15);
    run_times(client, look_up, 2);
    EXPECT_EQ(watch.done(watch.take(), look_up_text).calls, 2);
}

TEST(StatementSampler, AResetOfOneStatementIsSeenByItsCounters) {
    Watch watch;
    auto client = application(watch.cluster);
    run_times(client, look_up, 10);
    run_times(client, "select count(*) from t", 3);
    (void)watch.take();
    watch.cluster.run("select pg_stat_statements_reset(0, 0, queryid) from pg_stat_statements where query like '" +
                      std::string(look_up_text) + "%'");
    run_times(client, look_up, 2);
    run_times(client, "select count(*) from t", 1);
    const auto sample = watch.take();
    EXPECT_EQ(watch.done(sample, look_up_text).calls, 2);
    EXPECT_EQ(watch.done(sample, "select count(*) from t").calls, 1);
    EXPECT_GE(sample.report.restarted_keys, 1);
}

TEST(StatementSampler, EvictionUnderChurnNeverInventsCalls) {
    TestClusterOptions options;
    options.settings["pg_stat_statements.max"] = "100";
    Watch watch(options);
    auto client = application(watch.cluster);
    std::map<std::string, std::int64_t> ran, told;
    (void)watch.take();
    std::int64_t evictions = 0;
    for (int round = 0; round < 6; ++round) {
        for (int i = 0; i < 60; ++i) {
            // Each column list is a statement of its own; a few of them run often.
            const int width = 1 + (round * 37 + i * 11) % 150;
            std::string columns = "id";
            for (int c = 0; c < width; ++c) columns += ", id";
            const std::string statement = "select " + columns + " from t where id = 1";
            const int times = i % 7 == 0 ? 3 : 1;
            run_times(client, statement, times);
            ran[columns] += times;
        }
        const auto sample = watch.take();
        evictions += sample.report.evictions.value_or(0);
        for (const auto& interval : sample.intervals) {
            const auto& text = watch.texts.at(interval.key).text;
            if (text.starts_with("select id, id")) told[text.substr(7, text.find(" from") - 7)] += interval.delta.calls;
        }
    }
    EXPECT_GT(evictions, 0) << "the test did not churn";
    EXPECT_GT(told.size(), 20U);
    for (const auto& [columns, calls] : told) EXPECT_LE(calls, ran[columns]);
}

TEST(StatementSampler, TheExtensionDroppedMidwayIsAnErrorThatHeals) {
    Watch watch;
    auto client = application(watch.cluster);
    (void)watch.take();
    run_times(client, look_up, 2);
    (void)watch.take();
    watch.cluster.run("drop extension pg_stat_statements");
    run_times(client, look_up, 3);
    const auto without = watch.try_take();
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, base::ErrorCode::install_extension);
    EXPECT_THAT(without.error().hint, HasSubstr("CREATE EXTENSION pg_stat_statements"));
    watch.cluster.run(
        "create schema odd; grant usage on schema odd to watcher; create extension pg_stat_statements schema odd");
    run_times(client, look_up, 4);
    // Its counters live in shared memory and went on: the interval spans the gap.
    EXPECT_EQ(watch.done(watch.take(), look_up_text).calls, 7);
    EXPECT_EQ(watch.sampler.source()->schema, "odd");
}

TEST(StatementSampler, AnOlderExtensionOnANewerServerIsReadAsItIs) {
    Watch watch;
    watch.cluster.run("drop extension pg_stat_statements; create extension pg_stat_statements version '1.8'");
    auto client = application(watch.cluster);
    (void)watch.take();
    EXPECT_EQ(watch.sampler.source()->version, (workload::ExtensionVersion{1, 8}));
    run_times(client, look_up, 4);
    const auto old = watch.done(watch.take(), look_up_text);
    EXPECT_EQ(old.calls, 4);
    EXPECT_FALSE(old.jit_functions);
    watch.cluster.run("alter extension pg_stat_statements update");
    run_times(client, look_up, 3);
    const auto updated = watch.take();
    EXPECT_EQ(watch.done(updated, look_up_text).calls, 3);
    EXPECT_EQ(watch.sampler.source()->version, (workload::ExtensionVersion{1, 10}));
}

// A version from the future: the real function under another name, and over it one with a column that nobody knows.
constexpr std::string_view future_version = R"(
do $make$
declare columns text;
begin
  select string_agg(format('out %I %s', a.name, format_type(a.type, null)), ', ' order by a.position) into columns
  from pg_proc p
  cross join lateral unnest(p.proargnames, p.proallargtypes, p.proargmodes)
    with ordinality as a(name, type, mode, position)
  where p.proname = 'pg_stat_statements' and a.mode = 'o';
  alter extension pg_stat_statements drop view pg_stat_statements;
  drop view pg_stat_statements;
  alter extension pg_stat_statements drop function pg_stat_statements(boolean);
  alter function pg_stat_statements(boolean) rename to real_statements;
  execute format('create function pg_stat_statements(showtext boolean, out quantum_reads bigint, %s) returns setof record'
                 ' language sql as $body$ select 42::bigint, * from real_statements($1) $body$', columns);
  update pg_extension set extversion = '1.99' where extname = 'pg_stat_statements';
end
$make$)";

TEST(StatementSampler, ANewerVersionIsReadByNameAndItsNewColumnsAreReported) {
    Watch watch;
    watch.cluster.run(future_version);
    auto client = application(watch.cluster);
    (void)watch.take();
    EXPECT_THAT(watch.sampler.source()->unknown_columns, ::testing::ElementsAre("quantum_reads"));
    run_times(client, look_up, 4);
    EXPECT_EQ(watch.done(watch.take(), look_up_text).calls, 4);
}

TEST(StatementSampler, ARoleLosingPgMonitorSeesHiddenRowsAndCatchesUpLater) {
    Watch watch;
    auto client = application(watch.cluster);
    run_times(client, look_up, 2);
    (void)watch.take();
    watch.cluster.run("revoke pg_monitor from watcher");
    run_times(client, look_up, 3);
    const auto blind = watch.take();
    EXPECT_GT(blind.report.hidden, 0);
    EXPECT_EQ(watch.done(blind, look_up_text).calls, 0);
    run_times(client, "select v from t where v = 'new while hidden'", 6);
    (void)watch.take();
    watch.cluster.run("grant pg_monitor to watcher");
    run_times(client, look_up, 4);
    const auto again = watch.take();
    EXPECT_EQ(again.report.hidden, 0);
    EXPECT_EQ(watch.done(again, look_up_text).calls, 7);
    EXPECT_EQ(watch.done(again, "from t where v =").calls, 6) << "it was in no complete sample: counted from zero";
}

TEST(StatementSampler, NegativeQueryIdsAreKeysLikeOthers) {
    Watch watch;
    auto client = application(watch.cluster);
    (void)watch.take();
    for (int i = 1; i < 40; ++i)
        run_times(client, "select id + " + std::string(static_cast<std::size_t>(i), '+') + " 1 from t limit 1", 1);
    const auto sample = watch.take();
    const auto negative = std::count_if(sample.intervals.begin(), sample.intervals.end(), [](const auto& interval) {
        return base::to_integer(interval.key.query_id) < 0;
    });
    EXPECT_GT(negative, 0);
    EXPECT_EQ(watch.done(sample, "from t limit").calls, 39);
}

TEST(StatementSampler, AStatementOf600KilobytesIsTakenWhole) {
    Watch watch;
    auto client = application(watch.cluster);
    (void)watch.take();
    std::string statement = "select id as huge from t where id in (1";
    while (statement.size() < 600'000) statement += ", 123456";
    statement += ")";
    run_times(client, statement, 2);
    const auto sample = watch.take();
    const auto done = watch.done(sample, "as huge from t");
    EXPECT_EQ(done.calls, 2);
    const auto text = std::find_if(sample.texts.begin(), sample.texts.end(),
                                   [](const auto& t) { return t.text.find("as huge") != std::string::npos; });
    ASSERT_NE(text, sample.texts.end());
    EXPECT_FALSE(text->cut);
    EXPECT_GT(base::to_integer(text->query_hash), 0);
}

TEST(StatementSampler, TextsOverTheBatchCapComeWithLaterReadings) {
    auto sampler_options = texts_at_once();
    sampler_options.max_batch_bytes = 20'000;
    sampler_options.max_text_bytes = 5'000;
    Watch watch({}, sampler_options);
    auto client = application(watch.cluster);
    for (int i = 0; i < 6; ++i) (void)watch.take();
    const std::string long_list(15'000, 'x');
    for (int i = 0; i < 8; ++i) {
        std::string columns = "id";
        for (int c = 0; c <= i; ++c) columns += ", id";
        run_times(client, "select " + columns + " /* " + long_list + " */ from t where id = 1", 1);
    }
    std::int64_t calls = 0, waiting = 0;
    for (int i = 0; i < 6; ++i) {
        const auto sample = watch.take();
        waiting += sample.report.waiting_keys;
        calls += watch.done(sample, "select id, id").calls;
        for (const auto& text : sample.texts) EXPECT_LE(text.text.size(), 5'000U);
    }
    EXPECT_GT(waiting, 0);
    EXPECT_EQ(calls, 8) << "none is lost by waiting for its text";
}

TEST(StatementSampler, TextsAreReadRarelyAndNothingIsLostUntilThen) {
    SamplerOptions sampler_options;
    sampler_options.text_period = std::chrono::seconds(1);
    Watch watch({}, sampler_options);
    auto client = application(watch.cluster);
    (void)watch.take();
    const auto before = watch.take().ends;
    run_times(client, look_up, 3);
    const auto early = watch.take();
    EXPECT_EQ(watch.done(early, look_up_text).calls, 0);
    run_times(client, look_up, 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    const auto sample = watch.take();
    EXPECT_EQ(watch.done(sample, look_up_text).calls, 5);
    const auto interval = std::find_if(sample.intervals.begin(), sample.intervals.end(),
                                       [&](const auto& i) { return i.delta.calls == 5; });
    ASSERT_NE(interval, sample.intervals.end());
    EXPECT_LE(interval->begins, before + std::chrono::milliseconds(1));
}

TEST(StatementSampler, InvalidBytesOfASqlAsciiDatabaseAreReadFromThere) {
    Watch watch;
    watch.cluster.run("create database raw template template0 encoding 'SQL_ASCII' locale 'C'");
    (void)watch.take();
    auto client = application(watch.cluster);
    {
        postgres::ConnectOptions options;
        options.tagged = false;
        options.read_only = false;
        auto raw = watch.cluster.connect("raw", "postgres", options);
        run_times(raw, "set client_encoding to 'SQL_ASCII'", 1);
        run_times(raw, "select 1 as \"caf\xe9\"", 2);
    }
    run_times(client, look_up, 3);
    const auto blocked = watch.take();
    EXPECT_THAT(blocked.text_problem, HasSubstr("CREATE EXTENSION pg_stat_statements in \"raw\""));
    EXPECT_EQ(watch.done(blocked, look_up_text).calls, 0) << "its text is not known yet";

    watch.cluster.run("create extension pg_stat_statements", "raw");
    watch.reconnect();
    const auto sample = watch.take();
    EXPECT_EQ(sample.text_problem, "");
    EXPECT_EQ(watch.done(sample, look_up_text).calls, 3);
    EXPECT_EQ(watch.done(sample, "select 1 as \"caf").calls + watch.done(sample, "select $1 as \"caf").calls, 2);
    for (const auto& text : sample.texts) EXPECT_EQ(text.text, base::to_valid_utf8(text.text));
}

TEST(StatementSampler, ASqlAsciiServerIsReadToo) {
    TestClusterOptions options;
    options.encoding = "SQL_ASCII";
    Watch watch(options);
    (void)watch.take();
    auto client = application(watch.cluster);
    run_times(client, "set client_encoding to 'SQL_ASCII'", 1);
    run_times(client, "select 1 as \"caf\xe9\"", 2);
    const auto sample = watch.take();
    EXPECT_EQ(sample.text_problem, "");
    EXPECT_EQ(watch.done(sample, "as \"caf").calls, 2);
}

TEST(StatementSampler, ACleanRestartKeepsCountingAndACrashStartsAnew) {
    Watch watch;
    {
        auto client = application(watch.cluster);
        run_times(client, look_up, 10);
        (void)watch.take();
        run_times(client, look_up, 2);
    }
    watch.connection.reset();
    watch.cluster.stop();
    watch.cluster.start();
    watch.reconnect();
    {
        auto client = application(watch.cluster);
        run_times(client, look_up, 3);
    }
    const auto after_restart = watch.take();
    EXPECT_TRUE(after_restart.report.server_restarted);
    EXPECT_EQ(watch.done(after_restart, look_up_text).calls, 5);

    watch.connection.reset();
    watch.cluster.kill();
    watch.cluster.start();
    watch.reconnect();
    {
        auto client = application(watch.cluster);
        run_times(client, look_up, 20);
    }
    const auto after_crash = watch.take();
    EXPECT_EQ(watch.done(after_crash, look_up_text).calls, 20) << "more than before the crash, and all of it after";
}

TEST(StatementSampler, AnotherServerBehindTheSameSamplerIsABaseline) {
    Watch watch;
    Watch other;
    auto client = application(other.cluster);
    run_times(client, look_up, 500);
    (void)watch.take();
    auto sample = watch.sampler.take(*other.connection, other.cluster.conninfo("postgres", "watcher"), other.facts);
    ASSERT_TRUE(sample);
    EXPECT_TRUE(sample->report.server_replaced);
    EXPECT_THAT(sample->intervals, IsEmpty());
}

}  // namespace
}  // namespace pganalytics::collector
