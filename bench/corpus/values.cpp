#include "corpus/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/text.hpp"

namespace pganalytics::corpus {

namespace {

constexpr double rows_drawn = 1500;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

void put_in_order(Column& column) {
    column.ordered = column.values;
    if (column.is_number()) {
        std::sort(column.ordered.begin(), column.ordered.end(), [](const std::string& a, const std::string& b) {
            return base::parse_number(a).value_or(0) < base::parse_number(b).value_or(0);
        });
    } else {
        std::sort(column.ordered.begin(), column.ordered.end());
    }
    std::set<std::string> seen;
    for (const auto& value : column.ordered)
        if (seen.insert(value).second) column.distinct.push_back(value);
}

base::Status draw_rows(postgres::Connection& connection, Table& table, std::uint64_t seed) {
    // Counted: what ANALYZE estimates is another number each time, and would draw other rows.
    PGANALYTICS_ASSIGN(const auto counted, connection.query("select count(*) from " + table.name));
    table.rows = counted.number(0, 0).value_or(0);
    const double percent = std::clamp(100 * rows_drawn / std::max(1.0, table.rows), 0.01, 100.0);
    std::vector<std::string> names;
    for (const auto& column : table.columns) names.push_back(column.name + "::text");
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query(fmt::format("select {} from {} tablesample bernoulli ({:.4f}) repeatable ({})",
                                                    fmt::join(names, ", "), table.name, percent, seed % 100000)));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        std::vector<std::optional<std::string>> cells;
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            const auto cell = rows.cell(row, i);
            cells.emplace_back(cell ? std::optional<std::string>(*cell) : std::nullopt);
            if (cell) table.columns[i].values.emplace_back(*cell);
        }
        table.drawn.push_back(std::move(cells));
    }
    for (auto& column : table.columns) put_in_order(column);
    return {};
}

std::string literal(const Column& column, std::string_view value) {
    if (column.is_number() && !value.starts_with('-')) return std::string(value);
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'') text += '\'';
        text += c;
    }
    return text + "'";
}

/// One filling of one statement: holes of a table share a row.
class Filling {
  public:
    Filling(const Data& data, Random& random) : data_(data), random_(random) {}

    base::Result<std::string> hole(std::string_view words) {
        const auto part = base::split(words, ' ');
        if (part[0] == "number") return fmt::format("{}", random_.between(integer(part, 1), integer(part, 2)));
        if (part[0] == "log")
            return fmt::format("{:.0f}", random_.log_between(decimal(part, 1, 1), decimal(part, 2, 10)));
        if (part[0] == "pick") return random_.one_of(base::split(words.substr(5), '|'));
        if (part.size() == 1) return value_of_row(part[0]);
        PGANALYTICS_ASSIGN(const auto* column, column_of(part[1]));
        if (part[0] == "any") return literal(*column, random_.one_of(column->distinct));
        if (part[0] == "list") return list(*column, integer(part, 2));
        if (part[0] == "range") return range(*column, wanted_share(part));
        if (part[0] == "above") return edge(*column, 1 - wanted_share(part));
        if (part[0] == "below") return edge(*column, wanted_share(part));
        if (part[0] == "prefix") return pattern(*column, random_.one_of(column->values), integer(part, 2));
        if (part[0] == "part" || part[0] == "word") return word(*column, part[0] == "part");
        return unknown(words);
    }

  private:
    static base::Error unknown(std::string_view words) {
        return {base::ErrorCode::fix_input, fmt::format("nothing fills the hole {{{}}}", words),
                "The holes are described in bench/corpus/values.hpp.", "template"};
    }
    static std::int64_t integer(const std::vector<std::string>& part, std::size_t at) {
        return at < part.size() ? base::parse_integer(part[at]).value_or(1) : 1;
    }
    static double decimal(const std::vector<std::string>& part, std::size_t at, double otherwise) {
        return at < part.size() ? base::parse_number(part[at]).value_or(otherwise) : otherwise;
    }
    double wanted_share(const std::vector<std::string>& part) {
        return random_.log_between(decimal(part, 2, 0.002), decimal(part, 3, 0.5));
    }

    base::Result<const Column*> column_of(std::string_view path) {
        const auto part = base::split(path, '.');
        const auto* table = part.size() == 2 ? data_.find(part[0]) : nullptr;
        const auto* column = table != nullptr ? table->find(part[1]) : nullptr;
        if (column == nullptr || column->values.empty()) return unknown(path);
        return column;
    }

