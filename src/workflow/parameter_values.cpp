#include "workflow/parameter_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "sql/edit.hpp"
#include "sql/walk.hpp"

namespace pganalytics::workflow {

namespace {

base::Error bad_parameter(std::string_view name, std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("Parameter \"{}\" {}", name, what),
            R"(Name it by its number or by its column, with a number, a text, true, false, null or a list: {"1": 42}.)",
            "parameters"};
}

base::Result<std::string> literal_of(const std::string& name, const nlohmann::json& value) {
    if (value.is_null()) return std::string("NULL");
    if (value.is_boolean()) return std::string(value.get<bool>() ? "true" : "false");
    if (value.is_number()) {
        const std::string text = value.dump();
        // A minus would join the operator before it.
        return text.starts_with('-') ? '(' + text + ')' : text;
    }
    if (value.is_string()) {
        const auto text = value.get<std::string>();
        if (text.find('\0') != std::string::npos) return bad_parameter(name, "holds a zero byte");
        return catalog::quote_literal(text);
    }
    if (value.is_array()) {
        std::string list;
        for (const auto& item : value) {
            if (item.is_array()) return bad_parameter(name, "is a list of lists");
            PGANALYTICS_ASSIGN(const auto text, literal_of(name, item));
            list += (list.empty() ? "" : ", ") + text;
        }
        return list.empty() ? std::string("'{}'") : "ARRAY[" + list + "]";
    }
    return bad_parameter(name, "is an object");
}

/// The parameter that each column is compared with, by the column's name; 0 where there are several.
void note_columns(const std::vector<sql::Predicate>& predicates, std::map<std::string, int>& by_column) {
    for (const auto& predicate : predicates) {
        for (const auto& branch : predicate.branches) note_columns(branch, by_column);
        if (predicate.left.kind != sql::OperandKind::column || predicate.right.kind != sql::OperandKind::parameter) {
            continue;
        }
        const auto [known, added] = by_column.emplace(predicate.left.column.column, predicate.right.parameter);
        if (!added && known->second != predicate.right.parameter) known->second = 0;
    }
}

std::map<std::string, int> parameters_by_column(std::string_view text) {
    std::map<std::string, int> by_column;
    const auto tree = sql::parse(text);
    if (!tree || tree->statement_count() != 1) return by_column;
    const auto shape = sql::analyze(*tree);
    if (!shape) return by_column;
    for (const auto& level : shape->levels) note_columns(level.predicates, by_column);
    return by_column;
}

}  // namespace

base::Result<std::map<std::string, std::string>> parameter_literals(const nlohmann::json& parameters) {
    if (!parameters.is_object()) return bad_parameter("parameters", "is no object");
    std::map<std::string, std::string> literals;
    for (const auto& [name, value] : parameters.items()) {
        if (name.empty()) return bad_parameter(name, "has no name");
        PGANALYTICS_ASSIGN(literals[name], literal_of(name, value));
    }
    return literals;
}

BoundStatement bind_parameters(std::string_view text, const std::map<std::string, std::string>& literals) {
    BoundStatement bound{std::string(text), {}, {}, 0};
    const auto tokens = sql::scan(text);
    std::set<std::string> used;
    if (tokens) {
        std::map<std::int64_t, std::pair<std::string, std::string>> by_number;  // → name, literal
        const auto columns = literals.empty() ? std::map<std::string, int>{} : parameters_by_column(text);
        for (const auto& [name, literal] : literals) {
            const std::string_view digits = name.starts_with('$') ? std::string_view(name).substr(1) : name;
            if (const auto number = base::parse_integer(digits)) {
                by_number[*number] = {name, literal};
            } else if (const auto column = columns.find(base::to_lower(name));
                       column != columns.end() && column->second > 0) {
                by_number.emplace(column->second, std::pair(name, literal));
            }
        }
        std::set<std::int64_t> open;
        std::string result;
        std::size_t copied = 0;
        for (const auto& token : *tokens) {
            if (token.kind != sql::TokenKind::parameter) continue;
            const auto number = base::parse_integer(token.text.substr(1));
            const auto value = number ? by_number.find(*number) : by_number.end();
            if (value == by_number.end()) {
                if (number) open.insert(*number);
                continue;
            }
            result.append(text.substr(copied, token.begin - copied)).append(value->second.second);
            copied = token.end;
            used.insert(value->second.first);
        }
        bound.text = result.append(text.substr(copied));
        bound.left_open = static_cast<int>(open.size());
    }
    for (const auto& [name, literal] : literals) (used.contains(name) ? bound.used : bound.unused).push_back(name);
    return bound;
}

}  // namespace pganalytics::workflow
