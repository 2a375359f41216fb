#pragma once
// JSON as this interface writes it: members in the order of the documentation, bytes that are not UTF-8 replaced, and
// beside every `query_hash` and `fingerprint_hash` the same digits as text, because browsers lose digits above 2^53.
// Internal to `http` (it includes nlohmann/json.hpp). Thread-safe: functions only.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/units.hpp"
#include "net/message.hpp"

namespace pganalytics::http {

using Json = nlohmann::ordered_json;

/// Never throws.
[[nodiscard]] std::string to_text(Json value);
[[nodiscard]] net::Response json_response(Json value, int status = 200);
/// A JSON column of the repository; null where it is not JSON.
[[nodiscard]] Json parse_column(const std::string& text);
[[nodiscard]] Json time_or_null(const std::optional<base::Timestamp>& time);

template <typename T>
[[nodiscard]] Json value_or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}
/// Non-finite numbers have no JSON: null.
[[nodiscard]] Json number_or_null(double value);

}  // namespace pganalytics::http
