// Which relation a name belongs to, and which base table stands behind it.

#include <algorithm>

#include "sql/analyzer.hpp"

namespace pganalytics::sql {

const Analyzer::Cte* Analyzer::CteScope::find(std::string_view name) const {
    for (const CteScope* scope = this; scope != nullptr; scope = scope->outer) {
        for (const auto& cte : scope->ctes) {
            if (cte.name == name) return &cte;
        }
    }
    return nullptr;
}

std::string last_name(const google::protobuf::RepeatedPtrField<pg_query::Node>& names) {
    return names.empty() ? "" : names.rbegin()->string().sval();
}

std::string dotted(const google::protobuf::RepeatedPtrField<pg_query::Node>& names) {
    std::string out;
    for (const auto& name : names) {
        if (!out.empty()) out += '.';
        out += name.string().sval();
    }
    return out;
}

ColumnReference Analyzer::resolve(const pg_query::ColumnRef& from, const Place& place) {
    ColumnReference reference;
    reference.location = from.location();
    for (int i = 0; i < from.fields_size(); ++i) {
        const auto& field = from.fields(i);
        const std::string name = field.has_a_star() ? "*" : field.string().sval();
        if (i + 1 == from.fields_size()) {
            reference.column = name;
        } else {
            reference.qualifier += (reference.qualifier.empty() ? "" : ".") + name;
        }
    }
    if (reference.column == "*" && reference.qualifier.empty()) return reference;
    for (const Scope* scope = place.scope; scope != nullptr; scope = scope->outer) {
        if (resolve_in(*scope, reference)) return reference;
    }
    unresolved_ = true;
    return reference;
}

bool Analyzer::resolve_in(const Scope& scope, ColumnReference& reference) {
    return reference.qualifier.empty() ? resolve_unqualified(scope, reference) : resolve_qualified(scope, reference);
}

bool Analyzer::resolve_qualified(const Scope& scope, ColumnReference& reference) {
    const auto& relations = at(scope.level).relations;
    for (const int index : scope.visible) {
        const auto& relation = relations[static_cast<std::size_t>(index)];
        const bool by_alias = relation.alias == reference.qualifier;
        const bool by_schema = relation.origin == RelationOrigin::base && relation.alias == relation.name &&
                               !relation.schema.empty() && reference.qualifier == relation.schema + "." + relation.name;
        if (!by_alias && !by_schema) continue;
        bind(reference, scope.level, index);
        return true;
    }
    const auto join = join_aliases_.find({scope.level, reference.qualifier});
    if (join == join_aliases_.end()) return false;
    return resolve_unqualified(Scope{scope.level, join->second, nullptr}, reference);
}

bool Analyzer::resolve_unqualified(const Scope& scope, ColumnReference& reference) {
    const auto& relations = at(scope.level).relations;
    std::vector<int> unknown;
    for (const int index : scope.visible) {
        const auto& relation = relations[static_cast<std::size_t>(index)];
        if (relation.origin == RelationOrigin::excluded) continue;
        // Several relations with the column are one merged column (USING, NATURAL): the first stands for it.
        if (has_column(scope.level, index, reference.column)) {
            bind(reference, scope.level, index);
            return true;
        }
        if (!relation.columns) unknown.push_back(index);
    }
    // The name of a relation alone is its whole row (or, for a function, its only column).
    for (const int index : scope.visible) {
        auto& relation = relation_at(scope.level, index);
        if (relation.alias != reference.column) continue;
        if (relation.origin != RelationOrigin::function) relation.all_columns = true;
        reference.level = scope.level;
        reference.relation = index;
        return true;
    }
    if (unknown.size() != 1) return false;
    // One relation's columns are not known. An outer relation that is known to have the name leaves it open.
    for (const Scope* outer = scope.outer; outer != nullptr; outer = outer->outer) {
        const auto claims = [&](int index) { return has_column(outer->level, index, reference.column); };
        if (std::any_of(outer->visible.begin(), outer->visible.end(), claims)) return false;
    }
    bind(reference, scope.level, unknown.front());
    return true;
}

bool Analyzer::has_column(int level, int relation, std::string_view name) const {
    const auto& columns = relation_at(level, relation).columns;
    return columns && std::find(columns->begin(), columns->end(), name) != columns->end();
}

void Analyzer::bind(ColumnReference& reference, int level, int index) const {
    reference.level = level;
    reference.relation = index;
    const auto& relation = relation_at(level, index);
    if (reference.column == "*") return;
    if (relation.origin == RelationOrigin::base || relation.origin == RelationOrigin::excluded) {
        reference.base_column = reference.column;
        if (const auto real = real_columns_.find({level, index}); real != real_columns_.end()) {
            const auto at = std::find(relation.columns->begin(), relation.columns->end(), reference.column);
            const auto position = static_cast<std::size_t>(at - relation.columns->begin());
            if (position >= real->second.size()) return;
            reference.base_column = real->second[position];
        }
        reference.base_schema = relation.schema;
        reference.base_relation = relation.name;
        reference.base_level = level;
        reference.base_index = index;
        return;
    }
    if (relation.body_level < 0 || !relation.columns) return;
    const auto& body = at(relation.body_level);
    // What a set operation gives comes from several places.
    if (body.kind == LevelKind::set_operation) return;
    const auto at = std::find(relation.columns->begin(), relation.columns->end(), reference.column);
    const auto position = static_cast<std::size_t>(at - relation.columns->begin());
    if (at == relation.columns->end() || position >= body.outputs.size()) return;
    const auto& value = body.outputs[position].value;
    if (value.kind != OperandKind::column || !value.column.has_base()) return;
    reference.base_schema = value.column.base_schema;
    reference.base_relation = value.column.base_relation;
    reference.base_column = value.column.base_column;
    reference.base_level = value.column.base_level;
    reference.base_index = value.column.base_index;
}

std::optional<std::vector<std::string>> Analyzer::output_names(int level) const {
    std::vector<std::string> names;
    for (const auto& output : at(level).outputs) {
        if (output.star) return std::nullopt;
        names.push_back(output.name);
    }
    return names;
}

void Analyzer::expand_star(const ColumnReference& star, const Place& place, std::vector<OutputColumn>& out) {
    const int level = star.resolved() ? star.level : place.scope->level;
    const auto indexes = star.resolved() ? std::vector<int>{star.relation} : place.scope->visible;
    auto& relations = at(level).relations;
    for (const int index : indexes) {
        auto& relation = relations[static_cast<std::size_t>(index)];
        if (relation.origin == RelationOrigin::excluded) continue;
        relation.all_columns = true;
        if (!relation.columns) {
            OutputColumn output;
            output.name = "*";
            output.star = true;
            out.push_back(std::move(output));
            continue;
        }
        for (const auto& name : *relation.columns) {
            OutputColumn output;
            output.name = name;
            output.value.kind = OperandKind::column;
            output.value.column.qualifier = relation.alias;
            output.value.column.column = name;
            output.value.column.location = star.location;
            bind(output.value.column, level, index);
            output.value.columns = {output.value.column};
            out.push_back(std::move(output));
        }
    }
}

}  // namespace pganalytics::sql
