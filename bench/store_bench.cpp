// Ingest into a private repository with the settings it really has (fsync on), and what a row costs on disk.
//   store_bench --benchmark_counters_tabular=true

#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <random>

#include "postgres/private_cluster.hpp"
#include "store/history.hpp"
#include "store/ingest.hpp"
#include "store/retention.hpp"
#include "store/targets.hpp"

namespace pganalytics::store {
namespace {

using namespace std::chrono_literals;

template <typename T>
T must(base::Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
        std::exit(1);
    }
    return std::move(result).value();
}

/// A repository with one target and its statements.
class World {
  public:
    static constexpr int statements = 5000;

    World() {
        std::string folder = "/tmp/pga-bench-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr) std::exit(1);
        chmod(folder.c_str(), 0755);
        folder_ = folder;
        postgres::PrivateClusterOptions options;
        options.folder = folder_ / "repository";
        cluster_ = std::make_unique<postgres::PrivateCluster>(must(postgres::PrivateCluster::start(options)));
        repository_ = std::make_unique<Repository>(cluster_->conninfo());
        must(repository_->migrate());
        TargetStore targets(*repository_, must(SealingKey::from_bytes(base::Secret(std::string(32, 'k')))));
        target_ = must(targets.add({.name = "bench", .conninfo = base::Secret("host=x"), .database_filter = {}})).id;
        std::vector<KnownStatement> known;
        for (int i = 1; i <= statements; ++i) {
            KnownStatement statement;
            statement.key = {
                .database = base::Oid{5}, .user = base::Oid{10}, .query_id = base::QueryId{i}, .top_level = true};
            statement.database_name = "bench";
            statement.query_hash = base::QueryHash{i};
            statement.text = "select * from t" + std::to_string(i) + " where id = $1";
            known.push_back(std::move(statement));
        }
        if (auto done = Ingest(*repository_).upsert_statements(target_, known); !done) std::exit(1);
        make_rows(known);
        const auto now = base::SystemClock().now();
        next_ = now - 47h;
    }
    ~World() {
        cluster_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// The next intervals of a minute, each with all statements.
    std::vector<IntervalBatch> batches(std::size_t count) {
        std::vector<IntervalBatch> result;
        for (std::size_t i = 0; i < count; ++i, next_ += 60s)
            result.push_back({.begins = next_, .ends = next_ + 60s, .statements = rows_});
        return result;
    }
    Repository& repository() { return *repository_; }
    base::TargetId target() const { return target_; }
    double number(std::string_view statement) {
        return must(repository_->with_connection([&](postgres::Connection& connection) -> base::Result<double> {
            PGANALYTICS_ASSIGN(const auto rows, connection.query(statement));
            return rows.number(0, 0).value_or(0);
        }));
    }

  private:
    /// As a busy OLTP server has them: all read and hit, some write, few spill.
    void make_rows(const std::vector<KnownStatement>& known) {
        std::mt19937_64 random(1);
        for (std::size_t i = 0; i < known.size(); ++i) {
            workload::Counters c;
            c.calls = 1 + static_cast<std::int64_t>(random() % 500);
            c.total_exec_time_ms = static_cast<double>(c.calls) * 0.37;
            c.rows = c.calls;
            c.shared_blks_hit = c.calls * 4;
            c.sum_squared_deviation_ms2 = 0.2 * static_cast<double>(c.calls);
            c.plans = 0;
            c.wal_bytes = 0;
            if (i % 3 == 0) {
                c.shared_blks_dirtied = c.calls;
                c.wal_records = c.calls * 2;
                c.wal_bytes = static_cast<double>(c.calls) * 150;
            }
            if (i % 10 == 0) c.shared_blks_read = c.calls / 2;
            if (i % 50 == 0) c.temp_blks_written = 100;
            rows_.push_back({.key = known[i].key, .begins = {}, .ends = {}, .delta = c});
        }
    }

    std::filesystem::path folder_;
    std::unique_ptr<postgres::PrivateCluster> cluster_;
    std::unique_ptr<Repository> repository_;
    base::TargetId target_{};
    std::vector<workload::StatementInterval> rows_;
    base::Timestamp next_;
};

World& world() {
    static World the_world;
    return the_world;
}

void ingest(benchmark::State& state) {
    auto& w = world();
    // From here on, so that nothing is late.
    must(w.repository().with_connection([](postgres::Connection& connection) {
        return connection.query(
            "update pganalytics.history_levels set rolled_up_to = date_trunc('hour', now()) - interval '2 days' where "
            "level <> 'raw'");
    }));
    std::size_t rows = 0;
    for (auto _ : state) {
        const auto batches = w.batches(static_cast<std::size_t>(state.range(0)));
        rows += must(Ingest(w.repository()).intervals(w.target(), batches)).rows_stored;
    }
    state.counters["rows/s"] = benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsRate);
    const double stored = w.number("select count(*) from pganalytics.metrics_raw");
    const double bytes = w.number("select sum(bytes) from pganalytics.list_partitions('raw')") / stored;
    state.counters["bytes/row"] = bytes;
    // 2,000 active statements a minute: raw for 48 h, 10 minutes for 35 days, hours for 400 days.
    state.counters["projected GB"] = bytes * 2000 * (48.0 * 60 + 35.0 * 24 * 6 + 400.0 * 24) / 1e9;
}
BENCHMARK(ingest)->Arg(1)->Arg(20)->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(3);

void roll_up(benchmark::State& state) {
    auto& w = world();
    for (auto _ : state) {
        must(Retention(w.repository()).run(base::SystemClock().now()));
    }
}
BENCHMARK(roll_up)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void read_workload(benchmark::State& state) {
    auto& w = world();
    const auto now = base::SystemClock().now();
    for (auto _ : state) {
        benchmark::DoNotOptimize(must(History(w.repository()).workload(w.target(), "bench", {now - 24h * 3, now})));
    }
}
BENCHMARK(read_workload)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pganalytics::store

BENCHMARK_MAIN();
