// Many servers with many databases in one process: every interval kept, each counter read once an interval, at most
// five connections a server, bounded memory, and a black hole among them that delays nobody.
//
// Each server of the fleet is an endpoint of its own before one of a few real clusters (its own port, its own role with
// CONNECTION LIMIT 5), which counts connections and readings. The short form runs with the integration tests, the long
// one (20 servers with 100 databases each) with `make test-deep`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "collector/fleet.hpp"
#include "integration/collector_support.hpp"

namespace pganalytics::collector {
namespace {

using namespace std::chrono_literals;
using namespace collector_tests;
using test_support::TestCluster;

struct Scale {
    int clusters;
    int endpoints;  ///< of each cluster
    int databases;  ///< of each cluster
    int shapes;     ///< distinct statements in each cluster: the square of this
    std::chrono::milliseconds interval;
    std::chrono::seconds duration;
};

#ifdef PGANALYTICS_SCALE_DEEP
constexpr Scale scale{4, 5, 100, 45, 5000ms, 90s};
#else
constexpr Scale scale{1, 4, 6, 8, 500ms, 8s};
#endif

constexpr std::size_t memory_limit = std::size_t{256} << 20;

/// Keeps sums and the seams of intervals: the sink must not be what takes the memory.
class ScaleSink final : public Sink {
  public:
    base::Status deliver(const Delivery& delivery) override {
        const std::lock_guard lock(mutex_);
        auto& target = targets_[static_cast<int>(base::to_integer(delivery.target))];
        if (const auto* statements = std::get_if<StatementDelivery>(&delivery.content)) {
            if (target.samples > 0 && statements->begins != target.last_end) ++target.gaps;
            target.last_end = statements->ends;
            ++target.samples;
            for (const auto& statement : statements->statements)
                if (statement.text.find("from t where") != std::string::npos) target.ours.insert(statement.key);
            for (const auto& interval : statements->intervals)
                if (target.ours.contains(interval.key)) target.calls += interval.delta.calls;
        } else if (const auto* catalog = std::get_if<CatalogDelivery>(&delivery.content)) {
            ++target.catalogs[catalog->database.name];
        } else if (const auto* plans = std::get_if<PlanDelivery>(&delivery.content)) {
            target.plans += plans->plans.size();
        }
        return {};
    }
    base::Result<std::vector<store::KnownStatement>> known_statements(base::TargetId) override {
        return std::vector<store::KnownStatement>{};
    }
    struct OfTarget {
        std::uint64_t samples = 0, gaps = 0, plans = 0;
        base::Timestamp last_end{};
        std::int64_t calls = 0;
        std::set<workload::StatementKey> ours;
        std::map<std::string, int> catalogs;
    };
    OfTarget of(int target) {
        const std::lock_guard lock(mutex_);
        return targets_[target];
    }

  private:
    std::mutex mutex_;
    std::map<int, OfTarget> targets_;
};

/// A real cluster with its databases, its roles, and an application that never rests.
class LoadedCluster {
  public:
    LoadedCluster() {
        prepare_target(cluster_);
        for (int i = 0; i < scale.endpoints; ++i)
            cluster_.run("create role watcher" + std::to_string(i) +
                         " login connection limit 5; grant pg_monitor, "
                         "pg_read_all_data to watcher" +
                         std::to_string(i));
        for (int i = 1; i < scale.databases; ++i)
            cluster_.run("create database d" + std::to_string(i) + " template template0 strategy file_copy");
        auto client = application(cluster_);
        for (int i = 0; i < scale.shapes; ++i)
            for (int j = 0; j < scale.shapes; ++j) run_times(client, statement(i, j), 1);
    }
    ~LoadedCluster() { rest(); }
    void work() {
        thread_ = std::jthread([this](const std::stop_token& stop) {
            auto client = application(cluster_);
            for (int round = 0; !stop.stop_requested(); ++round) {
                run_times(client, statement(round % scale.shapes, (round / 7) % scale.shapes), 1);
                ++calls_;
                std::this_thread::sleep_for(2ms);
            }
        });
    }
    void rest() {
        thread_.request_stop();
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] std::int64_t calls() const { return calls_; }
    [[nodiscard]] std::string socket_path() const {
        return (cluster_.folder() / (".s.PGSQL." + std::to_string(cluster_.port()))).string();
    }

