#pragma once
// From rows to records, for the files of this module only. A record's columns are listed once, each selected expression
// beside the member it fills, so that the list of a SELECT and the reading of its rows cannot come apart.
// Thread safety: constants.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/repository.hpp"
#include "store/values.hpp"

namespace pganalytics::store {

struct Cell {
    const postgres::Rows& rows;
    std::size_t row, column;
};

inline void read_cell(const Cell& from, std::string& to) {
    to = from.rows.text(from.row, from.column);
}
inline void read_cell(const Cell& from, bool& to) {
    to = from.rows.boolean(from.row, from.column);
}
inline void read_cell(const Cell& from, double& to) {
    to = from.rows.number(from.row, from.column).value_or(0);
}
inline void read_cell(const Cell& from, std::int64_t& to) {
    to = from.rows.integer(from.row, from.column).value_or(0);
}
inline void read_cell(const Cell& from, int& to) {
    to = static_cast<int>(from.rows.integer(from.row, from.column).value_or(0));
}
inline void read_cell(const Cell& from, base::Bytes& to) {
    read_cell(from, to.value);
}
inline void read_cell(const Cell& from, base::Timestamp& to) {
    to = time_cell(from.rows, from.row, from.column);
}
/// Of a JSON array of strings: a jsonb column, or array_to_json of a text[].
inline void read_cell(const Cell& from, std::vector<std::string>& to) {
    to = json_strings(from.rows, from.row, from.column);
}
/// Ids; other enumerations are stored by name and have readers of their own.
template <typename Id>
requires std::is_enum_v<Id> && std::is_same_v<std::underlying_type_t<Id>, std::int64_t>
void read_cell(const Cell& from, Id& to) {
    to = id_cell<Id>(from.rows, from.row, from.column);
}
template <typename T>
void read_cell(const Cell& from, std::optional<T>& to) {
    if (from.rows.cell(from.row, from.column)) read_cell(from, to.emplace());
}

/// `read` fills a member, or gives what no member's type can say by itself.
template <typename Record>
using ReadCell = void (*)(const Cell&, Record&);

template <typename Record, typename Filled>
struct Column {
    std::string_view expression;
    Filled filled;  ///< T Record::*, or ReadCell<Record>
    bool is_time = false;
};

template <typename Record, typename T>
[[nodiscard]] constexpr auto column(std::string_view expression, T Record::*member) {
    constexpr bool is_time = std::is_same_v<T, base::Timestamp> || std::is_same_v<T, std::optional<base::Timestamp>>;
    return Column<Record, T Record::*>{expression, member, is_time};
}
template <typename Record>
[[nodiscard]] constexpr auto column(std::string_view expression, ReadCell<Record> read) {
    return Column<Record, ReadCell<Record>>{expression, read};
}

template <typename Record, typename... Filled>
class Columns {
  public:
    constexpr explicit Columns(Column<Record, Filled>... columns) : columns_(columns...) {}

    static constexpr std::size_t count = sizeof...(Filled);

    /// What to write between "select" (or "returning") and "from"; times become whole microseconds, which need no
    /// parsing of dates.
    [[nodiscard]] std::string list() const {
        std::string text;
        const auto append = [&text](const auto& column) {
            if (!text.empty()) text += ", ";
            text += column.is_time ? microseconds_of(column.expression) : std::string(column.expression);
        };
        std::apply([&](const auto&... column) { (append(column), ...); }, columns_);
        return text;
    }

    /// Of a row whose first columns are this list's.
    [[nodiscard]] Record read(const postgres::Rows& rows, std::size_t row) const {
        Record record;
        std::size_t position = 0;
        const auto fill = [&](const auto& column) {
            const Cell cell{rows, row, position++};
            if constexpr (std::is_member_object_pointer_v<decltype(column.filled)>) {
                read_cell(cell, record.*column.filled);
            } else {
                column.filled(cell, record);
            }
        };
        std::apply([&](const auto&... column) { (fill(column), ...); }, columns_);
        return record;
    }

    [[nodiscard]] std::vector<Record> read_all(const postgres::Rows& rows) const {
        std::vector<Record> records;
        records.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) records.push_back(read(rows, row));
        return records;
    }

    /// Of a query that asked for one row more than `limit`. `order_values` gives, for the cursor of the list called
    /// `name`, what the last record is ordered by.
    template <typename OrderValues>
    [[nodiscard]] Page<Record> read_page(const postgres::Rows& rows, std::size_t limit, std::string_view name,
                                         OrderValues order_values) const {
        Page<Record> page;
        for (std::size_t row = 0; row < rows.size() && row < limit; ++row) page.items.push_back(read(rows, row));
        if (rows.size() > limit && !page.items.empty()) {
            page.next_cursor = make_cursor(name, order_values(page.items.back()));
        }
        return page;
    }

  private:
    std::tuple<Column<Record, Filled>...> columns_;
};

}  // namespace pganalytics::store
