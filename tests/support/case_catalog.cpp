#include "support/case_catalog.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/parse.hpp"

namespace pganalytics::test_support {
namespace {

std::vector<std::string> names(const google::protobuf::RepeatedPtrField<pg_query::Node>& nodes) {
    std::vector<std::string> result;
    for (const auto& node : nodes) result.push_back(node.string().sval());
    return result;
}

void add_key(catalog::Relation& relation, std::vector<std::string> columns, bool primary) {
    catalog::Index index;
    index.schema = relation.schema;
    index.name = relation.name + "_" + base::join(columns, "_") + (primary ? "_pkey" : "_key");
    index.method = "btree";
    index.unique = true;
    index.primary = primary;
    for (const auto& name : columns) {
        auto column = std::find_if(relation.columns.begin(), relation.columns.end(),
                                   [&name](const catalog::Column& candidate) { return candidate.name == name; });
        if (column == relation.columns.end()) throw std::runtime_error("no column " + name);
        if (primary) column->not_null = true;
        catalog::IndexKey key;
        key.column_number = column->number;
        key.column = name;
        index.keys.push_back(key);
    }
    relation.indexes.push_back(std::move(index));
    relation.unique_keys.push_back(std::move(columns));
}

void add_constraint(catalog::Relation& relation, const pg_query::Constraint& constraint, const std::string& column) {
    auto columns = column.empty() ? names(constraint.keys()) : std::vector<std::string>{column};
    switch (constraint.contype()) {
        case pg_query::CONSTR_PRIMARY:
        case pg_query::CONSTR_UNIQUE:
            add_key(relation, std::move(columns), constraint.contype() == pg_query::CONSTR_PRIMARY);
            break;
        case pg_query::CONSTR_NOTNULL:
            relation.columns.back().not_null = true;
            break;
        default:
            throw std::runtime_error("a constraint that case catalogs do not know, in " + relation.name);
    }
}

catalog::Column column_of(const pg_query::ColumnDef& definition, int number, const std::set<std::string>& enums) {
    catalog::Column column;
    column.number = number;
    column.name = definition.colname();
    column.base_type = definition.type_name().names().rbegin()->string().sval();
    column.type = column.base_type;
    column.type_category = enums.contains(column.base_type) ? "E" : "U";
    if (definition.type_name().array_bounds_size() > 0) {
        column.base_type = "_" + column.base_type;
        column.type += "[]";
        column.type_category = "A";
    }
    return column;
}

catalog::Relation relation_of(const std::string& line, const std::set<std::string>& enums) {
    const auto tree = sql::parse("CREATE TABLE " + line);
    if (!tree) throw std::runtime_error("schema: " + tree.error().to_string() + " in: " + line);
    const auto& create = tree->statement().create_stmt();
    catalog::Relation relation;
    relation.schema = create.relation().schemaname().empty() ? "public" : create.relation().schemaname();
    relation.name = create.relation().relname();
    for (const auto& element : create.table_elts()) {
        if (element.has_constraint()) {
            add_constraint(relation, element.constraint(), "");
            continue;
        }
        relation.columns.push_back(
            column_of(element.column_def(), static_cast<int>(relation.columns.size()) + 1, enums));
        for (const auto& constraint : element.column_def().constraints()) {
            add_constraint(relation, constraint.constraint(), element.column_def().colname());
        }
    }
    return relation;
}

}  // namespace

catalog::Database catalog_of(std::string_view schema) {
    catalog::Database database;
    database.name = "shop";
    database.version.number = 150018;
    database.search_path = {"public"};
    std::set<std::string> enums;
    for (const auto& raw : base::split(schema, '\n')) {
        const std::string line(base::trim(raw));
        if (line.empty()) continue;
        if (line.starts_with("enum ")) {
            enums.insert(line.substr(5));
        } else {
            database.relations.push_back(relation_of(line, enums));
        }
    }
    return database;
}

}  // namespace pganalytics::test_support
