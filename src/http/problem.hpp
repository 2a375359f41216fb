#pragma once
// Errors as `application/problem+json` (RFC 9457). `type` is urn:pganalytics:problem:<error code>; beside the members
// of the RFC stand `hint` (what to do), `request_id`, and `errors` [{field, message}] for bad input. Never a secret:
// messages come from base::Error, which carries none.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "net/message.hpp"

namespace pganalytics::http {

struct FieldError {
    std::string field;
    std::string message;
};

/// An error on its way to a client. An Error becomes one by itself, so that handlers can return it as it is.
struct Problem {
    Problem(base::Error from) : error(std::move(from)) {}  // NOLINT(google-explicit-constructor)
    base::Error error;
    std::vector<FieldError> fields{};  ///< where empty, `error.field` and `error.message` stand in
    int status = 0;                    ///< 0: as the table of error codes says
    net::Headers headers{};            ///< Allow, Retry-After, WWW-Authenticate
    std::string extension_name{};      ///< one further member, "" for none
    std::string extension_json{};
};

[[nodiscard]] net::Response to_response(const Problem& problem, std::string_view instance, std::string_view request_id);

/// What the transport refuses by itself (net::ServerOptions::refusal).
[[nodiscard]] net::Response transport_refusal(int status, std::string_view detail);

}  // namespace pganalytics::http
