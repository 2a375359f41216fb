// Establishing a connection: names looked up ahead, then PQconnectPoll under one deadline, then one round trip that
// verifies that the settings arrived.

#include <poll.h>

#include "base/text.hpp"
#include "postgres/blocking_calls.hpp"
#include "postgres/connection_impl.hpp"
#include "postgres/server_error.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

std::string startup_settings(const ConnectOptions& options) {
    std::string text;
    if (options.statement_timeout.count() > 0) {
        text += "-c statement_timeout=" + std::to_string(options.statement_timeout.count()) + " ";
    }
    if (options.lock_timeout.count() > 0) {
        text += "-c lock_timeout=" + std::to_string(options.lock_timeout.count()) + " ";
    }
    if (options.read_only) text += "-c default_transaction_read_only=on ";
    return std::string(base::trim(text));
}

Error timed_out(const std::string& where, std::chrono::milliseconds after) {
    return {ErrorCode::connect_failed,
            "Cannot connect to " + where + ": no answer within " + base::to_words(base::Milliseconds(after)),
            "Something accepts or swallows the packets without being a PostgreSQL that answers: look at host, port and "
            "the firewalls between",
            "conninfo"};
}

struct Attempt {
    base::Secret conninfo;
    ResolvedHosts hosts;
    std::string startup_options;  ///< "" sends none
    std::string application_name;
};

ConnectionHandle start(const Attempt& attempt) {
    std::vector<const char*> keywords{"dbname"};
    std::vector<const char*> values{attempt.conninfo.reveal().c_str()};
    const auto add = [&](const char* keyword, const std::string& value) {
        keywords.push_back(keyword);
        values.push_back(value.c_str());
    };
    const std::string utf8 = "UTF8";
    add("client_encoding", utf8);
    add("application_name", attempt.application_name);
    // Empty would mean "not given", and PGOPTIONS would come in after all; a blank is sent as nothing of substance.
    if (!attempt.startup_options.empty()) add("options", attempt.startup_options);
    if (!attempt.hosts.empty()) {
        add("host", attempt.hosts.host);
        add("hostaddr", attempt.hosts.hostaddr);
        add("port", attempt.hosts.port);
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return ConnectionHandle(PQconnectStartParams(keywords.data(), values.data(), 1));
}

/// The password that libpq used, wherever it came from, blanked out of `text`.
std::string without_password(PGconn* handle, std::string text) {
    const char* password = PQpass(handle);
    const std::string_view secret = password != nullptr ? password : "";
    if (secret.size() < 3) return text;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
        text.replace(at, secret.size(), "***");
    }
    return text;
}

/// Whether the socket became ready before the deadline.
bool ready(int socket, bool for_reading, base::Deadline deadline) {
    pollfd watched{socket, static_cast<short>(for_reading ? POLLIN : POLLOUT), 0};
    while (!deadline.passed()) {
        const auto left =
            std::min<std::chrono::milliseconds>(deadline.left() + std::chrono::milliseconds(1), std::chrono::hours(1));
        const int count = ::poll(&watched, 1, static_cast<int>(left.count()));
        if (count > 0) return true;
        if (count < 0 && errno != EINTR) return true;  // libpq will meet the same error and put it into words
    }
    return false;
}

struct Connected {
    ConnectionHandle handle;
    std::string failure;  ///< libpq's verbose words; "" when connected
    bool timed_out = false;
};

Connected establish(const Attempt& attempt, base::Deadline deadline) {
    Connected result;
    result.handle = start(attempt);
    auto* const handle = result.handle.get();
    if (handle == nullptr) {
        result.failure = "out of memory";
        return result;
    }
    // Verbose messages carry the SQLSTATE, which libpq gives in no other way while connecting.
    PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);
    auto state = PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
        if (!ready(PQsocket(handle), state == PGRES_POLLING_READING, deadline)) {
            result.timed_out = true;
            return result;
        }
        state = PQconnectPoll(handle);
    }
    if (state == PGRES_POLLING_FAILED) result.failure = without_password(handle, PQerrorMessage(handle));
    PQsetErrorVerbosity(handle, PQERRORS_DEFAULT);
    return result;
}

