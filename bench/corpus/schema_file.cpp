#include "corpus/schema_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/text.hpp"
#include "sql/parse.hpp"

namespace pganalytics::corpus {

namespace {

base::Error error_in(std::string_view file, std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("{}.sql: {}", file, what),
            "The notation is described in bench/corpus/schema_file.hpp.", "schemas"};
}

/// What follows "-- <word>: " on a line.
std::optional<std::string> directive(std::string_view line, std::string_view word) {
    const std::string start = fmt::format("-- {}:", word);
    if (!line.starts_with(start)) return std::nullopt;
    return std::string(base::trim(line.substr(start.size())));
}

std::optional<Join> parse_join(std::string_view text) {
    const auto sides = base::split(text, '=');
    if (sides.size() != 2) return std::nullopt;
    const auto child = base::split(base::trim(sides[0]), '.'), parent = base::split(base::trim(sides[1]), '.');
    if (child.size() != 2 || parent.size() != 2) return std::nullopt;
    return Join{child[0], child[1], parent[0], parent[1]};
}

std::vector<std::string> statements_of(std::string_view script) {
    std::vector<std::string> statements;
    for (const auto& part : sql::split_script(script))
        if (!base::trim(part.text).empty()) statements.emplace_back(base::trim(part.text));
    return statements;
}

bool changes_rows(std::string_view statement) {
    const auto word = base::to_lower(statement.substr(0, 6));
    return word == "update" || word == "delete" || word == "insert";
}

}  // namespace

std::vector<std::string> SchemaFile::tables_at(double scale) const {
    std::vector<std::string> scaled;
    for (std::string text : tables) {
        for (auto at = text.find("{rows "); at != std::string::npos; at = text.find("{rows ", at)) {
            const auto end = text.find('}', at);
            const auto rows = base::parse_number(text.substr(at + 6, end - at - 6)).value_or(0);
            text.replace(at, end - at + 1, fmt::format("{:.0f}", std::max(2.0, std::round(rows * scale))));
        }
        scaled.push_back(std::move(text));
    }
    return scaled;
}

base::Result<SchemaFile> parse_schema(std::string_view name, std::string_view text) {
    SchemaFile schema;
    schema.name = name;
    std::string section, tables, indexes;
    std::vector<std::pair<std::string, std::string>> templates;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (const auto found = directive(line, "section")) {
            section = *found;
        } else if (const auto joined = directive(line, "join")) {
            const auto join = parse_join(*joined);
            if (!join) return error_in(name, fmt::format("not a join: {}", *joined));
            schema.joins.push_back(*join);
        } else if (const auto named = directive(line, "template")) {
            templates.emplace_back(*named, "");
        } else if (section == "tables") {
            tables += line + "\n";
        } else if (section == "indexes") {
            indexes += line + "\n";
        } else if (section == "templates" && !templates.empty()) {
            templates.back().second += line + "\n";
        }
    }
    schema.tables = statements_of(tables);
    schema.indexes = statements_of(indexes);
    for (const auto& [title, body] : templates) {
        const auto statements = statements_of(body);
        if (statements.size() != 1) return error_in(name, fmt::format("template {} is not one statement", title));
        schema.templates.push_back({title, statements.front(), changes_rows(statements.front())});
    }
    if (schema.tables.empty()) return error_in(name, "there is no section \"tables\"");
    return schema;
}

base::Result<std::vector<SchemaFile>> read_schemas(const std::filesystem::path& folder,
                                                   const std::vector<std::string>& only) {
    std::vector<std::string> names = only;
    if (names.empty()) {
        std::error_code failure;
        for (const auto& entry : std::filesystem::directory_iterator(folder, failure))
            if (entry.path().extension() == ".sql") names.push_back(entry.path().stem().string());
        std::sort(names.begin(), names.end());
    }
    std::vector<SchemaFile> schemas;
    for (const auto& name : names) {
        std::ifstream in(folder / (name + ".sql"), std::ios::binary);
        std::ostringstream text;
        if (!in || !(text << in.rdbuf())) return error_in(name, fmt::format("not readable in {}", folder.string()));
        PGANALYTICS_ASSIGN(auto schema, parse_schema(name, text.str()));
        schemas.push_back(std::move(schema));
    }
    if (schemas.empty())
        return base::Error{base::ErrorCode::fix_input, fmt::format("there is no schema in {}", folder.string()),
                           "Name the folder bench/corpus/schemas.", "schemas"};
    return schemas;
}

}  // namespace pganalytics::corpus
