#include "postgres/server_error.hpp"

#include <array>
#include <optional>

#include "base/secret.hpp"
#include "base/text.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

/// The longest matching prefix decides; an empty hint leaves the server's own.
struct Row {
    std::string_view prefix;
    ErrorCode code;
    std::string_view hint;
};

constexpr std::array table{
    Row{"08", ErrorCode::connect_failed, "The connection broke; see the server's log, and try again."},
    Row{"0A", ErrorCode::unsupported, ""},
    Row{"22", ErrorCode::fix_input, ""},
    Row{"23", ErrorCode::conflict, ""},
    Row{"25006", ErrorCode::not_allowed, "The transaction is read-only."},
    Row{"25", ErrorCode::conflict, ""},
    Row{"26", ErrorCode::not_found, ""},
    Row{"28P01", ErrorCode::connect_failed,
        "Give the right password: in .pgpass, PGPASSWORD, a service file or with -W; see who is allowed in with SELECT "
        "* "
        "FROM pg_hba_file_rules"},
    Row{"28000", ErrorCode::connect_failed,
        "Let this role in: a line in pg_hba.conf for its database, name and address, then SELECT pg_reload_conf(); the "
        "role must exist and have LOGIN"},
    Row{"28", ErrorCode::connect_failed, ""},
    Row{"3D000", ErrorCode::connect_failed, "List the databases there are with psql -l, or create this one."},
    Row{"3F", ErrorCode::not_found, ""},
    Row{"40", ErrorCode::retry_later, "It was rolled back in favour of another transaction; the same may succeed now."},
    Row{"42501", ErrorCode::grant_access,
        "Grant the role what it lacks; pganalytics setup-target prints the statements."},
    Row{"42704", ErrorCode::not_found, ""},
    Row{"42P04", ErrorCode::conflict, ""},
    Row{"42P06", ErrorCode::conflict, ""},
    Row{"42P07", ErrorCode::conflict, ""},
    Row{"42710", ErrorCode::conflict, ""},
    Row{"42", ErrorCode::fix_input, ""},
    Row{"53100", ErrorCode::retry_later,
        "The disk of the server is full: free space in its data folder (or the tablespace, temporary files or WAL that "
        "the "
        "message names), then try again"},
    Row{"53200", ErrorCode::retry_later, "The server is out of memory; try again when it is less busy."},
    Row{"53300", ErrorCode::connect_failed,
        "All connections are taken: raise max_connections or the role's CONNECTION LIMIT, or end idle sessions (see "
        "pg_stat_activity)"},
    Row{"53", ErrorCode::retry_later, "The server is short of a resource; try again later."},
    Row{"54", ErrorCode::too_large, ""},
    Row{"55P03", ErrorCode::retry_later, "Another transaction holds the lock; see pg_locks, and try again later."},
    Row{"55", ErrorCode::conflict, ""},
    Row{"57014", ErrorCode::retry_later, "It was cancelled or ran into statement_timeout; try again later."},
    Row{"57P01", ErrorCode::retry_later, "The server is shutting down or the session was ended; try again."},
    Row{"57P02", ErrorCode::retry_later, "The server crashed and recovers; try again."},
    Row{"57P03", ErrorCode::connect_failed, "The server is starting or stopping; try again in a moment."},
    Row{"57P04", ErrorCode::retry_later, "The database was dropped."},
    Row{"57P05", ErrorCode::retry_later, "The session was ended for idling; connect again."},
    Row{"57", ErrorCode::retry_later, ""},
    Row{"58030", ErrorCode::retry_later, "The server cannot read or write its disk; see its log."},
    Row{"58P01", ErrorCode::install_extension, "A file of an extension is missing on the server: install its package."},
    Row{"58", ErrorCode::retry_later, ""},
    Row{"P0001", ErrorCode::unprocessable, ""},
    Row{"XX", ErrorCode::unsupported, "The server calls this an internal error of its own; see its log."},
};

