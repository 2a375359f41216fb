#pragma once
// Expected failures as values. An error says what went wrong in one sentence, and what to do about it in another.
// `ErrorCode` says what the caller can do; one table (error.cpp) maps it to the process exit code and the HTTP status.
// Errors must never carry a secret: connection strings go through `redact_conninfo` (base/secret.hpp) first.

#include <array>
#include <string>
#include <string_view>

namespace pganalytics::base {

enum class ErrorCode {
    fix_input,          ///< the caller's words are wrong; saying it again unchanged cannot succeed
    usage,              ///< the command line is wrong
    not_found,          ///< the thing named does not exist
    conflict,           ///< it exists already, is ambiguous, or is held by someone else
    unprocessable,      ///< understood but impossible now (too few samples, nothing to compare)
    too_large,          ///< over a documented cap
    not_authenticated,  ///< no or wrong credentials of ours (token)
    not_allowed,        ///< credentials are right, the role is too low
    connect_failed,     ///< a server could not be reached or refused the login
    retry_later,        ///< a dependency is down, slow or busy; the same call may succeed later
    grant_access,       ///< the database role lacks a privilege; the hint names the statement
    install_extension,  ///< an extension is missing, outdated or not preloaded; the hint names the statement
    unsupported,        ///< this version, platform or syntax cannot be handled; it is said, not guessed
    internal,           ///< our own fault
};

/// One row of the table that maps codes outwards.
struct ErrorMapping {
    ErrorCode code;
    std::string_view name;
    int exit_code;    ///< of the process: 1 error, 2 usage, 3 connection, 4 permission or missing extension
    int http_status;  ///< of an HTTP answer
    std::string_view title;
};

/// Total: every code has a row.
[[nodiscard]] const ErrorMapping& mapping_of(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  ///< one sentence: what went wrong, for whom
    std::string hint;     ///< what to do: a statement, a flag, a file; may be empty
    std::string field;    ///< the input field at fault, where there is one

    /// "message. hint" as one line for a terminal or a log.
    [[nodiscard]] std::string to_string() const;
};

}  // namespace pganalytics::base
