#include "store/repository.hpp"

#include "store/migrations.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;
using namespace std::chrono_literals;

postgres::ConnectOptions session_options(const RepositoryOptions& options) {
    postgres::ConnectOptions session;
    session.connect_timeout = options.connect_timeout;
    session.round_trip_timeout = options.round_trip_timeout;
    session.statement_timeout = options.round_trip_timeout;
    session.lock_timeout = 10s;
    session.read_only = false;
    session.application_name = "pganalytics repository";
    return session;
}

}  // namespace

Repository::Repository(base::Secret conninfo, RepositoryOptions options)
    : conninfo_(std::move(conninfo)),
      options_(options),
      pool_(conninfo_, session_options(options), options.max_connections) {}

base::Result<postgres::Pool::Lease> Repository::acquire() {
    // Every idle connection may have died with the server; after those comes a new one.
    for (std::size_t attempt = 0;; ++attempt) {
        auto lease = pool_.acquire("", options_.acquire_timeout);
        if (!lease) return as_repository_error(std::move(lease).error());
        auto answered = (*lease)->query("select");
        if (answered) return lease;
        if (attempt > options_.max_connections) return as_repository_error(std::move(answered).error());
    }
}

Error Repository::as_repository_error(Error error) {
    if (error.code == ErrorCode::connect_failed) {
        error.code = ErrorCode::retry_later;
        error.message = "The repository cannot be reached: " + error.message;
    }
    return error;
}

base::Result<postgres::Connection> Repository::open_own_connection() {
    auto connection = postgres::Connection::open(conninfo_, session_options(options_));
    if (!connection) return as_repository_error(std::move(connection).error());
    return connection;
}

std::string Repository::redacted() const {
    auto endpoint = postgres::endpoint_of(conninfo_);
    return endpoint ? endpoint->to_string() : "(connection string)";
}

base::Result<MigrationReport> Repository::migrate() {
    auto session = session_options(options_);
    // Another process may be migrating, and a migration may take long.
    session.round_trip_timeout = session.statement_timeout = session.lock_timeout = 10min;
    auto connection = postgres::Connection::open(conninfo_, session);
    if (!connection) return as_repository_error(std::move(connection).error());
    auto report = run_migrations(*connection, program_migrations());
    if (!report) return as_repository_error(std::move(report).error());
    return report;
}

int Repository::program_schema_version() {
    return program_migrations().back().version;
}

base::Status Repository::check() {
    return with_connection([](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(const auto found,
                           connection.query("select to_regclass('pganalytics.schema_migrations') is not null"));
        std::int64_t version = 0;
        if (found.boolean(0, 0)) {
            PGANALYTICS_ASSIGN(const auto rows,
                               connection.query("select max(version) from pganalytics.schema_migrations"));
            version = rows.integer(0, 0).value_or(0);
        }
        if (version == program_schema_version()) return {};
        return Error{
            .code = ErrorCode::unprocessable,
            .message = "The repository's schema has version " + std::to_string(version) + ", this program needs " +
                       std::to_string(program_schema_version()) + ".",
            .hint = version < program_schema_version() ? "Run: pganalytics migrate" : "Use a newer pganalytics.",
            .field = {}};
    });
}

}  // namespace pganalytics::store
