#pragma once
// SQLSTATE → what the caller can do. Source: PostgreSQL's manual, appendix "PostgreSQL Error Codes". Pure functions.

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pganalytics::postgres {

struct ServerError;

/// The error of a statement. `where` is the redacted endpoint.
[[nodiscard]] base::Error error_of_statement(const ServerError& said, std::string_view where);

/// The error of a failed login or connection attempt. `text` is libpq's message in verbose form ("FATAL:  28P01: …").
[[nodiscard]] base::Error error_of_connecting(std::string_view text, std::string_view where);

}  // namespace pganalytics::postgres
