#pragma once
// The repository: a PostgreSQL database with schema `pganalytics`. This class owns the connections; what is kept there
// is read and written through the stores beside it (targets, ingest, history, recommendations, jobs, tokens, audit),
// each constructed from a Repository& and holding nothing else.
//
// Errors: retry_later while the repository is down, slow or busy: the same call may succeed later, and nothing was half
// written. Every call comes back by itself when the repository does; no state is lost with a connection.
// Thread-safe: each call borrows a connection of its own; at most `max_connections` at once, later callers wait.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "postgres/connection.hpp"
#include "postgres/pool.hpp"

namespace pganalytics::store {

struct RepositoryOptions {
    std::size_t max_connections = 8;
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds round_trip_timeout{60000};
    std::chrono::milliseconds acquire_timeout{10000};  ///< waiting for a free connection
};

/// What `migrate` did.
struct MigrationReport {
    int version_before = 0;  ///< 0: there was no schema
    int version_after = 0;
    std::vector<std::string> applied;  ///< file names
    std::vector<std::string>
        notices;  ///< what could not be done and is needed by some ("role … could not be created: …")
};

class Repository {
  public:
    /// Does not connect: a repository that is down at start is a state, not a failure.
    explicit Repository(base::Secret conninfo, RepositoryOptions options = {});
    Repository(const Repository&) = delete;
    Repository& operator=(const Repository&) = delete;

    /// Brings the schema to this program's version: forward only, each file in a transaction, under an advisory lock,
    /// safe when several processes start at once. conflict when an applied file has another checksum here, unsupported
    /// when the schema is newer than this program.
    [[nodiscard]] base::Result<MigrationReport> migrate();
    /// The version that this program's migrations lead to.
    [[nodiscard]] static int program_schema_version();
    /// retry_later when the repository cannot be reached, unprocessable when its schema is not this program's.
    [[nodiscard]] base::Status check();

    /// Runs `work` with a connection (read-write session). Names in its SQL are qualified with `pganalytics.`: no
    /// search_path is set, so that a pooler may stand between. connect_failed becomes retry_later.
    template <typename Work>
    auto with_connection(Work&& work) -> decltype(work(std::declval<postgres::Connection&>())) {
        auto lease = acquire();
        if (!lease) return std::move(lease).error();
        auto result = work(**lease);
        if (!result) return as_repository_error(std::move(result).error());
        return result;
    }
    /// The same inside a read-write transaction, committed when `work` succeeds.
    template <typename Work>
    auto with_transaction(Work&& work) -> decltype(work(std::declval<postgres::Connection&>())) {
        return with_connection([&](postgres::Connection& connection) -> decltype(work(connection)) {
            auto transaction = postgres::Transaction::begin(connection, postgres::Transaction::Mode::read_write);
            if (!transaction) return std::move(transaction).error();
            auto result = work(connection);
            if (!result) return result;
            if (auto committed = transaction->commit(); !committed) return std::move(committed).error();
            return result;
        });
    }

    /// A connection outside the pool, for LISTEN.
    [[nodiscard]] base::Result<postgres::Connection> open_own_connection();
    [[nodiscard]] std::string redacted() const;  ///< for messages

  private:
    /// A connection that answers: what died while idle is replaced.
    [[nodiscard]] base::Result<postgres::Pool::Lease> acquire();
    [[nodiscard]] static base::Error as_repository_error(base::Error error);

    base::Secret conninfo_;
    RepositoryOptions options_;
    postgres::Pool pool_;
};

/// One page of a list. `next_cursor` is opaque; absent on the last page.
template <typename T>
struct Page {
    std::vector<T> items;
    std::optional<std::string> next_cursor;
};

}  // namespace pganalytics::store
