#include "store/values.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/text.hpp"

namespace pganalytics::store {
std::string sql_text(double number) {
    return fmt::format("{}", number);
}

std::string sql_array(const std::vector<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        if (text.size() > 1) text += ',';
        text += '"';
        for (const char c : storable(item)) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

std::string storable(std::string_view text) {
    auto valid = base::to_valid_utf8(text);
    std::erase(valid, '\0');
    return valid;
}

base::Timestamp time_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    return base::Timestamp(std::chrono::microseconds(rows.integer(row, column).value_or(0)));
}

std::optional<base::Timestamp> optional_time_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    if (!rows.cell(row, column)) return std::nullopt;
    return time_cell(rows, row, column);
}

std::optional<std::string> optional_text_cell(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    const auto cell = rows.cell(row, column);
    if (!cell) return std::nullopt;
    return std::string(*cell);
}

std::string microseconds_of(std::string_view column) {
    return fmt::format("(extract(epoch from {}) * 1000000)::bigint", column);
}

std::vector<std::string> json_strings(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    std::vector<std::string> items;
    const auto parsed = nlohmann::json::parse(rows.text(row, column), nullptr, false);
    if (!parsed.is_array()) return items;
    for (const auto& item : parsed) {
        if (item.is_string()) items.push_back(item.get<std::string>());
    }
    return items;
}

std::string make_cursor(std::string_view list, const nlohmann::json& values) {
    return base::to_base64url(nlohmann::json{{"l", list}, {"v", values}}.dump());
}

namespace {

base::Error foreign_cursor() {
    return base::Error{.code = base::ErrorCode::fix_input,
                       .message = "The cursor is not one of this list.",
                       .hint = "Take it from the Link header of the page before, unchanged.",
                       .field = "cursor"};
}

}  // namespace

base::Result<nlohmann::json> read_cursor(std::string_view list, std::string_view cursor, std::size_t count) {
    const auto bytes = base::from_base64url(cursor);
    const auto parsed = bytes ? nlohmann::json::parse(*bytes, nullptr, false) : nlohmann::json();
    if (parsed.is_object() && parsed.contains("l") && parsed["l"] == list && parsed.contains("v") &&
        parsed["v"].is_array() && parsed["v"].size() == count) {
        return parsed["v"];
    }
    return foreign_cursor();
}

base::Result<postgres::Parameter> read_id_cursor(std::string_view list, std::string_view cursor) {
    PGANALYTICS_ASSIGN(const auto values, read_cursor(list, cursor, 1));
    if (!values[0].is_number_integer()) return foreign_cursor();
    return postgres::Parameter(values[0].dump());
}

base::Result<RankCursor> read_rank_cursor(std::string_view list, std::string_view cursor) {
    PGANALYTICS_ASSIGN(const auto values, read_cursor(list, cursor, 2));
    if (!values[0].is_number() || !values[1].is_number_integer()) return foreign_cursor();
    return RankCursor{values[0].dump(), values[1].dump()};
}

base::Result<RankCursor> read_time_cursor(std::string_view list, std::string_view cursor) {
    PGANALYTICS_ASSIGN(const auto values, read_cursor(list, cursor, 2));
    if (!values[0].is_number_integer() || !values[1].is_number_integer()) return foreign_cursor();
    return RankCursor{sql_text(base::Timestamp(std::chrono::microseconds(values[0].get<std::int64_t>()))),
                      values[1].dump()};
}

}  // namespace pganalytics::store
