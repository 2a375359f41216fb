#pragma once
// Tabular results as an aligned table, JSON or CSV. The JSON keeps the field names of the API; the table shows the same
// columns under readable headings.

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/terminal.hpp"

namespace pganalytics::cli {

enum class OutputFormat { table, json, csv };
[[nodiscard]] base::Result<OutputFormat> parse_output_format(std::string_view name);

enum class Align { left, right };

struct Column {
    std::string heading;  ///< of the table
    std::string field;    ///< of JSON and CSV
    Align align = Align::left;
    std::size_t most = 0;  ///< longest cell in the table, in characters; 0 has no bound
};

/// What a cell shows and what it is: `shown` for people, `value` (JSON text) for programs.
struct Cell {
    std::string shown;
    std::string value_json;
    Style style = Style::plain;
};
[[nodiscard]] Cell text_cell(std::string_view text, Style style = Style::plain);
[[nodiscard]] Cell number_cell(double value, std::string shown, Style style = Style::plain);
[[nodiscard]] Cell integer_cell(std::int64_t value);
[[nodiscard]] Cell null_cell(std::string shown = "–");

struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;
    std::string empty_words;  ///< the table's words when it has no row
};

void print(Terminal& terminal, const Table& table, OutputFormat format);

/// Number of terminal columns a UTF-8 text takes (code points; combining and wide ones are not told apart).
[[nodiscard]] std::size_t display_width(std::string_view text);
/// Wraps at blanks to `width`, each line after `indent` blanks; `width` 0 does not wrap.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace pganalytics::cli
