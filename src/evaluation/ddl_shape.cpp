#include "evaluation/ddl_shape.hpp"

#include "sql/ast.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::evaluation {

namespace {

/// "" where the deparser cannot: equal to nothing that is written.
std::string text_of(const pg_query::Node& expression) {
    return sql::expression_text(expression, true).value_or("");
}

std::string last_name(const google::protobuf::RepeatedPtrField<pg_query::Node>& names) {
    return names.empty() ? "" : names.rbegin()->string().sval();
}

std::string key_of(const pg_query::IndexElem& element) {
    return element.name().empty() ? text_of(element.expr()) : element.name();
}

DdlShape index_shape(const pg_query::IndexStmt& statement) {
    DdlShape shape;
    shape.kind = DdlKind::create_index;
    shape.table = statement.relation().relname();
    if (!statement.access_method().empty()) shape.method = statement.access_method();
    for (const auto& key : statement.index_params()) shape.keys.push_back(key_of(key.index_elem()));
    for (const auto& column : statement.index_including_params()) {
        shape.included.push_back(key_of(column.index_elem()));
    }
    if (statement.has_where_clause()) shape.predicate = text_of(statement.where_clause());
    return shape;
}

DdlShape statistics_shape(const pg_query::CreateStatsStmt& statement) {
    DdlShape shape;
    shape.kind = DdlKind::create_statistics;
    if (!statement.relations().empty()) shape.table = statement.relations(0).range_var().relname();
    for (const auto& item : statement.exprs()) {
        const auto& element = item.stats_elem();
        shape.keys.push_back(element.name().empty() ? text_of(element.expr()) : element.name());
    }
    return shape;
}

DdlShape shape_of(const pg_query::Node& statement) {
    if (statement.has_index_stmt()) return index_shape(statement.index_stmt());
    if (statement.has_create_stats_stmt()) return statistics_shape(statement.create_stats_stmt());
    DdlShape shape;
    if (statement.has_drop_stmt() && statement.drop_stmt().remove_type() == pg_query::OBJECT_INDEX) {
        shape.kind = DdlKind::drop_index;
        if (!statement.drop_stmt().objects().empty())
            shape.index = last_name(statement.drop_stmt().objects(0).list().items());
    }
    return shape;
}

}  // namespace

std::vector<DdlShape> ddl_shapes(std::string_view text) {
    std::vector<DdlShape> shapes;
    for (const auto& part : sql::split_script(text)) {
        const auto tree = sql::parse(part.text);
        if (!tree || tree->statement_count() != 1) continue;
        shapes.push_back(shape_of(tree->statement()));
    }
    return shapes;
}

}  // namespace pganalytics::evaluation