const Row* find_row(std::string_view sqlstate) {
    const Row* best = nullptr;
    for (const auto& row : table) {
        if (sqlstate.starts_with(row.prefix) && (best == nullptr || row.prefix.size() > best->prefix.size()))
            best = &row;
    }
    return best;
}

bool is_sqlstate(std::string_view text) {
    bool digit = false;  // every state has one; FATAL and ERROR, which look alike, have none
    for (const char c : text) {
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'A' && c <= 'Z')) return false;
        digit = digit || is_digit;
    }
    return digit && text.size() == 5;
}

/// "FATAL:  28P01: words" → the state and the words; none where libpq itself is speaking.
std::optional<std::pair<std::string, std::string>> said_by_server(std::string_view text) {
    for (std::size_t colon = text.find(": "); colon != std::string_view::npos; colon = text.find(": ", colon + 1)) {
        const auto rest = base::trim(text.substr(colon + 1));
        if (rest.size() > 7 && is_sqlstate(rest.substr(0, 5)) && rest[5] == ':') {
            return std::pair{
                std::string(rest.substr(0, 5)),
                std::string(base::trim(rest.substr(
                    6, rest.find('\n') == std::string_view::npos ? std::string_view::npos : rest.find('\n') - 6)))};
        }
    }
    return std::nullopt;
}

struct ClientWords {
    std::string_view part;
    std::string_view hint;
};

// libpq's own messages carry no code. It translates them only after setlocale(), which this program never calls.
constexpr std::array client_words{
    ClientWords{"no password supplied", "Give a password: in .pgpass, PGPASSWORD, a service file or with -W"},
    ClientWords{"Connection refused",
                "Is a server running there, and does it listen on this address (listen_addresses)?"},
    ClientWords{"No such file or directory",
                "No server listens on this socket; give its folder or a host name, or start the server"},
    ClientWords{"Network is unreachable", "Look at the address and at this machine's network"},
    ClientWords{"No route to host", "Look at the address and at the firewalls between"},
    ClientWords{"does not support SSL", "Switch TLS on at the server (ssl = on), or ask for less: sslmode=prefer"},
    ClientWords{"certificate",
                "Look at sslrootcert, sslcert and sslmode; the name in the certificate must be the host's"},
    ClientWords{"server closed the connection unexpectedly", "The server or a proxy ended the connection; see its log"},
    ClientWords{"target_session_attrs", "None of the hosts is in the state that target_session_attrs asks for"},
    ClientWords{"session is read-only", "None of the hosts is in the state that target_session_attrs asks for"},
    ClientWords{"could not translate host name", "Look at the spelling, or give the address instead of the name"},
};

}  // namespace

Error error_of_statement(const ServerError& said, std::string_view where) {
    const auto* row = find_row(said.sqlstate);
    Error error;
    error.code = row != nullptr ? row->code : ErrorCode::internal;
    error.message = base::redact_text(base::to_valid_utf8(said.message));
    if (said.sqlstate == "53100") error.message = "The disk of " + std::string(where) + " is full: " + error.message;
    error.hint = row != nullptr && !row->hint.empty() ? std::string(row->hint)
                                                      : base::redact_text(base::to_valid_utf8(said.hint));
    return error;
}

Error error_of_connecting(std::string_view text, std::string_view where) {
    Error error;
    error.code = ErrorCode::connect_failed;
    if (const auto server = said_by_server(text)) {
        const auto* row = find_row(server->first);
        error.message = "Cannot connect to " + std::string(where) + ": " + base::redact_text(server->second);
        error.hint = row != nullptr ? std::string(row->hint) : "";
        return error;
    }
    error.message = "Cannot connect to " + std::string(where) + ": " + base::one_line(base::redact_text(text), 300);
    for (const auto& words : client_words) {
        if (text.find(words.part) != std::string_view::npos) {
            error.hint = words.hint;
            break;
        }
    }
    if (error.hint.empty()) error.hint = "Look at host, port and the server's log";
    return error;
}

}  // namespace pganalytics::postgres
