#include "parameters/batch_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/walk.hpp"

namespace pganalytics::parameters {

namespace {

using sql::Token;
using sql::TokenKind;

constexpr int example_rows = 3;

base::Error refuse(std::string reason) {
    return {base::ErrorCode::unsupported, std::move(reason), "", ""};
}

/// The token with this word outside all parentheses; tokens.size() where there is none.
std::size_t find_word(const std::vector<Token>& tokens, std::string_view word, std::size_t from = 0) {
    int depth = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].text == "(") ++depth;
        if (tokens[i].text == ")") --depth;
        if (i >= from && depth == 0 && tokens[i].kind != TokenKind::comment && base::to_lower(tokens[i].text) == word) {
            return i;
        }
    }
    return tokens.size();
}

int parameter_number(const Token& token) {
    if (token.kind != TokenKind::parameter) return 0;
    return static_cast<int>(base::parse_integer(token.text.substr(1)).value_or(0));
}

/// The row's text with its parameters moved up.
std::string copy_of_row(const std::string& text, const std::vector<Token>& tokens,
                        std::pair<std::size_t, std::size_t> span, const std::map<int, int>& numbers) {
    std::string copy;
    std::size_t at = span.first;
    for (const auto& token : tokens) {
        if (token.begin < span.first || token.end > span.second) continue;
        const auto moved = numbers.find(parameter_number(token));
        if (moved == numbers.end()) continue;
        copy += text.substr(at, token.begin - at) + fmt::format("${}", moved->second);
        at = token.end;
    }
    return copy + text.substr(at, span.second - at);
}

base::Result<BatchText> batch_insert(const sql::Tree& tree) {
    const auto& insert = tree.statement().insert_stmt();
    const auto& values = insert.select_stmt().select_stmt().values_lists();
    if (values.size() == 0) return refuse("it inserts what a query gives, or defaults");
    if (values.size() > 1) return refuse("it inserts several rows already");
    if (!insert.returning_list().empty()) return refuse("the application waits for what RETURNING gives for each row");
    if (insert.has_with_clause()) return refuse("it has a WITH clause");
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(tree.text()));
    const auto at = find_word(tokens, "values");
    if (at == tokens.size()) return refuse("its VALUES could not be found in the text");
    PGANALYTICS_ASSIGN(const auto span, sql::balanced_span(tokens, tokens[at].end));
    int highest = 0;
    std::set<int> in_row;
    for (const auto& token : tokens) {
        const int number = parameter_number(token);
        highest = std::max(highest, number);
        if (number > 0 && token.begin >= span.first && token.end <= span.second) in_row.insert(number);
    }
    std::string more;
    for (int row = 1; row < example_rows; ++row) {
        std::map<int, int> numbers;
        for (const int number : in_row) numbers[number] = ++highest;
        more += ", " + copy_of_row(tree.text(), tokens, span, numbers);
    }
    BatchText batch{tree.text().substr(0, span.second) + more + tree.text().substr(span.second), false};
    PGANALYTICS_ASSIGN(const auto parsed, sql::parse(batch.text));
    const auto& rows = parsed.statement().insert_stmt().select_stmt().select_stmt().values_lists();
    if (rows.size() != example_rows) return refuse("its many-row form does not parse to the rows meant");
    return batch;
}

/// Array element types of the parameters, from the columns that they are compared with or assigned to.
std::map<int, std::string> parameter_types(const sql::Tree& tree, const sql::Shape& shape,
                                           const catalog::Relation& relation) {
    std::map<int, std::string> types;
    const auto note = [&](int number, std::string_view column) {
        const auto* found = relation.find_column(column);
        if (number > 0 && found != nullptr && !types.contains(number)) types[number] = found->type;
    };
    if (tree.statement().has_update_stmt()) {
        for (const auto& target : tree.statement().update_stmt().target_list()) {
            const auto& name = target.res_target().name();
            sql::visit_nodes(target, [&](const pg_query::Node& node) {
                if (node.has_param_ref()) note(node.param_ref().number(), name);
                return true;
            });
        }
    }
    for (const auto& predicate : shape.levels.front().predicates) {
        if (predicate.kind != sql::PredicateKind::comparison || predicate.left.kind != sql::OperandKind::column)
            continue;
        if (predicate.right.kind == sql::OperandKind::parameter) {
            note(predicate.right.parameter, predicate.left.column.column);
        }
    }
    return types;
}

base::Result<BatchText> batch_by_arrays(const sql::Tree& tree, const catalog::Database& database) {
    const bool update = tree.statement().has_update_stmt();
    const auto shape = sql::analyze(tree);
    if (!shape || shape->levels.size() != 1) return refuse("it has subqueries");
    const auto& top = shape->levels.front();
    if (top.relations.size() != 1) return refuse("it joins other tables");
    if (!top.outputs.empty()) return refuse("the application waits for what RETURNING gives for each row");
    const auto* relation = database.find_relation(top.relations.front().schema, top.relations.front().name);
    if (relation == nullptr) return refuse("the catalog does not know its table");
    const bool by_key = std::any_of(top.predicates.begin(), top.predicates.end(), [](const auto& predicate) {
        return predicate.kind == sql::PredicateKind::comparison && predicate.op == "=" &&
               predicate.right.kind == sql::OperandKind::parameter;
    });
    if (!by_key) return refuse("it finds its row by no equality with a parameter");
    const auto types = parameter_types(tree, *shape, *relation);
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(tree.text()));
    const auto where = find_word(tokens, "where");
    if (where == tokens.size()) return refuse("it has no WHERE");
    const auto& text = tree.text();
    std::set<int> numbers;
    std::string before, after;
    std::size_t at = 0;
    for (const auto& token : tokens) {
        const int number = parameter_number(token);
        if (number <= 0) continue;
        if (!types.contains(number)) return refuse(fmt::format("the type of ${} is open", number));
        numbers.insert(number);
        auto& part = token.begin < tokens[where].begin ? before : after;
        if (token.begin > tokens[where].begin && at < tokens[where].begin) {
            before += text.substr(at, tokens[where].begin - at);
            at = tokens[where].begin;
        }
        part += text.substr(at, token.begin - at) + fmt::format("batch.p{}", number);
        at = token.end;
    }
    after += text.substr(at);
    std::vector<std::string> arrays, names;
    for (const int number : numbers) {
        arrays.push_back(fmt::format("${}::{}[]", number, types.at(number)));
        names.push_back(fmt::format("p{}", number));
    }
    BatchText batch{fmt::format("{}{} unnest({}) AS batch ({}) {}", before, update ? "FROM" : "USING",
                                base::join(arrays, ", "), base::join(names, ", "), after),
                    true};
    PGANALYTICS_ASSIGN(const auto parsed, sql::parse(batch.text));
    if (parsed.statement_count() != 1) return refuse("its many-row form does not parse");
    return batch;
}

}  // namespace

base::Result<BatchText> batch_text(const sql::Tree& tree, const catalog::Database& database) {
    if (tree.statement_count() != 1) return refuse("it is not one statement");
    const auto& statement = tree.statement();
    if (statement.has_insert_stmt()) return batch_insert(tree);
    if (statement.has_update_stmt() || statement.has_delete_stmt()) return batch_by_arrays(tree, database);
    return refuse("it writes no row");
}

}  // namespace pganalytics::parameters
