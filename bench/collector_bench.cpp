// What collecting costs a target: 5,000 entries in pg_stat_statements, an interval of 60 s, 1 % new entries an
// interval. Each iteration is one interval's whole work (counters, activity six times, texts when due, plans of the new
// statements, the hourly catalog's share), without waiting for the minute to pass. The server's share is the CPU time
// of our backends (/proc/<pid>/schedstat) over 60 s of one core; temp blocks are what pg_stat_statements counted for
// our own statements. A run that breaks the promise (1 % of one core, no temp block) ends with an error.
//   collector_bench --benchmark_counters_tabular=true

#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "collector/activity_sampler.hpp"
#include "collector/catalog_reader.hpp"
#include "collector/plan_capture.hpp"
#include "collector/statement_sampler.hpp"
#include "postgres/private_cluster.hpp"
#include "postgres/server_planner.hpp"

namespace pganalytics::collector {
namespace {

constexpr int entries = 5000;
constexpr int new_entries = entries / 100;
constexpr int shapes = 80;
constexpr double interval_ms = 60000;
constexpr int activity_samples = 6;
constexpr int intervals_between_texts = 5;
constexpr int intervals_between_catalogs = 60;

template <typename T>
T must(base::Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
        std::exit(1);
    }
    return std::move(result).value();
}

double backend_cpu_ms(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1e6;
}

int backend_pid(postgres::Connection& connection) {
    return static_cast<int>(*must(connection.query("select pg_backend_pid()")).integer(0, 0));
}

/// A server whose pg_stat_statements is as full as it should be.
class World {
  public:
    World() {
        std::string folder = "/tmp/pga-bench-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr) std::exit(1);
        chmod(folder.c_str(), 0755);
        folder_ = folder;
        postgres::PrivateClusterOptions options;
        options.folder = folder_ / "target";
        options.temporary = true;
        options.shared_preload_libraries = {"pg_stat_statements"};
        options.settings = {{"pg_stat_statements.max", "10000"}, {"track_io_timing", "on"}};
        cluster_ = std::make_unique<postgres::PrivateCluster>(must(postgres::PrivateCluster::start(options)));
        postgres::ConnectOptions application;
        application.tagged = false;
        application.read_only = false;
        client_ =
            std::make_unique<postgres::Connection>(must(postgres::Connection::open(cluster_->conninfo(), application)));
        run("create extension pg_stat_statements");
        for (int i = 0; i < 200; ++i)
            run("create table t" + std::to_string(i) +
                " (id int primary key, a int, b text, c timestamptz, d numeric)");
        run("insert into t0 select i, i, 'x', now(), i from generate_series(1, 10000) i");
        run("analyze");
        for (int i = 0; i < entries; ++i) run(statement(made_++));
    }
    ~World() {
        client_.reset();
        cluster_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    /// What happens in a minute: new statements, and old ones again.
    void live_a_minute() {
        for (int i = 0; i < new_entries; ++i) run(statement(made_++));
        for (int i = 0; i < 500; ++i) run(statement((i * 7) % entries));
    }
    postgres::Connection connect() { return must(postgres::Connection::open(cluster_->conninfo())); }
    base::Secret conninfo() { return cluster_->conninfo(); }
    double our_temp_blocks() {
        const auto rows =
            must(client_->query("select coalesce(sum(temp_blks_read + temp_blks_written), 0) from pg_stat_statements "
                                "where query like '/* pganalytics */%'"));
        return rows.number(0, 0).value_or(-1);
    }

  private:
    void run(const std::string& sql) { (void)must(client_->query(sql)); }
    /// About 300 to 900 characters, as the statements of an object-relational mapper are.
    static std::string statement(int number) {
        std::string text = "select";
        for (int i = 0; i <= number % shapes; ++i) text += (i == 0 ? " t.id" : ", t.a");
        text += " from t" + std::to_string(number / (shapes * shapes)) + " t where t.id = 1";
        for (int i = 0; i < number / shapes % shapes; ++i) text += " or t.id = 1";
        return text;
    }

    std::filesystem::path folder_;
    std::unique_ptr<postgres::PrivateCluster> cluster_;
    std::unique_ptr<postgres::Connection> client_;
    int made_ = 0;
};

void collect_one_minute(benchmark::State& state) {
    World world;
    auto connection = world.connect();
    const auto facts = must(read_server_facts(connection));
    const int pid = backend_pid(connection);
    SamplerOptions options;
    options.text_period = std::chrono::milliseconds(0);  // decided here: an interval passes in no time
    StatementSampler reads_texts(options);
    options.text_period = std::chrono::hours(1000);
    PlanSchedule plans;
    // The baseline with all texts and the first plans are paid once, not every minute.
    (void)must(reads_texts.take(connection, world.conninfo(), facts));
    (void)must(read_catalog(connection));

    double counters = 0, texts = 0, activity = 0, planning = 0, catalog = 0;
    std::int64_t minutes = 0, planned = 0, rows = 0;
    const auto cost_of = [&](double& sum, auto&& work) {
        const double before = backend_cpu_ms(pid);
        work();
        sum += backend_cpu_ms(pid) - before;
    };
    const auto source = must(discover_statement_source(connection));
    DeltaTracker tracker;
    for (auto _ : state) {
        state.PauseTiming();
        world.live_a_minute();
        state.ResumeTiming();
        cost_of(counters, [&] {
            rows +=
                static_cast<std::int64_t>(tracker.advance(must(read_counters(connection, source))).intervals.size());
        });
        for (int i = 0; i < activity_samples; ++i) cost_of(activity, [&] { (void)must(sample_activity(connection)); });
        if (++minutes % intervals_between_texts == 0) {
            std::vector<StatementText> found;
            cost_of(texts, [&] { found = must(reads_texts.take(connection, world.conninfo(), facts)).texts; });
            auto there = world.connect();
            const int planner_pid = backend_pid(there);
            postgres::ServerPlanner planner(there);
            for (const auto& text : found) {
                if (planner.plan(text.text)) ++planned;
            }
            planning += backend_cpu_ms(planner_pid);
        }
        if (minutes % 10 == 0) cost_of(catalog, [&] { (void)must(read_catalog(connection)); });
    }
    const double per_minute = 1.0 / static_cast<double>(minutes);
    const double catalogs = static_cast<double>(std::max<std::int64_t>(minutes / 10, 1));
    const double total =
        (counters + texts + activity + planning) * per_minute + catalog / catalogs / intervals_between_catalogs;
    const double temp_blocks = world.our_temp_blocks();
    state.counters["counters_ms"] = counters * per_minute;
    state.counters["texts_ms"] = texts * per_minute;
    state.counters["activity_ms"] = activity * per_minute;
    state.counters["plans_ms"] = planning * per_minute;
    state.counters["catalog_ms"] = catalog / catalogs / intervals_between_catalogs;
    state.counters["planned"] = static_cast<double>(planned) * per_minute;
    state.counters["rows"] = static_cast<double>(rows) * per_minute;
    state.counters["core_percent"] = 100 * total / interval_ms;
    state.counters["temp_blocks"] = temp_blocks;
    if (total > interval_ms / 100) state.SkipWithError("collection costs the target more than 1 % of one core");
    if (temp_blocks != 0) state.SkipWithError("collection made the target write temp blocks");
}
BENCHMARK(collect_one_minute)->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pganalytics::collector

BENCHMARK_MAIN();
