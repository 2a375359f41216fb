// The fleet against real servers and real faults: dead and black-holed targets, a repository that is down, locks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "collector/fleet.hpp"
#include "collector/store_sink.hpp"
#include "integration/collector_support.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"

namespace pganalytics::collector {
namespace {

using namespace std::chrono_literals;
using namespace collector_tests;
using test_support::TestCluster;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view look_up = "select v from t where id = 7";
constexpr std::string_view look_up_text = "select v from t where id";

CollectorOptions quick() {
    CollectorOptions options;
    options.interval = 200ms;
    options.activity_interval = 100ms;
    options.catalog_interval = 2000ms;
    options.retry_first = 50ms;
    options.retry_longest = 500ms;
    options.spread = false;
    options.sampler.text_period = 0ms;
    options.connect.connect_timeout = 2000ms;
    options.connect.round_trip_timeout = 3000ms;
    return options;
}

TargetSpec target(int id, base::Secret conninfo) {
    return {base::TargetId{id}, "target" + std::to_string(id), std::move(conninfo), {}};
}

TEST(Fleet, CollectsCountersCatalogPlansAndActivity) {
    TestCluster cluster;
    prepare_target(cluster);
    cluster.run("create database second");
    auto client = application(cluster);
    MemorySink sink;
    Fleet fleet(sink, quick(), {});
    fleet.add(target(1, cluster.conninfo("postgres", "watcher")));
    ASSERT_TRUE(comes_true([&] { return sink.samples(1) >= 2; })) << sink.last_state(1);
    run_times(client, look_up, 25);
    EXPECT_TRUE(comes_true([&] { return sink.calls(1, look_up_text) == 25; }));
    EXPECT_TRUE(comes_true([&] { return sink.of(1).catalogs.size() == 2; }));
    EXPECT_TRUE(comes_true([&] { return !sink.of(1).plans.empty(); }));
    EXPECT_TRUE(comes_true([&] { return !sink.of(1).activity.empty(); }));
    const auto seen = sink.of(1);
    EXPECT_EQ(gaps_of(seen), "");
    EXPECT_GT(seen.settings, 0);
    const auto plan = std::find_if(seen.plans.begin(), seen.plans.end(),
                                   [](const auto& p) { return p.plan_json.find("Index Scan") != std::string::npos; });
    ASSERT_NE(plan, seen.plans.end());
    EXPECT_GT(plan->total_cost, 0);
    EXPECT_NE(plan->shape_hash, 0);
    EXPECT_TRUE(comes_true([&] {
        run_times(client, look_up, 1);
        const auto examples = sink.of(1).examples;
        return std::find(examples.begin(), examples.end(), look_up) != examples.end();
    })) << "its text with the literal, as pg_stat_activity shows it";
    EXPECT_TRUE(comes_true([&] {
        const auto plans = sink.of(1).plans;
        return std::any_of(plans.begin(), plans.end(), [](const auto& p) { return p.planned_text == look_up; });
    })) << "planned with its literal too";
    EXPECT_EQ(sink.last_state(1), "ok: ");
    for (const auto& [key, text] : seen.texts) EXPECT_THAT(text, Not(HasSubstr("pganalytics")));
}

TEST(Fleet, ATargetThatIsDownAtStartOrKilledComesBackByItself) {
    TestCluster cluster;
    prepare_target(cluster);
    const auto conninfo = cluster.conninfo("postgres", "watcher");
    cluster.stop();
    MemorySink sink;
    Fleet fleet(sink, quick(), {});
    fleet.add(target(1, conninfo));
    EXPECT_TRUE(comes_true([&] { return sink.last_state(1).starts_with("unreachable"); }));
    cluster.start();
    EXPECT_TRUE(comes_true([&] { return sink.samples(1) >= 2; }));
    {
        auto client = application(cluster);
        run_times(client, look_up, 5);
    }
    EXPECT_TRUE(comes_true([&] { return sink.calls(1, look_up_text) == 5; }));
    cluster.kill();
    EXPECT_TRUE(comes_true([&] { return sink.last_state(1).starts_with("unreachable"); }));
    cluster.start();
    {
        auto client = application(cluster);
        run_times(client, look_up, 3);
    }
    EXPECT_TRUE(comes_true([&] { return sink.calls(1, look_up_text) == 8; })) << sink.calls(1, look_up_text);
    EXPECT_EQ(sink.last_state(1), "ok: ");
}

TEST(Fleet, ATargetWhoseConnectionChangedIsReachedTheNewWay) {
    TestCluster cluster;
    prepare_target(cluster);
    auto client = application(cluster);
    MemorySink sink;
    Fleet fleet(sink, quick(), {});
    fleet.keep_only({target(1, base::Secret("host=no-such-host.invalid user=x dbname=x"))});
    EXPECT_TRUE(comes_true([&] { return sink.last_state(1).starts_with("unreachable"); }));
    const auto reachable = target(1, cluster.conninfo("postgres", "watcher"));
    fleet.keep_only({reachable});
    ASSERT_TRUE(comes_true([&] { return sink.samples(1) >= 2; })) << sink.last_state(1);
    const auto samples = fleet.status().front().samples;
    fleet.keep_only({reachable});
    EXPECT_GE(fleet.status().front().samples, samples) << "what has not changed is left alone";
}

TEST(Fleet, ABlackHoleAndANameThatDoesNotResolveDelayNobody) {
    TestCluster cluster;
    prepare_target(cluster);
    Endpoint hole("");
    MemorySink sink;
    Fleet fleet(sink, quick(), {});
    fleet.add(target(1, base::Secret("host=127.0.0.1 port=" + std::to_string(hole.port()) + " user=x dbname=x")));
    fleet.add(target(2, base::Secret("host=no-such-host.invalid user=x dbname=x")));
    fleet.add(target(3, cluster.conninfo("postgres", "watcher")));
    ASSERT_TRUE(comes_true([&] { return sink.samples(3) >= 2; }));
    const auto before = sink.samples(3);
    std::this_thread::sleep_for(3s);
    // 15 intervals of 200 ms; a machine that is busy with other tests may lose a few, a black hole must not.
    EXPECT_GE(sink.samples(3) - before, 10U);
    EXPECT_TRUE(comes_true([&] { return sink.last_state(1).starts_with("unreachable"); }));
    EXPECT_TRUE(comes_true([&] { return sink.last_state(2).starts_with("unreachable"); }));
    EXPECT_LE(hole.most_connections(), 2) << "a target that does not answer is tried one connection at a time";
}

TEST(Fleet, AnAccessExclusiveLockHeldOrQueuedStopsNothing) {
    TestCluster cluster;
    prepare_target(cluster);
    auto client = application(cluster);
    auto holder = application(cluster);
    run_times(holder, "begin", 1);
    run_times(holder, "lock table t in access exclusive mode", 1);
    MemorySink sink;
    auto options = quick();
    options.catalog_interval = 300ms;
    Fleet fleet(sink, options, {});
    fleet.add(target(1, cluster.conninfo("postgres", "watcher")));
    EXPECT_TRUE(comes_true([&] { return sink.of(1).catalogs["postgres"] >= 2; }));
    const auto samples = sink.samples(1);
    run_times(client, "select 1 as still_running", 4);
    EXPECT_TRUE(comes_true([&] { return sink.calls(1, "as still_running") == 4; }));
    EXPECT_TRUE(comes_true([&] { return sink.samples(1) > samples; }));
    run_times(holder, "rollback", 1);
}

TEST(Fleet, WhileTheSinkIsDownNothingIsLost) {
    TestCluster cluster;
    prepare_target(cluster);
    auto client = application(cluster);
    MemorySink sink;
    auto options = quick();
    options.queue_bytes = 20'000;  // full after a moment: samples are skipped and the next spans the gap
    Fleet fleet(sink, options, {});
    fleet.add(target(1, cluster.conninfo("postgres", "watcher")));
    ASSERT_TRUE(comes_true([&] { return sink.samples(1) >= 2; }));
    run_times(client, look_up, 10);
    ASSERT_TRUE(comes_true([&] { return sink.calls(1, look_up_text) == 10; }));
    sink.down = true;
    for (int i = 0; i < 20; ++i) {
        run_times(client, look_up, 2);
        std::this_thread::sleep_for(150ms);
    }
    EXPECT_TRUE(fleet.queue_state().sink_down);
    EXPECT_TRUE(comes_true([&] { return fleet.status().front().samples_skipped > 0; }));
    sink.down = false;
    EXPECT_TRUE(comes_true([&] { return sink.calls(1, look_up_text) == 50; })) << sink.calls(1, look_up_text);
    EXPECT_EQ(gaps_of(sink.of(1)), "");
}

TEST(Fleet, ARealRepositoryDownForAWhileIsCaughtUpWith) {
    TestCluster cluster;
    prepare_target(cluster);
    TestCluster home;
    home.run("create database pganalytics");
    store::Repository repository(home.conninfo("pganalytics"));
    ASSERT_TRUE(repository.migrate());
    auto key = store::SealingKey::from_bytes(base::Secret(std::string(32, 'k')));
    ASSERT_TRUE(key);
    store::TargetStore targets(repository, *key);
    const auto added = targets.add({"shop", cluster.conninfo("postgres", "watcher"), {}, false});
    ASSERT_TRUE(added) << added.error().to_string();
    StoreSink sink(store::Ingest(repository), targets);
    Fleet fleet(sink, quick(), {});
    auto client = application(cluster);
    fleet.add({added->id, "shop", cluster.conninfo("postgres", "watcher"), {}});
    ASSERT_TRUE(comes_true([&] { return fleet.status().front().samples >= 2; })) << fleet.status().front().detail;

    store::History history(repository);
    const auto stored_calls = [&]() -> std::int64_t {
        const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
        const auto workload = history.workload(added->id, "postgres", {now - 1h, now + 1min});
        if (!workload) return -1;
        for (const auto& statement : workload->statements)
            if (statement.text.find(look_up_text) != std::string::npos) return statement.sum.calls;
        return 0;
    };
    run_times(client, look_up, 10);
    EXPECT_TRUE(comes_true([&] { return stored_calls() == 10; })) << stored_calls();
    home.stop();
    for (int i = 0; i < 10; ++i) {
        run_times(client, look_up, 3);
        std::this_thread::sleep_for(200ms);
    }
    EXPECT_TRUE(comes_true([&] { return fleet.queue_state().sink_down; }));
    home.start();
    EXPECT_TRUE(comes_true([&] { return stored_calls() == 40; })) << stored_calls();
    EXPECT_EQ(fleet.queue_state().refused, 0U);
}

TEST(Fleet, AStatementThatWaitedForItsTextHasAnHonestRate) {
    TestCluster cluster;
    prepare_target(cluster);
    cluster.run("create database pganalytics");
    store::Repository repository(cluster.conninfo("pganalytics"));
    ASSERT_TRUE(repository.migrate());
    auto key = store::SealingKey::from_bytes(base::Secret(std::string(32, 'k')));
    ASSERT_TRUE(key);
    store::TargetStore targets(repository, *key);
    const auto added = targets.add({"shop", cluster.conninfo("postgres", "watcher"), {}, false});
    ASSERT_TRUE(added);
    StoreSink sink(store::Ingest(repository), targets);
    auto options = quick();
    options.sampler.text_period = 4s;
    Fleet fleet(sink, options, {});
    fleet.add({added->id, "shop", cluster.conninfo("postgres", "watcher"), {{"postgres"}, {}}});
    ASSERT_TRUE(comes_true([&] { return fleet.status().front().samples >= 3; }));
    auto client = application(cluster);
    for (int i = 0; i < 10; ++i) {
        run_times(client, look_up, 1);
        std::this_thread::sleep_for(200ms);
    }
    store::History history(repository);
    std::optional<workload::ObservedStatement> seen;
    EXPECT_TRUE(comes_true([&] {
        const auto now = base::SystemClock().now();
        const auto workload = history.workload(added->id, "postgres", {now - 1h, now + 1min});
        if (!workload) return false;
        for (const auto& statement : workload->statements)
            if (statement.text.find(look_up_text) != std::string::npos) seen = statement;
        return seen && seen->sum.calls == 10;
    }));
    // 10 calls in 2 s are 300 a minute; put into the one interval that brought them they would be 3,000.
    ASSERT_TRUE(seen);
    EXPECT_LE(seen->max_calls_per_minute, 600);
}

TEST(Fleet, TargetsComeAndGo) {
    TestCluster cluster;
    prepare_target(cluster);
    MemorySink sink;
    Fleet fleet(sink, quick(), {});
    const auto conninfo = cluster.conninfo("postgres", "watcher");
    fleet.keep_only({target(1, conninfo), target(2, conninfo)});
    EXPECT_TRUE(comes_true([&] { return sink.samples(1) >= 2 && sink.samples(2) >= 2; }));
    fleet.keep_only({target(2, conninfo), target(3, conninfo)});
    EXPECT_TRUE(comes_true([&] { return sink.samples(3) >= 2; }));
    const auto gone = sink.samples(1);
    const auto stays = sink.samples(2);
    EXPECT_TRUE(comes_true([&] { return sink.samples(2) > stays + 1; }));
    EXPECT_EQ(sink.samples(1), gone);
    EXPECT_EQ(fleet.status().size(), 2U);
}

TEST(Fleet, ASecretNeverReachesALogOrAState) {
    TestCluster cluster;
    prepare_target(cluster);
    auto lines = std::make_shared<std::vector<std::string>>();
    MemorySink sink;
    {
        Fleet fleet(sink, quick(), base::Log(base::LogLevel::debug, base::LogFormat::logfmt, lines));
        const std::string canary = "canary7secret";
        Endpoint hole("");
        const auto port = std::to_string(hole.port());
        fleet.add(target(1, base::Secret("postgresql://watcher:" + canary + "@127.0.0.1:" + port + "/postgres")));
        fleet.add(target(2, base::Secret("host=127.0.0.1 port=1 user=watcher password=" + canary)));
        fleet.add(target(3, base::Secret("postgresql://127.0.0.1:1/postgres?user=w&password=" + canary)));
        EXPECT_TRUE(comes_true(
            [&] { return !sink.last_state(1).empty() && !sink.last_state(2).empty() && !sink.last_state(3).empty(); }));
        for (int id : {1, 2, 3})
            for (const auto& state : sink.of(id).states) EXPECT_THAT(state, Not(HasSubstr(canary)));
        for (const auto& status : fleet.status()) EXPECT_THAT(status.detail, Not(HasSubstr(canary)));
    }
    EXPECT_FALSE(lines->empty());
    for (const auto& line : *lines) EXPECT_THAT(line, Not(HasSubstr("canary7secret")));
}

}  // namespace
}  // namespace pganalytics::collector
