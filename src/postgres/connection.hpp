#pragma once
// A synchronous, value-returning face over non-blocking libpq. Every round trip has a deadline (poll), whatever the
// network does. The only place in the program that includes libpq.
//
// Two ways to send SQL, and the difference is a safety rule: `OurSql` (our_sql.hpp) is text that we wrote; text that
// came from a user, a file or pg_stat_statements goes only through the extended protocol (`query`, `prepare`: one
// statement a message), so that it can never smuggle in a second statement. Every statement is sent behind
// `statement_tag`.
//
// Settings (time-outs, read-only) travel as the start-up parameter `options`. A pooler such as PgBouncer refuses it, or
// drops it when told to ignore it; `pooled()` is then true, nothing is SET on the session (which the pooler may hand to
// somebody else), and every transaction sets them for itself with SET LOCAL.
//
// A Connection is used by one thread at a time; `cancel` alone may be called from another.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "postgres/our_sql.hpp"

namespace pganalytics::postgres {

/// Result rows in text format. Cells are views into the result: they live as long as it.
class Rows {
  public:
    Rows();
    ~Rows();
    Rows(Rows&&) noexcept;
    Rows& operator=(Rows&&) noexcept;

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::size_t column_count() const;
    [[nodiscard]] std::string_view column_name(std::size_t column) const;
    [[nodiscard]] std::optional<std::size_t> find_column(std::string_view name) const;
    /// nullopt is SQL NULL.
    [[nodiscard]] std::optional<std::string_view> cell(std::size_t row, std::size_t column) const;
    /// "" for NULL.
    /// Always valid UTF-8: a SQL_ASCII database delivers any bytes; `cell` keeps them as they came (for hashing).
    [[nodiscard]] std::string text(std::size_t row, std::size_t column) const;
    [[nodiscard]] std::optional<std::int64_t> integer(std::size_t row, std::size_t column) const;
    [[nodiscard]] std::optional<double> number(std::size_t row, std::size_t column) const;
    [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const;  ///< false for NULL
    [[nodiscard]] std::int64_t affected() const;                            ///< rows of a DML command

    struct Impl;
    explicit Rows(std::unique_ptr<Impl> impl);

  private:
    std::unique_ptr<Impl> impl_;
};

/// A parameter: text format, or NULL.
using Parameter = std::optional<std::string>;
using Parameters = std::vector<Parameter>;

/// What the server said, beside the Error made of it.
struct ServerError {
    std::string sqlstate;
    std::string message;
    std::string detail, hint;
    int position = 0;  ///< in characters from 1; 0 where there is none
};

struct ConnectOptions {
    std::chrono::milliseconds connect_timeout{10000};
    std::chrono::milliseconds round_trip_timeout{15000};  ///< client-side deadline of each round trip
    std::chrono::milliseconds statement_timeout{10000};   ///< server-side; 0 leaves the server's
    std::chrono::milliseconds lock_timeout{2000};
    bool read_only = true;  ///< default_transaction_read_only = on
    std::string application_name = "pganalytics";
    bool tagged = true;  ///< `query` puts the statement tag in; false only to act as an application (simulation)
};

class Connection {
  public:
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    /// `conninfo` goes to libpq untouched (URI, key=value, PG* variables, service file, .pgpass). Name look-up, which
    /// libpq does blocking, runs on a bounded pool of its own, so the deadline holds there too. Errors: connect_failed,
    /// never with the password.
    [[nodiscard]] static base::Result<Connection> open(const base::Secret& conninfo,
                                                       const ConnectOptions& options = {});

    /// One statement through the extended protocol. Safe for user text.
    [[nodiscard]] base::Result<Rows> query(std::string_view statement, const Parameters& parameters = {});
    /// Our own SQL, several statements allowed (simple protocol): never user text, which the type refuses.
    [[nodiscard]] base::Status execute_script(const OurSql& script);
    [[nodiscard]] base::Status execute_script(SqlLiteral script) { return execute_script(OurSql(script)); }
    /// Several statements of ours, one round trip (pipeline mode); stops at the first error.
    [[nodiscard]] base::Result<std::vector<Rows>> pipeline(
        std::span<const std::pair<std::string, Parameters>> statements);

    /// COPY … FROM STDIN: `next` gives chunks in the statement's format until it gives "".
    [[nodiscard]] base::Result<std::int64_t> copy_in(std::string_view copy_statement,
                                                     const std::function<std::string_view()>& next);

    /// PREPARE by the protocol (Parse), user text allowed. The name is ours.
    [[nodiscard]] base::Status prepare(std::string_view name, std::string_view statement,
                                       std::span<const std::uint32_t> parameter_types = {});

    /// LISTEN side: waits for a notification until the deadline; nullopt on time-out. Payloads in arrival order.
    [[nodiscard]] base::Result<std::optional<std::string>> wait_for_notification(std::chrono::milliseconds timeout);

    /// The server's own words for the last failed call.
    [[nodiscard]] const ServerError& last_server_error() const;

    [[nodiscard]] bool healthy() const;          ///< false once the socket is gone or a deadline passed
    [[nodiscard]] int server_version() const;    ///< 150018
    [[nodiscard]] std::string redacted() const;  ///< "user@host:port/db", for messages
    [[nodiscard]] std::string database() const;
    [[nodiscard]] std::string user() const;
    [[nodiscard]] bool pooled() const;          ///< a pooler stands between: settings hold per transaction only
    [[nodiscard]] bool in_transaction() const;  ///< a transaction is open, failed or not
    void set_round_trip_timeout(std::chrono::milliseconds timeout);
    void cancel();  ///< from another thread: PQcancel

    struct Impl;
    explicit Connection(std::unique_ptr<Impl> impl);

  private:
    friend class Transaction;
    std::unique_ptr<Impl> impl_;
};

/// BEGIN on construction, ROLLBACK on destruction unless committed.
class Transaction {
  public:
    enum class Mode { read_only, read_write };
    [[nodiscard]] static base::Result<Transaction> begin(Connection& connection, Mode mode);
    ~Transaction();
    Transaction(Transaction&&) noexcept;
    Transaction& operator=(Transaction&&) = delete;
    /// Errors: unprocessable where the server rolled back instead because a statement had failed.
    [[nodiscard]] base::Status commit();
    [[nodiscard]] base::Status rollback();

  private:
    explicit Transaction(Connection& connection) : connection_(&connection) {}
    Connection* connection_;
};

/// What a connection string leads to, after service file and environment, without touching the network. No password.
struct Endpoint {
    std::string host;  ///< as given: names, addresses or socket folders, comma-separated; "" is libpq's default
    std::string port;
    std::string database;
    std::string user;
    /// "user@host:port/db"
    [[nodiscard]] std::string to_string() const;
};
[[nodiscard]] base::Result<Endpoint> endpoint_of(const base::Secret& conninfo);

/// "host=… port=…" with another database, other things untouched (also for URIs and service names).
[[nodiscard]] base::Result<base::Secret> with_database(const base::Secret& conninfo, std::string_view database_name);

/// The tag in every statement we send, so that what we collect can leave our own out. It stands behind the first word
/// (`SELECT /* pganalytics */ …`): PostgreSQL 18 cuts comments before it off what pg_stat_statements keeps.
inline constexpr std::string_view statement_tag = "/* pganalytics */";
/// Whether a text of pg_stat_statements or pg_stat_activity is one of ours.
[[nodiscard]] bool is_own_statement(std::string_view text);

}  // namespace pganalytics::postgres