/// A pooler that ignores `options` says nothing: ask whether what we set is there.
base::Result<bool> settings_arrived(Connection::Impl& connection) {
    const auto statement = tagged(
        "SELECT pg_catalog.current_setting('default_transaction_read_only') = 'on',"
        " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'),"
        " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'lock_timeout')");
    PGANALYTICS_ASSIGN(const auto rows, connection.run(statement.text, {}, statement.tag));
    const auto& options = connection.options;
    const auto holds = [&](std::size_t column, std::chrono::milliseconds wanted) {
        return wanted.count() == 0 || rows.integer(0, column) == wanted.count();
    };
    return (!options.read_only || rows.boolean(0, 0)) && holds(1, options.statement_timeout) &&
           holds(2, options.lock_timeout);
}

}  // namespace

base::Result<std::unique_ptr<Connection::Impl>> connect(const base::Secret& conninfo, const ConnectOptions& options) {
    const auto deadline = base::Deadline::after(options.connect_timeout);
    PGANALYTICS_ASSIGN(auto effective, effective_options(conninfo));
    auto connection = std::make_unique<Connection::Impl>();
    connection->options = options;
    PGANALYTICS_ASSIGN(connection->endpoint, endpoint_of(conninfo));
    const auto where = connection->where();

    Attempt attempt{conninfo, {}, {}, options.application_name};
    PGANALYTICS_ASSIGN(attempt.hosts, resolve_hosts(effective, deadline));
    const auto ours = startup_settings(options);
    attempt.startup_options = std::string(base::trim(effective["options"] + " " + ours));

    auto connected = establish(attempt, deadline);
    const bool refused_options = connected.failure.find("unsupported startup parameter") != std::string::npos;
    if (refused_options && !ours.empty()) {
        connection->pooled = true;
        attempt.startup_options = effective["options"];
        connected = establish(attempt, deadline);
    }
    if (connected.timed_out) return timed_out(where, options.connect_timeout);
    if (!connected.failure.empty()) return error_of_connecting(connected.failure, where);

    connection->handle = std::move(connected.handle);
    auto* const handle = connection->handle.get();
    if (PQsetnonblocking(handle, 1) != 0) return connection->broken_connection();
    // Notices of the server go nowhere: they would be printed to stderr.
    PQsetNoticeReceiver(
        handle, [](void*, const PGresult*) {}, nullptr);
    connection->canceller = std::shared_ptr<PGcancel>(PQgetCancel(handle), FreeCancel{});
    const auto said = [](const char* text) { return std::string(text != nullptr ? text : ""); };
    connection->endpoint.user = said(PQuser(handle));
    connection->endpoint.database = said(PQdb(handle));
    if (PQserverVersion(handle) < 130000) {
        return Error{ErrorCode::unsupported,
                     "The server at " + where + " is PostgreSQL " + std::to_string(PQserverVersion(handle) / 10000) +
                         ", which is too old",
                     "PostgreSQL 13 and newer are supported", ""};
    }
    const char* const encoding = PQparameterStatus(handle, "server_encoding");
    if (encoding != nullptr && std::string_view(encoding) == "SQL_ASCII") {
        // To a UTF-8 client such a database refuses to send bytes that are not; Rows::text mends them instead.
        const auto statement = tagged("SET client_encoding = SQL_ASCII");
        PGANALYTICS_ASSIGN(const auto set, connection->run(statement.text, {}, statement.tag));
    }
    if (!connection->pooled && !ours.empty()) {
        PGANALYTICS_ASSIGN(const bool arrived, settings_arrived(*connection));
        connection->pooled = !arrived;
    }
    return connection;
}

}  // namespace pganalytics::postgres
