#pragma once
// Between C++ values and SQL text, for the files of this module only.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::store {

template <typename Id>
requires std::is_enum_v<Id>
[[nodiscard]] std::string sql_text(Id id) {
    return std::to_string(base::to_integer(id));
}
[[nodiscard]] inline std::string sql_text(base::Timestamp time) {
    return base::to_rfc3339(time);
}
[[nodiscard]] std::string sql_text(double number);
[[nodiscard]] inline std::string sql_text(bool truth) {
    return truth ? "true" : "false";
}
[[nodiscard]] inline std::string sql_text(std::chrono::milliseconds span) {
    return std::to_string(span.count()) + " milliseconds";
}
/// A text[] literal.
[[nodiscard]] std::string sql_array(const std::vector<std::string>& items);
template <typename T>
[[nodiscard]] postgres::Parameter sql_optional(const std::optional<T>& value) {
    if (!value) return std::nullopt;
    if constexpr (std::is_convertible_v<T, std::string>) {
        return std::string(*value);
    } else if constexpr (std::is_enum_v<T> || std::is_same_v<T, base::Timestamp> || std::is_same_v<T, double>) {
        return sql_text(*value);
    } else {
        return std::to_string(*value);
    }
}

/// Valid UTF-8 without NUL, which PostgreSQL's text and jsonb cannot hold.
[[nodiscard]] std::string storable(std::string_view text);

/// A timestamptz in PostgreSQL's text form of a session in any time zone; the epoch for NULL.
[[nodiscard]] base::Timestamp time_cell(const postgres::Rows& rows, std::size_t row, std::size_t column);
[[nodiscard]] std::optional<base::Timestamp> optional_time_cell(const postgres::Rows& rows, std::size_t row,
                                                                std::size_t column);
[[nodiscard]] std::optional<std::string> optional_text_cell(const postgres::Rows& rows, std::size_t row,
                                                            std::size_t column);
template <typename Id>
[[nodiscard]] Id id_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    return Id{rows.integer(row, column).value_or(0)};
}
/// An SQL expression that gives `column` as whole microseconds since 1970, which needs no parsing of dates.
[[nodiscard]] std::string microseconds_of(std::string_view column);
/// Elements of a text[] that was selected with array_to_json.
[[nodiscard]] std::vector<std::string> json_strings(const postgres::Rows& rows, std::size_t row, std::size_t column);

/// Opaque cursors: a list's name and the last row's order values, as base64url of JSON.
[[nodiscard]] std::string make_cursor(std::string_view list, const nlohmann::json& values);
/// fix_input where it is not a cursor of that list with `count` values.
[[nodiscard]] base::Result<nlohmann::json> read_cursor(std::string_view list, std::string_view cursor,
                                                       std::size_t count);
/// Of make_cursor(list, {id}).
[[nodiscard]] base::Result<postgres::Parameter> read_id_cursor(std::string_view list, std::string_view cursor);
/// Where a list ordered by a number or a time, then by id, goes on: both as query parameters.
struct RankCursor {
    postgres::Parameter rank, id;
};
[[nodiscard]] base::Result<RankCursor> read_rank_cursor(std::string_view list, std::string_view cursor);
/// Of make_cursor(list, {microseconds since 1970, id}).
[[nodiscard]] base::Result<RankCursor> read_time_cursor(std::string_view list, std::string_view cursor);

}  // namespace pganalytics::store
