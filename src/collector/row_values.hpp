#pragma once
// Cells of a result as our types. Times travel as microseconds since 1970 (bigint), so that no time zone or date style
// stands between.

#include <chrono>
#include <optional>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

[[nodiscard]] inline std::optional<base::Timestamp> timestamp_of(const postgres::Rows& rows, std::size_t row,
                                                                 std::size_t column) {
    const auto microseconds = rows.integer(row, column);
    if (!microseconds) return std::nullopt;
    return base::Timestamp{std::chrono::microseconds(*microseconds)};
}

[[nodiscard]] inline base::Oid oid_of(const postgres::Rows& rows, std::size_t row, std::size_t column) {
    return base::Oid{static_cast<std::uint32_t>(rows.integer(row, column).value_or(0))};
}

}  // namespace pganalytics::collector
