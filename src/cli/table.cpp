#include "cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "base/text.hpp"

namespace pganalytics::cli {

namespace {

std::string csv_cell(const Cell& cell) {
    const auto value = nlohmann::json::parse(cell.value_json);
    if (value.is_null()) return {};
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

void print_aligned(Terminal& terminal, const Table& table) {
    auto& out = terminal.out();
    if (table.rows.empty()) {
        out << table.empty_words << '\n';
        return;
    }
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
        std::size_t width = display_width(table.columns[c].heading);
        for (const auto& row : table.rows) width = std::max(width, display_width(row[c].shown));
        if (table.columns[c].most > 0)
            width = std::min(width, std::max(table.columns[c].most, display_width(table.columns[c].heading)));
        widths.push_back(width);
    }
    const auto put = [&](std::size_t c, std::string_view text, Style style) {
        const std::string cut =
            display_width(text) > widths[c] ? base::one_line(text, widths[c] - 1) : std::string(text);
        const std::string padding(widths[c] - std::min(widths[c], display_width(cut)), ' ');
        const bool last = c + 1 == table.columns.size();
        if (table.columns[c].align == Align::right) {
            out << padding << terminal.styled(style, cut);
        } else {
            out << terminal.styled(style, cut) << (last ? "" : padding);
        }
        out << (last ? "\n" : "  ");
    };
    for (std::size_t c = 0; c < table.columns.size(); ++c) put(c, table.columns[c].heading, Style::bold);
    for (const auto& row : table.rows) {
        for (std::size_t c = 0; c < row.size(); ++c) put(c, row[c].shown, row[c].style);
    }
}

}  // namespace

base::Result<OutputFormat> parse_output_format(std::string_view name) {
    if (name == "table") return OutputFormat::table;
    if (name == "json") return OutputFormat::json;
    if (name == "csv") return OutputFormat::csv;
    return base::Error{base::ErrorCode::usage, fmt::format("There is no output format \"{}\".", name),
                       "Choose table, json or csv.", "--output"};
}

Cell text_cell(std::string_view text, Style style) {
    const std::string valid = base::to_valid_utf8(text);
    return {valid, nlohmann::json(valid).dump(), style};
}

Cell number_cell(double value, std::string shown, Style style) {
    return {std::move(shown), nlohmann::json(value).dump(), style};
}

Cell integer_cell(std::int64_t value) {
    return {fmt::format("{}", value), nlohmann::json(value).dump(), Style::plain};
}

Cell null_cell(std::string shown) {
    return {std::move(shown), "null", Style::dim};
}

void print(Terminal& terminal, const Table& table, OutputFormat format) {
    terminal.clear_progress();
    auto& out = terminal.out();
    switch (format) {
        case OutputFormat::table:
            print_aligned(terminal, table);
            break;
        case OutputFormat::json: {
            auto list = nlohmann::ordered_json::array();
            for (const auto& row : table.rows) {
                nlohmann::ordered_json object;
                for (std::size_t c = 0; c < row.size(); ++c) {
                    object[table.columns[c].field] = nlohmann::ordered_json::parse(row[c].value_json);
                }
                list.push_back(std::move(object));
            }
            out << list.dump(2) << '\n';
            break;
        }
        case OutputFormat::csv: {
            for (std::size_t c = 0; c < table.columns.size(); ++c) out << (c == 0 ? "" : ",") << table.columns[c].field;
            out << '\n';
            for (const auto& row : table.rows) {
                for (std::size_t c = 0; c < row.size(); ++c) out << (c == 0 ? "" : ",") << csv_cell(row[c]);
                out << '\n';
            }
            break;
        }
    }
    out.flush();
}

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    const std::string margin(indent, ' ');
    std::string result;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string current;
        for (std::string word; words >> word;) {
            const bool full =
                width > indent && !current.empty() && indent + display_width(current) + 1 + display_width(word) > width;
            if (full) {
                result += margin + current + '\n';
                current = word;
            } else {
                current += (current.empty() ? "" : " ") + word;
            }
        }
        result += margin + current + '\n';
    }
    return result;
}

}  // namespace pganalytics::cli