    base::Result<std::string> value_of_row(std::string_view path) {
        const auto named = base::split(path, '#');
        PGANALYTICS_ASSIGN(const auto* column, column_of(named[0]));
        const auto& table = *data_.find(base::split(named[0], '.')[0]);
        const std::string key = table.name + (named.size() > 1 ? named[1] : "");
        const auto row = rows_.emplace(key, random_.below(table.drawn.size())).first->second;
        const auto& cell = table.drawn[row][static_cast<std::size_t>(column - table.columns.data())];
        return literal(*column, cell ? *cell : random_.one_of(column->values));
    }

    std::string list(const Column& column, std::int64_t count) {
        std::vector<std::string> literals;
        for (std::int64_t i = 0; i < count; ++i)
            literals.push_back(
                literal(column, random_.chance(0.5) ? random_.one_of(column.values) : random_.one_of(column.distinct)));
        return base::join(literals, ", ");
    }

    std::string range(const Column& column, double share) {
        const auto count = static_cast<double>(column.ordered.size());
        const double first = random_.share() * (1 - share);
        const auto at = [&](double place) {
            return literal(column, column.ordered[static_cast<std::size_t>(std::min(place * count, count - 1))]);
        };
        return at(first) + " and " + at(first + share);
    }

    static std::string edge(const Column& column, double place) {
        const auto count = static_cast<double>(column.ordered.size());
        return literal(column, column.ordered[static_cast<std::size_t>(std::min(place * count, count - 1))]);
    }

    static std::string pattern(const Column& column, const std::string& value, std::int64_t length) {
        return literal(column, value.substr(0, static_cast<std::size_t>(length)) + "%");
    }

    std::string word(const Column& column, bool as_pattern) {
        const auto words = base::split(random_.one_of(column.values), ' ');
        const std::string chosen = random_.one_of(words);
        return literal(column, as_pattern ? "%" + chosen + "%" : chosen);
    }

    const Data& data_;
    Random& random_;
    std::map<std::string, std::size_t> rows_;
};

}  // namespace

bool Column::is_number() const {
    return is_one_of(type, {"integer", "bigint", "smallint", "numeric", "real", "double precision"});
}
bool Column::is_time() const {
    return is_one_of(type, {"date", "timestamp without time zone", "timestamp with time zone"});
}
bool Column::is_text() const {
    return is_one_of(type, {"text", "character varying", "character"});
}

const Column* Table::find(std::string_view column) const {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const Column& each) { return each.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

const Table* Data::find(std::string_view table) const {
    const auto found =
        std::find_if(tables.begin(), tables.end(), [&](const Table& each) { return each.name == table; });
    return found == tables.end() ? nullptr : &*found;
}

base::Result<Data> read_data(postgres::Connection& connection, std::uint64_t seed) {
    PGANALYTICS_ASSIGN(const auto rows, connection.query(R"(
        select c.relname, a.attname, format_type(a.atttypid, null),
               exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey))
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        order by c.relname, a.attnum)"));
    Data data;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (data.tables.empty() || data.tables.back().name != rows.text(row, 0))
            data.tables.push_back({rows.text(row, 0), 0, {}, {}});
        data.tables.back().columns.push_back({rows.text(row, 1), rows.text(row, 2), rows.boolean(row, 3), {}, {}, {}});
    }
    for (auto& table : data.tables) PGANALYTICS_RETURN_IF_ERROR(draw_rows(connection, table, seed));
    return data;
}

base::Result<std::string> fill(std::string_view text, const Data& data, Random& random) {
    Filling filling(data, random);
    std::string filled;
    for (std::size_t at = 0; at < text.size();) {
        const auto open = text.find('{', at);
        filled += text.substr(at, open - at);
        if (open == std::string_view::npos) break;
        const auto close = text.find('}', open);
        if (close == std::string_view::npos)
            return base::Error{base::ErrorCode::fix_input, "a hole of a template is not closed", "Add the }.",
                               "template"};
        PGANALYTICS_ASSIGN(const auto value, filling.hole(text.substr(open + 1, close - open - 1)));
        filled += value;
        at = close + 1;
    }
    return filled;
}

}  // namespace pganalytics::corpus
