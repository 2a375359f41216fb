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
    /// Remembers what the server said and makes the error of it. `shift` characters of ours stood before the text.
    [[nodiscard]] base::Error fail(const PGresult* result, int shift);
    [[nodiscard]] base::Error broken_connection();
    [[nodiscard]] base::Deadline deadline() const { return base::Deadline::after(options.round_trip_timeout); }
    [[nodiscard]] std::string where() const { return endpoint.to_string(); }

    [[nodiscard]] base::Result<Rows> run(const std::string& statement, const Parameters& parameters, int shift);
    [[nodiscard]] std::string local_settings(bool read_only) const;
};

/// The statement behind the tag (once). `shift` gets the number of characters put before it.
[[nodiscard]] std::string tagged(std::string_view statement, int& shift);

/// Connects; implemented in connect.cpp.
[[nodiscard]] base::Result<std::unique_ptr<Connection::Impl>> connect(const base::Secret& conninfo,
                                                                      const ConnectOptions& options);

}  // namespace pganalytics::postgres
