// Query levels: SELECT, set operations, VALUES and their clauses; what changes rows is in changes.cpp.

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "sql/analyzer.hpp"

namespace pganalytics::sql {
namespace {

std::vector<std::string> names_of(const google::protobuf::RepeatedPtrField<pg_query::Node>& nodes) {
    std::vector<std::string> names;
    for (const auto& node : nodes) names.push_back(node.string().sval());
    return names;
}

/// Column aliases replace the first names: `AS s(a, b)`.
void rename_columns(std::optional<std::vector<std::string>>& columns, const std::vector<std::string>& aliases) {
    if (aliases.empty()) return;
    if (!columns) {
        columns = aliases;
        return;
    }
    if (columns->size() < aliases.size()) columns->resize(aliases.size());
    std::copy(aliases.begin(), aliases.end(), columns->begin());
}

}  // namespace

int Analyzer::add_level(LevelKind kind, int parent, bool sees_parent) {
    QueryLevel level;
    level.kind = kind;
    level.parent = parent;
    level.sees_parent = sees_parent;
    levels_.push_back(std::move(level));
    return static_cast<int>(levels_.size()) - 1;
}

int Analyzer::statement(const pg_query::Node& node, int parent, const Scope* outer, const CteScope* ctes) {
    const bool sees = outer != nullptr;
    int level = -1;
    switch (node.node_case()) {
        case pg_query::Node::kSelectStmt:
            return select(node.select_stmt(), parent, outer, ctes);
        case pg_query::Node::kInsertStmt:
            level = add_level(LevelKind::insert, parent, sees);
            insert(level, node.insert_stmt(), outer, ctes);
            break;
        case pg_query::Node::kUpdateStmt:
            level = add_level(LevelKind::update, parent, sees);
            update(level, node.update_stmt(), outer, ctes);
            break;
        case pg_query::Node::kDeleteStmt:
            level = add_level(LevelKind::delete_, parent, sees);
            delete_rows(level, node.delete_stmt(), outer, ctes);
            break;
        case pg_query::Node::kMergeStmt:
            level = add_level(LevelKind::merge, parent, sees);
            merge(level, node.merge_stmt(), outer, ctes);
            break;
        default:
            break;
    }
    return level;
}

void Analyzer::with(int level, const pg_query::WithClause& clause, const Scope* outer, CteScope& ctes) {
    for (const auto& node : clause.ctes()) {
        const auto& expression = node.common_table_expr();
        Cte cte;
        cte.name = expression.ctename();
        const auto aliases = names_of(expression.aliascolnames());
        const bool select_body = expression.ctequery().has_select_stmt();
        if (clause.recursive() && select_body && expression.ctequery().select_stmt().op() > pg_query::SETOP_NONE) {
            // The recursive arm names the CTE itself: it enters the scope once its first arm is known.
            cte.columns = aliases.empty() ? std::nullopt : std::optional(aliases);
            ctes.ctes.push_back(cte);
            Cte& self = ctes.ctes.back();
            self.body_level = select(expression.ctequery().select_stmt(), level, outer, &ctes, &self);
            at(self.body_level).recursive = true;
        } else {
            cte.body_level = statement(expression.ctequery(), level, outer, &ctes);
            if (cte.body_level >= 0) cte.columns = output_names(cte.body_level);
            rename_columns(cte.columns, aliases);
            ctes.ctes.push_back(cte);
        }
        const int body = ctes.ctes.back().body_level;
        if (body < 0) continue;
        at(body).is_cte = true;
        at(body).cte_name = expression.ctename();
    }
}

int Analyzer::select(const pg_query::SelectStmt& from, int parent, const Scope* outer, const CteScope* ctes,
                     Cte* recursive_self) {
    const bool is_set = from.op() > pg_query::SETOP_NONE;
    const auto kind = is_set                         ? LevelKind::set_operation
                      : from.values_lists_size() > 0 ? LevelKind::values
                                                     : LevelKind::select;
    const int level = add_level(kind, parent, outer != nullptr);
    CteScope own;
    own.outer = ctes;
    if (from.has_with_clause()) {
        with(level, from.with_clause(), outer, own);
        ctes = &own;
    }
    if (is_set) {
        set_operation(level, from, outer, ctes, recursive_self);
    } else {
        plain_select(level, from, outer, ctes);
    }
    return level;
}

void Analyzer::set_operation(int level, const pg_query::SelectStmt& from, const Scope* outer, const CteScope* ctes,
                             Cte* recursive_self) {
    const int left = select(from.larg(), level, outer, ctes);
    auto& own = at(level);
    own.outputs = at(left).outputs;
    if (recursive_self != nullptr) {
        const auto aliases = recursive_self->columns;
        recursive_self->columns = output_names(level);
        rename_columns(recursive_self->columns, aliases.value_or(std::vector<std::string>{}));
        recursive_self->body_level = level;
    }
    const int right = select(from.rarg(), level, outer, ctes);
    own.arms = {left, right};
    own.set_operation = from.op() == pg_query::SETOP_UNION       ? "union"
                        : from.op() == pg_query::SETOP_INTERSECT ? "intersect"
                                                                 : "except";
    if (from.all()) own.set_operation += " all";
    const Scope scope{level, {}, outer};
    const Place place{level, &scope, ctes};
    order_by(from.sort_clause(), place);
    limit(from, place);
    own.locks_rows = from.locking_clause_size() > 0;
}

void Analyzer::plain_select(int level, const pg_query::SelectStmt& from, const Scope* outer, const CteScope* ctes) {
    Scope scope{level, {}, outer};
    const Place place{level, &scope, ctes};
    for (const auto& item : from.from_clause()) from_item(item, scope, ctes);
    auto& own = at(level);
    for (const auto& row : from.values_lists()) {
        const bool first = own.outputs.empty();
        int position = 0;
        for (const auto& item : row.list().items()) {
            OutputColumn output;
            output.name = "column" + std::to_string(++position);
            output.value = operand(item, place, false);
            if (first) own.outputs.push_back(std::move(output));
        }
    }
    outputs(from.target_list(), place);
    if (from.has_where_clause()) conjuncts(from.where_clause(), place, {}, false, own.predicates);
    group_by(from.group_clause(), place);
    if (from.has_having_clause()) conjuncts(from.having_clause(), place, {false, false, true}, false, own.predicates);
    Operand discarded;
    for (const auto& window : from.window_clause()) collect(window, place, discarded);
    own.distinct = from.distinct_clause_size() > 0;
    for (const auto& item : from.distinct_clause()) {
        if (item.node_case() != pg_query::Node::NODE_NOT_SET) own.distinct_on.push_back(operand(item, place, true));
    }
    order_by(from.sort_clause(), place);
    limit(from, place);
    own.locks_rows = from.locking_clause_size() > 0;
}

void Analyzer::outputs(const Nodes& targets, const Place& place) {
    auto& own = at(place.level);
    for (const auto& node : targets) {
        const auto& target = node.res_target();
        const auto& value = target.val();
        if (value.has_column_ref() && value.column_ref().fields_size() > 0 &&
            value.column_ref().fields().rbegin()->has_a_star()) {
            expand_star(resolve(value.column_ref(), place), place, own.outputs);
            continue;
        }
        OutputColumn output;
        output.name = output_name(target);
        output.value = operand(value, place, false);
        own.outputs.push_back(std::move(output));
    }
}

void Analyzer::group_by(const Nodes& clause, const Place& place) {
    auto& own = at(place.level);
    for (const auto& node : clause) {
        if (node.has_grouping_set()) {
            own.grouping_sets = own.grouping_sets || node.grouping_set().kind() != pg_query::GROUPING_SET_SIMPLE;
            group_by(node.grouping_set().content(), place);
            continue;
        }
        if (node.has_row_expr()) {
            group_by(node.row_expr().args(), place);
            continue;
        }
        if (node.has_a_const() && node.a_const().has_ival()) {
            const auto position = static_cast<std::size_t>(node.a_const().ival().ival());
            if (position >= 1 && position <= own.outputs.size())
                own.group_by.push_back(own.outputs[position - 1].value);
            continue;
        }
        auto key = operand(node, place, true);
        if (key.kind == OperandKind::column && !key.column.resolved() && key.column.qualifier.empty()) {
            for (const auto& output : own.outputs) {
                if (output.name == key.column.column) key = output.value;
            }
        }
        own.group_by.push_back(std::move(key));
    }
}

void Analyzer::order_by(const Nodes& clause, const Place& place) {
    auto& own = at(place.level);
    for (const auto& node : clause) {
        const auto& sort = node.sort_by();
        SortItem item;
        const OutputColumn* named = nullptr;
        if (sort.node().has_a_const() && sort.node().a_const().has_ival()) {
            const auto position = static_cast<std::size_t>(sort.node().a_const().ival().ival());
            if (position >= 1 && position <= own.outputs.size()) named = &own.outputs[position - 1];
        } else if (sort.node().has_column_ref() && sort.node().column_ref().fields_size() == 1) {
            // A bare name is an output column's before it is an input column's.
            const auto& name = sort.node().column_ref().fields(0).string().sval();
            const auto found = std::find_if(own.outputs.begin(), own.outputs.end(),
                                            [&name](const OutputColumn& output) { return output.name == name; });
            if (found != own.outputs.end()) named = &*found;
        }
        if (named != nullptr) {
            item.key = named->value;
            if (item.key.kind == OperandKind::expression && item.key.node != nullptr && item.key.text.empty()) {
                item.key.text = expression_text(*item.key.node, true).value_or("");
            }
        } else {
            item.key = operand(sort.node(), place, true);
        }
        item.descending = sort.sortby_dir() == pg_query::SORTBY_DESC;
        if (sort.sortby_dir() == pg_query::SORTBY_USING) item.using_operator = last_name(sort.use_op());
        item.nulls_written = sort.sortby_nulls() > pg_query::SORTBY_NULLS_DEFAULT;
        item.nulls_first = item.nulls_written ? sort.sortby_nulls() == pg_query::SORTBY_NULLS_FIRST : item.descending;
        own.order_by.push_back(std::move(item));
    }
}

void Analyzer::limit(const pg_query::SelectStmt& from, const Place& place) {
    auto& own = at(place.level);
    if (from.has_limit_count() && !from.limit_count().a_const().isnull()) {
        own.limit.count = operand(from.limit_count(), place, true);
    }
    if (from.has_limit_offset()) own.limit.offset = operand(from.limit_offset(), place, true);
    own.limit.with_ties = from.limit_option() == pg_query::LIMIT_OPTION_WITH_TIES;
}

}  // namespace pganalytics::sql
