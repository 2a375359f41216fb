// INSERT, UPDATE, DELETE and MERGE.

#include <utility>

#include "sql/analyzer.hpp"

namespace pganalytics::sql {

template <typename Statement>
Analyzer::Change Analyzer::begin_change(int level, const Statement& from, const Scope* outer, const CteScope* ctes) {
    Change change{{{}, ctes}, {level, {}, nullptr}};
    if (from.has_with_clause()) with(level, from.with_clause(), outer, change.ctes);
    const int target = range_variable(from.relation(), level, nullptr);
    relation_at(level, target).target = true;
    change.scope.visible.push_back(target);
    return change;
}

void Analyzer::assignments(const Nodes& targets, const Place& place) {
    for (const auto& node : targets) {
        const auto& target = node.res_target();
        at(place.level).assigned_columns.push_back(target.name());
        Operand discarded;
        for (const auto& subscript : target.indirection()) collect(subscript, place, discarded);
        // (a, b) = (SELECT …) repeats its source for each column; the first stands for all.
        if (target.val().has_multi_assign_ref()) {
            if (target.val().multi_assign_ref().colno() == 1) {
                collect(target.val().multi_assign_ref().source(), place, discarded);
            }
        } else if (target.has_val()) {
            collect(target.val(), place, discarded);
        }
    }
}

void Analyzer::insert(int level, const pg_query::InsertStmt& from, const Scope* outer, const CteScope* ctes) {
    Change change = begin_change(level, from, outer, ctes);
    const Place place = change.place();
    for (const auto& column : from.cols()) {
        at(level).assigned_columns.push_back(column.res_target().name());
    }
    if (from.has_select_stmt()) statement(from.select_stmt(), level, outer, &change.ctes);
    if (from.has_on_conflict_clause()) {
        RelationReference excluded = at(level).relations.front();
        excluded.origin = RelationOrigin::excluded;
        excluded.alias = "excluded";
        excluded.target = false;
        Scope with_excluded = change.scope;
        with_excluded.visible.push_back(add_relation(level, std::move(excluded)));
        on_conflict(from.on_conflict_clause(), Place{level, &with_excluded, &change.ctes});
    }
    outputs(from.returning_list(), place);
}

void Analyzer::on_conflict(const pg_query::OnConflictClause& clause, const Place& place) {
    at(place.level).has_on_conflict = true;
    Operand discarded;
    for (const auto& element : clause.infer().index_elems()) {
        if (element.index_elem().has_expr()) collect(element.index_elem().expr(), place, discarded);
    }
    if (clause.infer().has_where_clause()) collect(clause.infer().where_clause(), place, discarded);
    if (clause.has_where_clause()) collect(clause.where_clause(), place, discarded);
    assignments(clause.target_list(), place);
}

void Analyzer::update(int level, const pg_query::UpdateStmt& from, const Scope* outer, const CteScope* ctes) {
    Change change = begin_change(level, from, outer, ctes);
    for (const auto& item : from.from_clause()) from_item(item, change.scope, &change.ctes);
    const Place place = change.place();
    assignments(from.target_list(), place);
    if (from.has_where_clause()) {
        conjuncts(from.where_clause(), place, {}, false, at(level).predicates);
    }
    outputs(from.returning_list(), place);
}

void Analyzer::delete_rows(int level, const pg_query::DeleteStmt& from, const Scope* outer, const CteScope* ctes) {
    Change change = begin_change(level, from, outer, ctes);
    for (const auto& item : from.using_clause()) from_item(item, change.scope, &change.ctes);
    const Place place = change.place();
    if (from.has_where_clause()) {
        conjuncts(from.where_clause(), place, {}, false, at(level).predicates);
    }
    outputs(from.returning_list(), place);
}

void Analyzer::merge(int level, const pg_query::MergeStmt& from, const Scope* outer, const CteScope* ctes) {
    Change change = begin_change(level, from, outer, ctes);
    from_item(from.source_relation(), change.scope, &change.ctes);
    const Place place = change.place();
    conjuncts(from.join_condition(), place, {true, false, false}, false, at(level).predicates);
    for (const auto& node : from.merge_when_clauses()) {
        const auto& when = node.merge_when_clause();
        Operand discarded;
        if (when.has_condition()) collect(when.condition(), place, discarded);
        assignments(when.target_list(), place);
        for (const auto& value : when.values()) collect(value, place, discarded);
    }
}

}  // namespace pganalytics::sql
