#include "integration/parameters_spills.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "base/text.hpp"
#include "plan/plan.hpp"
#include "sql/identity.hpp"
#include "support/case_catalog.hpp"

namespace pganalytics::test_support {

namespace {

TestClusterOptions server_options() {
    TestClusterOptions options;
    options.settings = {{"shared_buffers", "256MB"}, {"jit", "off"},          {"fsync", "off"},
                        {"autovacuum", "off"},       {"max_wal_size", "1GB"}, {"max_parallel_workers_per_gather", "0"}};
    return options;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

std::string sort_text(const std::string& columns, const std::string& key, int rows, const std::string& tail) {
    return fmt::format("select count(s) from (select {} from facts where id <= {} order by {} {}) s", columns, rows,
                       key, tail);
}

}  // namespace

std::vector<SpillCase> generated_cases(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto rows = [&random](int low, int high) {
        return std::uniform_int_distribution<int>(low / 1000, high / 1000)(random) * 1000;
    };
    std::vector<SpillCase> cases;
    for (std::size_t i = 0; cases.size() < count; ++i) {
        const int kind = static_cast<int>(i % 12);
        SpillCase one;
        one.timed_io = (i / 12) % 2 == 0;
        switch (kind) {
            case 0:
                one = {"sort int", sort_text("big", "big", rows(200000, 300000), "offset 0"), "1MB", one.timed_io};
                break;
            case 1:
                one = {"sort text", sort_text("label", "label", rows(80000, 300000), "offset 0"), "4MB", one.timed_io};
                break;
            case 2:
                one = {"sort wide", sort_text("id, label, body", "shuffled", rows(30000, 300000), "offset 0"), "4MB",
                       one.timed_io};
                break;
            case 3:
                one = {"sort mixed", sort_text("id, big, amount, label", "amount, id", rows(60000, 250000), "offset 0"),
                       "2MB", one.timed_io};
                break;
            case 4: {
                const int n = rows(100000, 300000);
                one = {"bounded wide", sort_text("id, label, body", "shuffled", n, fmt::format("limit {}", n / 10)),
                       "4MB", one.timed_io};
                break;
            }
            case 5: {
                const int n = rows(100000, 300000);
                one = {"bounded text", sort_text("id, label", "label", n, fmt::format("limit {}", n / 5)), "2MB",
                       one.timed_io};
                break;
            }
            case 6:
                one = {"join int",
                       fmt::format("select count(a.id), sum(b.big) from facts a join others b on b.fact = a.id where "
                                   "a.id <= {}",
                                   rows(200000, 300000)),
                       "1MB", one.timed_io};
                break;
            case 7:
                one = {
                    "join text",
                    fmt::format("select count(a.label), max(b.label) from facts a join others b on b.label = a.label "
                                "where a.id <= {}",
                                rows(80000, 300000)),
                    "1MB", one.timed_io};
                break;
            case 8:
                one = {
                    "join wide",
                    fmt::format("select count(a.body), max(b.body) from facts a join others b on b.fact = a.id where "
                                "a.id <= {}",
                                rows(60000, 250000)),
                    "4MB", one.timed_io};
                break;
            case 9:
                one = {"aggregate int",
                       fmt::format("select count(s) from (select shuffled, count(*), sum(id) from facts where id <= {} "
                                   "group by shuffled) s",
                                   rows(100000, 300000)),
                       "2MB", one.timed_io};
                break;
            case 10:
                one = {"aggregate text",
                       fmt::format("select count(s) from (select label, max(big) from facts where id <= {} group by "
                                   "label) s",
                                   rows(60000, 250000)),
                       "2MB", one.timed_io};
                break;
            default:
                one = {"distinct mixed",
                       fmt::format("select count(s) from (select distinct big, label from facts where id <= {}) s",
                                   rows(60000, 250000)),
                       "2MB", one.timed_io};
                break;
        }
        cases.push_back(std::move(one));
    }
    return cases;
}

SpillServer::SpillServer()
    : cluster_(server_options()), connection_([this] {
          postgres::ConnectOptions options;
          options.read_only = false;
          options.statement_timeout = std::chrono::milliseconds{0};
          options.round_trip_timeout = std::chrono::milliseconds{120000};
          return cluster_.connect("postgres", TestCluster::superuser, options);
      }()) {
    run_script(connection_,
               "create table facts(id int primary key, shuffled int not null, big bigint not null, amount numeric not "
               "null, label text not null, body text not null);"
               "create table others(fact int not null, big bigint not null, label text not null, body text not null);"
               "insert into facts select i, (i::bigint * 7919 % 300007)::int, i::bigint * 104729 % 1000003, (i::bigint "
               "* 31 % 50021) / 7.0, md5(i::text), repeat(md5(i::text), 5) from generate_series(1, 300000) i;"
               "insert into others select (i::bigint * 7919 % 300007)::int, i, md5((i::bigint * 31 % 300007)::text), "
               "repeat(md5(i::text), 4) from generate_series(1, 300000) i;"
               "vacuum analyze facts; vacuum analyze others");
}

SpillServer::Run SpillServer::run(const SpillCase& one, const std::string& work_mem) {
    run_script(connection_,
               fmt::format("set work_mem = '{}'; set track_io_timing = {}", work_mem, one.timed_io ? "on" : "off"));
    const auto rows = connection_.query("explain (analyze, buffers, timing off, format json) " + one.text);
    if (!rows) throw std::runtime_error(rows.error().to_string() + " in " + one.text);
    const auto plan = plan::parse_explain_json(rows->text(0, 0));
    if (!plan) throw std::runtime_error(plan.error().to_string());
    Run run;
    run.time_ms = plan->execution_time_ms.value_or(0);
    if (plan->root.buffers) {
        run.written = static_cast<double>(plan->root.buffers->temp_written);
        run.read = static_cast<double>(plan->root.buffers->temp_read);
    }
    double io = 0;
    for (const auto* name : {"Temp I/O Read Time", "Temp I/O Write Time"}) {
        const auto found = plan->root.other.find(name);
        if (found != plan->root.other.end()) io += base::parse_number(found->second).value_or(0);
    }
    if (one.timed_io && io > 0) run.temp_io_ms = io;
    return run;
}

workload::Workload SpillServer::observe(const SpillCase& one) {
    (void)run(one, one.work_mem);  // The first reads the table into the cache.
    const auto seen = run(one, one.work_mem);
    workload::ObservedStatement statement;
    statement.text = one.text;
    statement.query_hash = sql::query_hash(one.text);
    statement.has_literals = true;
    statement.user_name = "reporter";
    statement.sum.calls = 10;
    statement.sum.rows = 10;
    statement.sum.total_exec_time_ms = 10 * seen.time_ms;
    statement.sum.temp_blks_written = static_cast<std::int64_t>(10 * seen.written);
    statement.sum.temp_blks_read = static_cast<std::int64_t>(10 * seen.read);
    if (seen.temp_io_ms) {
        statement.sum.temp_blk_read_time_ms = 5 * *seen.temp_io_ms;
        statement.sum.temp_blk_write_time_ms = 5 * *seen.temp_io_ms;
    }
    workload::Workload workload;
    workload.database_name = "postgres";
    workload.window = base::Minutes{60};
    workload.statements = {statement};
    return workload;
}

catalog::Database SpillServer::database(const SpillCase& one) const {
    auto database = test_support::catalog_of(
        "facts(id int primary key, shuffled int not null, big bigint not null, amount numeric not null, label text not "
        "null, body text not null)\nothers(fact int not null, big bigint not null, label text not null, body text not "
        "null)");
    database.name = "postgres";
    database.version.number = connection_.server_version();
    database.settings["work_mem"] = {"work_mem", one.work_mem, "kB", "session"};
    database.settings["hash_mem_multiplier"] = {"hash_mem_multiplier", "2", "", "default"};
    return database;
}

plan::Planner& SpillServer::planner(const SpillCase& one) {
    run_script(connection_, fmt::format("set work_mem = '{}'", one.work_mem));
    planner_ = std::make_unique<postgres::ServerPlanner>(connection_);
    return *planner_;
}

double SpillServer::spill_at(const SpillCase& one, const std::string& work_mem) {
    return run(one, work_mem).written;
}

double SpillServer::least_work_mem_kb(const SpillCase& one, double low_kb, double high_kb) {
    while (high_kb / low_kb > 1.03) {
        const double middle = std::sqrt(low_kb * high_kb);
        (spill_at(one, fmt::format("{:.0f}kB", middle)) > 0 ? low_kb : high_kb) = middle;
    }
    return high_kb;
}

void SpillServer::time(const SpillCase& one, const std::string& enough, int rounds, SpillTruth& truth) {
    std::vector<double> spilling, in_memory;
    for (int round = 0; round < rounds; ++round) {
        spilling.push_back(run(one, one.work_mem).time_ms);
        in_memory.push_back(run(one, enough).time_ms);
    }
    truth.spilling_ms = median(spilling);
    truth.in_memory_ms = median(in_memory);
}

}  // namespace pganalytics::test_support
