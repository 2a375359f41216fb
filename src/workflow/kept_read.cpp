#include "workflow/kept_read.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/messages.hpp"
#include "sql/parse.hpp"

namespace pganalytics::workflow {

namespace {

using catalog::Relation;

/// Functions whose result depends on their arguments alone (and on settings that a session seldom changes). Whatever is
/// not here may be volatile, or of the user's own.
const std::set<std::string, std::less<>>& steady_functions() {
    static const std::set<std::string, std::less<>> names{"count",
                                                          "sum",
                                                          "avg",
                                                          "min",
                                                          "max",
                                                          "array_agg",
                                                          "string_agg",
                                                          "json_agg",
                                                          "jsonb_agg",
                                                          "bool_and",
                                                          "bool_or",
                                                          "every",
                                                          "stddev",
                                                          "stddev_pop",
                                                          "stddev_samp",
                                                          "variance",
                                                          "var_pop",
                                                          "var_samp",
                                                          "corr",
                                                          "mode",
                                                          "percentile_cont",
                                                          "rank",
                                                          "dense_rank",
                                                          "row_number",
                                                          "ntile",
                                                          "lag",
                                                          "lead",
                                                          "percentile_disc",
                                                          "first_value",
                                                          "last_value",
                                                          "lower",
                                                          "upper",
                                                          "length",
                                                          "substring",
                                                          "substr",
                                                          "btrim",
                                                          "ltrim",
                                                          "rtrim",
                                                          "replace",
                                                          "split_part",
                                                          "concat",
                                                          "concat_ws",
                                                          "left",
                                                          "right",
                                                          "round",
                                                          "trunc",
                                                          "floor",
                                                          "ceil",
                                                          "ceiling",
                                                          "abs",
                                                          "mod",
                                                          "power",
                                                          "sqrt",
                                                          "ln",
                                                          "exp",
                                                          "date_trunc",
                                                          "date_part",
                                                          "extract",
                                                          "to_char",
                                                          "unnest",
                                                          "cardinality",
                                                          "strpos",
                                                          "position",
                                                          "md5",
                                                          "array_length",
                                                          "json_build_object",
                                                          "jsonb_build_object"};
    return names;
}

/// What the types of dates read as the present.
bool is_clock_word(const std::string& constant) {
    const auto word = base::to_lower(base::trim(constant));
    return word == "now" || word == "today" || word == "tomorrow" || word == "yesterday";
}

bool is_of_another_schema(const pg_query::FuncCall& call) {
    return call.funcname_size() > 1 && call.funcname(0).string().sval() != "pg_catalog";
}

bool is_steady(const sql::Tree& tree, const sql::Shape& shape) {
    for (const auto& level : shape.levels) {
        if (level.locks_rows || level.kind == sql::LevelKind::insert || level.kind == sql::LevelKind::update ||
            level.kind == sql::LevelKind::delete_ || level.kind == sql::LevelKind::merge) {
            return false;
        }
        const bool known = std::all_of(level.functions.begin(), level.functions.end(),
                                       [](const std::string& name) { return steady_functions().contains(name); });
        if (!known) return false;
    }
    bool steady = true;
    sql::visit_nodes(tree.message(), [&](const pg_query::Node& node) {
        // CURRENT_DATE and its like; SELECT INTO; a sample.
        if (node.has_sqlvalue_function() || node.has_into_clause() || node.has_range_table_sample()) steady = false;
        if (node.has_a_const() && node.a_const().has_sval() && is_clock_word(node.a_const().sval().sval())) {
            steady = false;
        }
        if (node.has_func_call() && is_of_another_schema(node.func_call())) steady = false;
        return steady;
    });
    return steady;
}

/// `*` over JOIN … USING gives the columns that are joined once, which the list of the tables' columns does not tell.
bool merges_columns(const sql::Tree& tree) {
    bool star = false, merges = false;
    sql::visit_nodes(tree.message(), [&](const pg_query::Node& node) {
        star = star || node.has_a_star();
        merges = merges ||
                 (node.has_join_expr() && (node.join_expr().is_natural() || node.join_expr().using_clause_size() > 0));
        return true;
    });
    return star && merges;
}

/// Names that a view can have, in order; nothing where the text does not tell them.
bool name_columns(const sql::Shape& shape, KeptRead& candidate) {
    const sql::QueryLevel* level = &shape.levels.front();
    while (!level->arms.empty()) level = &shape.levels[static_cast<std::size_t>(level->arms.front())];
    // Every table has these, and no column may be called so.
    std::set<std::string> taken{"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
    for (const auto& output : level->outputs) {
        // A row without a type of its own is no column of a view.
        if (output.star || (output.value.node != nullptr && output.value.node->has_row_expr())) return false;
        const std::string base_name = output.name == "?column?" ? "value" : output.name;
        std::string name = base_name;
        for (int number = 2; !taken.insert(name).second; ++number) name = fmt::format("{}_{}", base_name, number);
        candidate.needs_column_list = candidate.needs_column_list || name != output.name;
        candidate.columns.push_back(std::move(name));
    }
    return !candidate.columns.empty();
}

bool is_same(const sql::Operand& key, const sql::Operand& output) {
    if (key.kind == sql::OperandKind::column && output.kind == sql::OperandKind::column) {
        return key.column.resolved() && key.column.level == output.column.level &&
               key.column.relation == output.column.relation && key.column.column == output.column.column;
    }
    return key.node != nullptr && output.node != nullptr &&
           sql::equal_messages_apart_from_locations(*key.node, *output.node);
}

/// The statement's ORDER BY for the view's columns.
std::string order_of(const sql::QueryLevel& level, const std::vector<std::string>& columns) {
    std::vector<std::string> items;
    for (const auto& item : level.order_by) {
        const auto output =
            std::find_if(level.outputs.begin(), level.outputs.end(),
                         [&item](const sql::OutputColumn& one) { return is_same(item.key, one.value); });
        if (output == level.outputs.end() || !item.using_operator.empty()) return "";
        const auto position = static_cast<std::size_t>(output - level.outputs.begin());
        std::string text = catalog::quote_identifier(columns[position]);
        if (item.descending) text += " DESC";
        if (item.nulls_written) text += item.nulls_first ? " NULLS FIRST" : " NULLS LAST";
        items.push_back(std::move(text));
    }
    return items.empty() ? "" : " ORDER BY " + base::join(items, ", ");
}

}  // namespace

sql::ColumnLookup columns_in(const catalog::Database& database) {
    return [&database](std::string_view schema, std::string_view name) -> std::optional<std::vector<std::string>> {
        const Relation* relation = database.find_relation(schema, name);
        if (relation == nullptr) return std::nullopt;
        std::vector<std::string> columns;
        for (const auto& column : relation->columns) columns.push_back(column.name);
        return columns;
    };
}

void add_with_partitions(const catalog::Database& database, const Relation& relation, std::set<const Relation*>& into) {
    if (!into.insert(&relation).second || relation.kind != catalog::RelationKind::partitioned_table) return;
    for (const auto& other : database.relations) {
        if (other.partition_parent == relation.oid) add_with_partitions(database, other, into);
    }
}

std::optional<KeptRead> kept_read(const ObservedText& statement, const catalog::Database& database) {
    const auto tree = sql::parse(statement.text);
    if (!tree || tree->statement_count() != 1 || sql::kind_of(*tree) != sql::StatementKind::select) return std::nullopt;
    const auto shape = sql::analyze(*tree, columns_in(database));
    // With parameters, two calls may be two questions.
    if (!shape || shape->parameter_count > 0 || !is_steady(*tree, *shape)) return std::nullopt;
    KeptRead candidate;
    candidate.query_hash = statement.query_hash;
    for (const auto& [schema, name] : shape->base_relations()) {
        const Relation* relation = database.find_relation(schema, name);
        const bool is_table = relation != nullptr && (relation->kind == catalog::RelationKind::table ||
                                                      relation->kind == catalog::RelationKind::partitioned_table);
        // A view keeps the rows that its owner sees, whoever reads it.
        if (!is_table || relation->row_security) return std::nullopt;
        add_with_partitions(database, *relation, candidate.tables);
    }
    if (candidate.tables.empty() || merges_columns(*tree) || !name_columns(*shape, candidate)) return std::nullopt;
    candidate.is_ordered = !shape->levels.front().order_by.empty();
    candidate.order = order_of(shape->levels.front(), candidate.columns);
    auto text = sql::deparse(tree->message());
    if (!text) return std::nullopt;
    candidate.text = std::move(*text);
    return candidate;
}

}  // namespace pganalytics::workflow
