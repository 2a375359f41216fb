#include "corpus/server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace pganalytics::corpus {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int shared_buffers_mb = 64;
constexpr std::string_view home_database = "corpus";

base::Status done(const base::Result<postgres::Rows>& result) {
    if (!result) return result.error();
    return {};
}

base::Result<json> json_of(const base::Result<postgres::Rows>& rows) {
    if (!rows) return rows.error();
    auto parsed = json::parse(rows->text(0, 0), nullptr, false);
    if (!parsed.is_array() || parsed.empty())
        return base::Error{base::ErrorCode::internal, "EXPLAIN gave no plan", {}, {}};
    return parsed[0];
}

}  // namespace

base::Result<Server> Server::start(const std::filesystem::path& folder, std::chrono::milliseconds statement_timeout) {
    postgres::PrivateClusterOptions options;
    options.folder = folder;
    options.database = home_database;
    options.temporary = true;
    options.settings = {{"shared_buffers", fmt::format("{}MB", shared_buffers_mb)},
                        {"autovacuum", "off"},
                        {"synchronize_seqscans", "off"},
                        {"max_wal_size", "8GB"},
                        {"checkpoint_timeout", "1h"},
                        {"maintenance_work_mem", "256MB"},
                        {"max_parallel_workers", "2"},
                        {"max_parallel_maintenance_workers", "0"}};
    PGANALYTICS_ASSIGN(auto cluster, postgres::PrivateCluster::start(std::move(options)));
    Server server(std::move(cluster), statement_timeout);
    PGANALYTICS_RETURN_IF_ERROR(server.make_padding());
    return server;
}

base::Result<postgres::Connection> Server::connect(std::string_view database,
                                                   std::chrono::milliseconds statement_timeout) const {
    postgres::ConnectOptions options;
    options.read_only = false;
    options.statement_timeout = statement_timeout;
    options.round_trip_timeout = statement_timeout + 5min;
    options.application_name = "prediction_corpus";
    options.tagged = false;
    return postgres::Connection::open(cluster_.conninfo(database), options);
}

/// A table larger than shared_buffers: what is read to push everything else out.
base::Status Server::make_padding() {
    PGANALYTICS_ASSIGN(auto connection, connect(home_database, 5min));
    padding_ = std::make_unique<postgres::Connection>(std::move(connection));
    PGANALYTICS_RETURN_IF_ERROR(
        padding_->execute_script("create extension pg_prewarm; create extension pg_buffercache;"
                                 "create unlogged table padding (filler char(2000)) with (fillfactor = 10)"));
    // With this fillfactor a page holds one row.
    return done(padding_->query(
        fmt::format("insert into padding select '' from generate_series(1, {})", shared_buffers_mb * 128 * 5 / 4)));
}

base::Status Server::create_database(const std::string& name) {
    PGANALYTICS_RETURN_IF_ERROR(drop_database(name));
    return padding_->execute_script(postgres::our_sql("CREATE DATABASE {}", postgres::identifier(name)));
}

base::Status Server::drop_database(const std::string& name) {
    sessions_.erase(name);
    return padding_->execute_script(postgres::our_sql("DROP DATABASE IF EXISTS {}", postgres::identifier(name)));
}

base::Status Server::use(const std::string& name) {
    if (sessions_.find(name) == sessions_.end()) {
        PGANALYTICS_ASSIGN(auto session, connect(name, statement_timeout_));
        sessions_.emplace(name, std::move(session));
    }
    database_ = name;
    PGANALYTICS_ASSIGN(const auto oid,
                       connection().query("select oid from pg_database where datname = current_database()"));
    database_oid_ = oid.text(0, 0);
    return {};
}

base::Status Server::run(const std::vector<std::string>& statements, double seed) {
    PGANALYTICS_ASSIGN(auto loader, connect(database_, 5min));
    PGANALYTICS_RETURN_IF_ERROR(done(loader.query("select setseed($1)", {fmt::format("{}", seed)})));
    // Workers would each draw from a stream of their own.
    PGANALYTICS_RETURN_IF_ERROR(
        loader.execute_script("set max_parallel_workers_per_gather = 0; set work_mem = '64MB'"));
    for (const auto& statement : statements) {
        auto result = loader.query(statement);
        if (result) continue;
        auto error = result.error();
        error.message += fmt::format(" In: {}", statement.substr(0, 200));
        return error;
    }
    return {};
}

base::Status Server::settle() {
    PGANALYTICS_ASSIGN(auto loader, connect(database_, 5min));
    for (const auto* statement : {"vacuum (analyze)", "checkpoint"})
        PGANALYTICS_RETURN_IF_ERROR(done(loader.query(statement)));
    advise_files(true);
    return {};
}

base::Status Server::apply(const Settings& settings) {
    return done(connection().query(
        "select set_config('work_mem', $1, false), set_config('max_parallel_workers_per_gather', $2, false)",
        {fmt::format("{}kB", settings.work_mem_kb), fmt::format("{}", settings.parallel_workers)}));
}

base::Result<json> Server::explain(const std::string& statement) {
    return json_of(connection().query("explain (format json) " + statement));
}

base::Result<Server::Execution> Server::execute(const std::string& statement, bool writes, bool count_blocks) {
    const auto text = fmt::format("explain (analyze, timing off, summary on, buffers {}, format json) {}",
                                  count_blocks ? "on" : "off", statement);
    const auto run_it = [&]() -> base::Result<json> {
        if (!writes) return json_of(connection().query(text));
        PGANALYTICS_ASSIGN(auto transaction,
                           postgres::Transaction::begin(connection(), postgres::Transaction::Mode::read_write));
        auto result = json_of(connection().query(text));
        PGANALYTICS_RETURN_IF_ERROR(transaction.rollback());
        return result;
    };
    const auto result = run_it();
    if (!result) {
        auto error = result.error();
        if (connection().last_server_error().sqlstate == "57014") error.code = base::ErrorCode::too_large;
        return error;
    }
    Execution execution;
    execution.milliseconds = result->value("Execution Time", 0.0);
    if (count_blocks) {
        const auto& root = result->at("Plan");
        const double hit = root.value("Shared Hit Blocks", 0.0), read = root.value("Shared Read Blocks", 0.0);
        if (hit + read > 0) execution.hit_ratio = hit / (hit + read);
    }
    return execution;
}

base::Status Server::empty_caches() {
    constexpr int most_passes = 8;  // a page that was used often survives five
    for (int pass = 0; pass < most_passes; ++pass) {
        PGANALYTICS_RETURN_IF_ERROR(done(padding_->query("select pg_prewarm('padding', 'buffer')")));
        PGANALYTICS_ASSIGN(
            const auto left,
            padding_->query("select count(*) from pg_buffercache where reldatabase = $1::text::oid", {database_oid_}));
        if (left.integer(0, 0).value_or(0) < 16) break;
    }
    advise_files(false);
    return {};
}

void Server::advise_files(bool write_first) const {
    std::error_code failure;
    const auto folder = cluster_.folder() / "data" / "base" / database_oid_;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        const int descriptor = open(entry.path().c_str(), (write_first ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (descriptor < 0) continue;
        // Only what was written can leave the kernel's cache. Nothing here has to outlive a crash, so the file system's
        // journal, for which fdatasync would wait with each of some hundred files, is left out.
        if (write_first)
            sync_file_range(descriptor, 0, 0,
                            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
        close(descriptor);
    }
}

}  // namespace pganalytics::corpus
