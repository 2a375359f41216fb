// FROM clauses: relations, joins, subqueries, functions.

#include <algorithm>
#include <utility>

#include "sql/analyzer.hpp"

namespace pganalytics::sql {
namespace {

std::vector<std::string> column_aliases(const pg_query::Alias& alias) {
    std::vector<std::string> names;
    for (const auto& node : alias.colnames()) names.push_back(node.string().sval());
    return names;
}

void rename(RelationReference& relation, const pg_query::Alias& alias) {
    if (!alias.aliasname().empty()) relation.alias = alias.aliasname();
    const auto names = column_aliases(alias);
    if (names.empty()) return;
    if (!relation.columns) {
        relation.columns = names;
        return;
    }
    if (relation.columns->size() < names.size()) relation.columns->resize(names.size());
    std::copy(names.begin(), names.end(), relation.columns->begin());
}

}  // namespace

int Analyzer::add_relation(int level, RelationReference relation) {
    auto& relations = at(level).relations;
    relations.push_back(std::move(relation));
    return static_cast<int>(relations.size()) - 1;
}

std::vector<int> Analyzer::from_item(const pg_query::Node& item, Scope& scope, const CteScope* ctes) {
    int index = -1;
    switch (item.node_case()) {
        case pg_query::Node::kJoinExpr:
            return join(item.join_expr(), scope, ctes);
        case pg_query::Node::kRangeVar:
            index = range_variable(item.range_var(), scope.level, ctes);
            break;
        case pg_query::Node::kRangeSubselect:
            index = range_subselect(item.range_subselect(), scope, ctes);
            break;
        case pg_query::Node::kRangeFunction:
            index = range_function(item.range_function(), scope, ctes);
            break;
        case pg_query::Node::kRangeTableSample: {
            const auto indexes = from_item(item.range_table_sample().relation(), scope, ctes);
            Operand discarded;
            for (const auto& argument : item.range_table_sample().args()) {
                collect(argument, Place{scope.level, &scope, ctes}, discarded);
            }
            return indexes;
        }
        default: {
            // XMLTABLE, and what newer grammars add: a relation whose columns are not known.
            RelationReference relation;
            relation.origin = RelationOrigin::function;
            if (item.has_range_table_func()) {
                Operand discarded;
                collect(item, Place{scope.level, &scope, ctes}, discarded);
                rename(relation, item.range_table_func().alias());
            }
            index = add_relation(scope.level, std::move(relation));
        }
    }
    scope.visible.push_back(index);
    return {index};
}

int Analyzer::range_variable(const pg_query::RangeVar& variable, int level, const CteScope* ctes) {
    RelationReference relation;
    relation.name = variable.relname();
    relation.schema = variable.schemaname();
    relation.alias = relation.name;
    relation.location = variable.location();
    const Cte* cte = ctes != nullptr && relation.schema.empty() ? ctes->find(relation.name) : nullptr;
    if (cte != nullptr) {
        relation.origin = RelationOrigin::cte;
        relation.body_level = cte->body_level;
        relation.columns = cte->columns;
    } else if (columns_of_) {
        relation.columns = columns_of_(relation.schema, relation.name);
    }
    auto real_names = relation.columns;
    rename(relation, variable.alias());
    const int index = add_relation(level, std::move(relation));
    if (variable.alias().colnames_size() > 0)
        real_columns_[{level, index}] = std::move(real_names).value_or(std::vector<std::string>{});
    return index;
}

int Analyzer::range_subselect(const pg_query::RangeSubselect& item, Scope& scope, const CteScope* ctes) {
    RelationReference relation;
    relation.origin = RelationOrigin::subquery;
    relation.lateral = item.lateral();
    relation.body_level = statement(item.subquery(), scope.level, item.lateral() ? &scope : scope.outer, ctes);
    if (relation.body_level >= 0) {
        relation.columns = output_names(relation.body_level);
        if (at(relation.body_level).kind == LevelKind::values) {
            relation.origin = RelationOrigin::values;
        }
    }
    rename(relation, item.alias());
    return add_relation(scope.level, std::move(relation));
}

int Analyzer::range_function(const pg_query::RangeFunction& item, Scope& scope, const CteScope* ctes) {
    RelationReference relation;
    relation.origin = RelationOrigin::function;
    relation.lateral = item.lateral();
    Operand discarded;
    for (const auto& function : item.functions()) {
        collect(function, Place{scope.level, &scope, ctes}, discarded);
        for (const auto& part : function.list().items()) {
            if (part.has_func_call() && relation.alias.empty()) {
                relation.alias = last_name(part.func_call().funcname());
            }
        }
    }
    if (item.coldeflist_size() > 0) {
        relation.columns.emplace();
        for (const auto& column : item.coldeflist()) relation.columns->push_back(column.column_def().colname());
    }
    rename(relation, item.alias());
    return add_relation(scope.level, std::move(relation));
}

std::vector<int> Analyzer::join(const pg_query::JoinExpr& from, Scope& scope, const CteScope* ctes) {
    const auto left = from_item(from.larg(), scope, ctes);
    const auto right = from_item(from.rarg(), scope, ctes);
    auto& level = at(scope.level);
    const auto mark_nullable = [&level](const std::vector<int>& indexes) {
        for (const int index : indexes) level.relations[static_cast<std::size_t>(index)].nullable = true;
    };
    if (from.jointype() == pg_query::JOIN_LEFT || from.jointype() == pg_query::JOIN_FULL) mark_nullable(right);
    if (from.jointype() == pg_query::JOIN_RIGHT || from.jointype() == pg_query::JOIN_FULL) mark_nullable(left);

    std::vector<int> both = left;
    both.insert(both.end(), right.begin(), right.end());
    const Condition condition{true, from.jointype() != pg_query::JOIN_INNER, false};
    if (from.has_quals()) {
        // ON sees the two sides of its join only.
        const Scope sides{scope.level, both, scope.outer};
        conjuncts(from.quals(), Place{scope.level, &sides, ctes}, condition, false, level.predicates);
    }
    if (from.is_natural()) {
        join_using(shared_columns(scope.level, left, right), left, right, condition, scope.level);
    } else if (from.using_clause_size() > 0) {
        std::vector<std::string> columns;
        for (const auto& node : from.using_clause()) columns.push_back(node.string().sval());
        join_using(columns, left, right, condition, scope.level);
    }
    if (!from.alias().aliasname().empty()) join_aliases_[{scope.level, from.alias().aliasname()}] = both;
    return both;
}

std::vector<std::string> Analyzer::shared_columns(int level, const std::vector<int>& left,
                                                  const std::vector<int>& right) const {
    std::vector<std::string> shared;
    for (const int index : left) {
        const auto& columns = relation_at(level, index).columns;
        if (!columns) continue;
        for (const auto& name : *columns) {
            const bool on_the_right =
                std::any_of(right.begin(), right.end(), [&](int other) { return has_column(level, other, name); });
            if (on_the_right && std::find(shared.begin(), shared.end(), name) == shared.end()) shared.push_back(name);
        }
    }
    return shared;
}

void Analyzer::join_using(const std::vector<std::string>& columns, const std::vector<int>& left,
                          const std::vector<int>& right, const Condition& condition, int level) {
    auto& own = at(level);
    for (const auto& name : columns) {
        Predicate predicate;
        predicate.kind = PredicateKind::comparison;
        predicate.op = "=";
        predicate.in_on_clause = true;
        predicate.in_outer_join = condition.in_outer_join;
        const auto side = [&](const std::vector<int>& indexes, Operand& operand) {
            operand.kind = OperandKind::column;
            operand.column.column = name;
            if (!resolve_unqualified(Scope{level, indexes, nullptr}, operand.column)) unresolved_ = true;
            operand.columns = {operand.column};
            own.columns.push_back(operand.column);
        };
        side(left, predicate.left);
        side(right, predicate.right);
        own.predicates.push_back(std::move(predicate));
    }
}

}  // namespace pganalytics::sql
