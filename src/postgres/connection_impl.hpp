#pragma once
// Internal to this module: what a Connection is made of. Includes libpq; no public header does.

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "postgres/connection.hpp"
#include "postgres/conninfo.hpp"

namespace pganalytics::postgres {

struct FinishConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
struct FreeCancel {
    void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
using ConnectionHandle = std::unique_ptr<PGconn, FinishConnection>;
using ResultHandle = std::unique_ptr<PGresult, ClearResult>;

/// Where the tag was put into a statement.
struct TagPlace {
    int after = 0;   ///< so many characters of the statement stand before it
    int length = 0;  ///< 0: nothing was put in
};
struct Tagged {
    std::string text;
    TagPlace tag;
};
/// The statement with the tag behind its first word; unchanged where it carries it already.
[[nodiscard]] Tagged tagged(std::string_view statement);

struct Rows::Impl {
    ResultHandle result;
};

struct Connection::Impl {
    ConnectionHandle handle;
    std::shared_ptr<PGcancel> canceller;
    Endpoint endpoint;
    ConnectOptions options;
    ServerError last_error;
    bool broken = false;
    bool pooled = false;

    [[nodiscard]] base::Status usable() const;
    /// Waits until the socket is ready for `events` or the deadline passes (retry_later; the connection is then
    /// broken).
    [[nodiscard]] base::Status wait(short events, base::Deadline deadline);
    /// Sends everything that is queued, reading meanwhile so that neither side can block the other.
    [[nodiscard]] base::Status flush(base::Deadline deadline);
    /// The next result, or an empty handle at the end of a command.
    [[nodiscard]] base::Result<ResultHandle> next_result(base::Deadline deadline);
    /// All results of one command; the last one, or the first error.
    [[nodiscard]] base::Result<ResultHandle> finish_command(base::Deadline deadline);
    /// Remembers what the server said and makes the error of it, with positions in the text without our tag.
    [[nodiscard]] base::Error fail(const PGresult* result, TagPlace tag);
    [[nodiscard]] base::Error broken_connection();
    [[nodiscard]] base::Deadline deadline() const { return base::Deadline::after(options.round_trip_timeout); }
    [[nodiscard]] std::string where() const { return endpoint.to_string(); }

    [[nodiscard]] base::Result<Rows> run(const std::string& statement, const Parameters& parameters, TagPlace tag);
    [[nodiscard]] std::string local_settings(bool read_only) const;
};

/// Connects; implemented in connect.cpp.
[[nodiscard]] base::Result<std::unique_ptr<Connection::Impl>> connect(const base::Secret& conninfo,
                                                                      const ConnectOptions& options);

}  // namespace pganalytics::postgres