  private:
    static std::string statement(int columns, int conditions) {
        std::string text = "select id";
        for (int i = 0; i < columns; ++i) text += ", id";
        text += " from t where id = 1";
        for (int i = 0; i < conditions; ++i) text += " or id = 1";
        return text;
    }
    static test_support::TestClusterOptions options() {
        test_support::TestClusterOptions options;
        options.hba_lines = {"local all all trust"};
        return options;
    }
    TestCluster cluster_{options()};
    std::atomic<std::int64_t> calls_ = 0;
    std::jthread thread_;
};

TEST(FleetAtScale, ManyServersWithManyDatabasesInOneProcess) {
    std::vector<std::unique_ptr<LoadedCluster>> clusters;
    for (int i = 0; i < scale.clusters; ++i) clusters.push_back(std::make_unique<LoadedCluster>());
    std::vector<std::unique_ptr<Endpoint>> endpoints;
    for (int i = 0; i < scale.clusters * scale.endpoints; ++i)
        endpoints.push_back(
            std::make_unique<Endpoint>(clusters[static_cast<std::size_t>(i % scale.clusters)]->socket_path()));
    Endpoint hole("");
    const auto before = resident_bytes();

    CollectorOptions options;
    options.interval = scale.interval;
    options.activity_interval = scale.interval;
    options.catalog_interval = 1h;
    options.connect.connect_timeout = 5000ms;
    ScaleSink sink;
    auto fleet = std::make_unique<Fleet>(sink, options, base::Log{});
    const auto conninfo = [](int port, const std::string& user) {
        return base::Secret("host=127.0.0.1 port=" + std::to_string(port) +
                            " dbname=postgres sslmode=disable "
                            "gssencmode=disable user=" +
                            user);
    };
    fleet->add({base::TargetId{1000}, "hole", conninfo(hole.port(), "x"), {}});
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const auto role = "watcher" + std::to_string(i / static_cast<std::size_t>(scale.clusters));
        fleet->add({base::TargetId{static_cast<std::int64_t>(i)}, role, conninfo(endpoints[i]->port(), role), {}});
    }
    for (std::size_t i = 0; i < endpoints.size(); ++i)
        ASSERT_TRUE(comes_true([&] { return sink.of(static_cast<int>(i)).samples >= 1; })) << i;

    for (const auto& cluster : clusters) cluster->work();
    std::size_t most_resident = 0;
    const auto until = std::chrono::steady_clock::now() + scale.duration;
    const auto samples_at_start = sink.of(0).samples;
    while (std::chrono::steady_clock::now() < until) {
        most_resident = std::max(most_resident, resident_bytes());
        std::this_thread::sleep_for(100ms);
    }
    const auto samples_in_time = sink.of(0).samples - samples_at_start;
    for (const auto& cluster : clusters) cluster->rest();
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const auto really = clusters[i % clusters.size()]->calls();
        EXPECT_TRUE(comes_true([&] { return sink.of(static_cast<int>(i)).calls == really; }))
            << "target " << i << ": " << sink.of(static_cast<int>(i)).calls << " of " << really << " calls";
    }
    const auto all_catalogs = [&](std::size_t i) {
        return sink.of(static_cast<int>(i)).catalogs.size() == static_cast<std::size_t>(scale.databases);
    };
    for (std::size_t i = 0; i < endpoints.size(); ++i) EXPECT_TRUE(comes_true([&] { return all_catalogs(i); }, 120s));
    const auto statuses = fleet->status();
    fleet.reset();

    std::uint64_t plans = 0;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        SCOPED_TRACE("target " + std::to_string(i));
        const auto seen = sink.of(static_cast<int>(i));
        EXPECT_EQ(seen.gaps, 0U);
        EXPECT_LE(endpoints[i]->most_connections(), 5);
        EXPECT_EQ(endpoints[i]->counter_readings(), seen.samples) << "each counter is read once an interval";
        for (const auto& [database, times] : seen.catalogs) EXPECT_EQ(times, 1) << database;
        plans += seen.plans;
    }
    for (const auto& status : statuses) EXPECT_EQ(status.samples_skipped, 0U) << status.name;
    // A turn that a busy machine makes late is no loss (the interval is longer), but most must be in time.
    const auto nominal = static_cast<std::uint64_t>(scale.duration / scale.interval);
    EXPECT_GE(samples_in_time, nominal * 7 / 10);
    EXPECT_GT(plans, 0U);
    EXPECT_LT(most_resident, memory_limit);
    RecordProperty("most_resident_mb", static_cast<int>(most_resident >> 20));
    std::printf(
        "servers %zu, databases %d each, samples %llu (nominal %llu), plans %llu, resident %zu MB before, %zu MB "
        "most\n",
        endpoints.size(), scale.databases, static_cast<unsigned long long>(samples_in_time),
        static_cast<unsigned long long>(nominal), static_cast<unsigned long long>(plans), before >> 20,
        most_resident >> 20);
}

}  // namespace
}  // namespace pganalytics::collector
