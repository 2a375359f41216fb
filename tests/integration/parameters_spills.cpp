#include "integration/parameters_spills.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
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

/// A statement of each kind over the first `n` facts. Sorts stand in a subquery whose rows are counted whole, so that
/// what is sorted is carried through the sort.
using Kind = std::pair<std::string, std::function<std::string(int n)>>;

std::string sorted(const std::string& columns, const std::string& key, int n, const std::string& tail) {
    return fmt::format("select count(s) from (select {} from facts where id <= {} order by {} {}) s", columns, n, key,
                       tail);
}

std::string joined(const std::string& outputs, const std::string& condition, int n) {
    return fmt::format("select {} from facts a join others b on {} where a.id <= {}", outputs, condition, n);
}

std::string grouped(const std::string& select, const std::string& tail, int n) {
    return fmt::format("select count(s) from (select {} from facts where id <= {} {}) s", select, n, tail);
}

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> list{
        {"sort int", [](int n) { return sorted("big", "big", n, "offset 0"); }},
        {"bounded wide",
         [](int n) { return sorted("id, label, body", "shuffled", n, fmt::format("limit {}", n / 10)); }},
        {"sort text", [](int n) { return sorted("label", "label", n, "offset 0"); }},
        {"join wide", [](int n) { return joined("count(a.body), max(b.body)", "b.fact = a.id", n); }},
        {"sort wide", [](int n) { return sorted("id, label, body", "shuffled", n, "offset 0"); }},
        {"aggregate int", [](int n) { return grouped("shuffled, count(*), sum(id)", "group by shuffled", n); }},
        {"sort mixed", [](int n) { return sorted("id, big, amount, label", "amount, id", n, "offset 0"); }},
        {"aggregate wide", [](int n) { return grouped("body, count(*)", "group by body", n); }},
        {"bounded text", [](int n) { return sorted("id, label", "label", n, fmt::format("limit {}", n / 5)); }},
        {"join int", [](int n) { return joined("count(a.id), sum(b.big)", "b.fact = a.id", n); }},
        {"bounded int", [](int n) { return sorted("id, shuffled", "shuffled", n, fmt::format("limit {}", n / 8)); }},
        {"bounded mixed",
         [](int n) { return sorted("id, big, amount, label", "big", n, fmt::format("limit {}", n / 10)); }},
        {"aggregate text", [](int n) { return grouped("label, max(big)", "group by label", n); }},
        {"distinct mixed", [](int n) { return grouped("distinct big, label", "", n); }},
        {"join text", [](int n) { return joined("count(a.label), max(b.label)", "b.label = a.label", n); }},
        {"bounded wide text", [](int n) { return sorted("label, body", "label", n, fmt::format("limit {}", n / 10)); }},
    };
    return list;
}

}  // namespace

std::vector<SpillCase> generated_cases(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto between = [&random](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    std::vector<SpillCase> cases;
    while (cases.size() < count) {
        const auto& [name, text] = kinds()[cases.size() % kinds().size()];
        const bool wide = name.find("wide") != std::string::npos;
        SpillCase one;
        one.name = name;
        one.text = text(between(wide ? 40 : 120, wide ? 240 : 300) * 1000);
        // From a server nobody has tuned to one that is tuned a little.
        one.work_mem = fmt::format("{}kB", wide ? 512 << between(0, 4) : 256 << between(0, 3));
        one.timed_io = between(0, 1) == 0;
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

void SpillServer::allow_workers() {
    run_script(connection_,
               "set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; "
               "set min_parallel_table_scan_size = 0");
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
