#include "sql/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "sql/analyzer.hpp"
#include "sql/large_stack.hpp"
#include "sql/messages.hpp"

namespace pganalytics::sql {
namespace {

using base::Error;
using base::ErrorCode;

/// The query inside statements that carry one.
const pg_query::Node* query_inside(const pg_query::Node& node) {
    switch (node.node_case()) {
        case pg_query::Node::kSelectStmt:
        case pg_query::Node::kInsertStmt:
        case pg_query::Node::kUpdateStmt:
        case pg_query::Node::kDeleteStmt:
        case pg_query::Node::kMergeStmt:
            return &node;
        case pg_query::Node::kExplainStmt:
            return query_inside(node.explain_stmt().query());
        case pg_query::Node::kCreateTableAsStmt:
            return query_inside(node.create_table_as_stmt().query());
        case pg_query::Node::kViewStmt:
            return query_inside(node.view_stmt().query());
        case pg_query::Node::kDeclareCursorStmt:
            return query_inside(node.declare_cursor_stmt().query());
        case pg_query::Node::kPrepareStmt:
            return query_inside(node.prepare_stmt().query());
        case pg_query::Node::kCopyStmt:
            return node.copy_stmt().has_query() ? query_inside(node.copy_stmt().query()) : nullptr;
        default:
            return nullptr;
    }
}

StatementKind kind_of_level(LevelKind kind) {
    switch (kind) {
        case LevelKind::insert:
            return StatementKind::insert;
        case LevelKind::update:
            return StatementKind::update;
        case LevelKind::delete_:
            return StatementKind::delete_;
        case LevelKind::merge:
            return StatementKind::merge;
        default:
            return StatementKind::select;
    }
}

void visit_node_messages(const google::protobuf::Message& root,
                         const std::function<bool(const pg_query::Node&)>& visit) {
    visit_messages(root, [&visit](const google::protobuf::Message& message) {
        if (message.GetDescriptor() != pg_query::Node::descriptor()) return true;
        return visit(static_cast<const pg_query::Node&>(message));
    });
}

void strip_qualifiers(google::protobuf::Message& message) {
    if (message.GetDescriptor() == pg_query::SubLink::descriptor()) return;  // its names are not this level's
    if (message.GetDescriptor() == pg_query::ColumnRef::descriptor()) {
        auto& fields = *static_cast<pg_query::ColumnRef&>(message).mutable_fields();
        if (fields.size() > 1) fields.DeleteSubrange(0, fields.size() - 1);
        return;
    }
    const auto* reflection = message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const auto* field : fields) {
        if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
        if (!field->is_repeated()) {
            strip_qualifiers(*reflection->MutableMessage(&message, field));
            continue;
        }
        for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
            strip_qualifiers(*reflection->MutableRepeatedMessage(&message, field, i));
        }
    }
}

}  // namespace

bool Predicate::is_join() const {
    return kind == PredicateKind::comparison && left.kind == OperandKind::column && right.kind == OperandKind::column &&
           left.column.resolved() && right.column.resolved() &&
           (left.column.level != right.column.level || left.column.relation != right.column.relation);
}

bool Predicate::is_column_to_value() const {
    if (negated || left.kind != OperandKind::column) return false;
    switch (kind) {
        case PredicateKind::comparison:
        case PredicateKind::any_array:
        case PredicateKind::like:
            return right.is_bound_value();
        case PredicateKind::in_list:
        case PredicateKind::between:
            return std::all_of(right.items.begin(), right.items.end(),
                               [](const Operand& item) { return item.is_bound_value(); });
        case PredicateKind::is_null:
        case PredicateKind::boolean_column:
            return true;
        default:
            return false;
    }
}

std::optional<std::int64_t> LimitClause::constant_count() const {
    if (!count || count->kind != OperandKind::constant) return std::nullopt;
    return base::parse_integer(count->text);
}

std::vector<std::pair<std::string, std::string>> Shape::base_relations() const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& level : levels) {
        for (const auto& relation : level.relations) {
            if (relation.origin != RelationOrigin::base) continue;
            const std::pair name{relation.schema, relation.name};
            if (std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
        }
    }
    return found;
}

base::Result<Shape> Analyzer::run(const pg_query::Node& node) {
    if (statement(node, -1, nullptr, nullptr) < 0) {
        return Error{ErrorCode::unsupported, "The statement is no query.", "", ""};
    }
    Shape shape;
    shape.levels.assign(std::make_move_iterator(levels_.begin()), std::make_move_iterator(levels_.end()));
    shape.kind = kind_of_level(shape.levels.front().kind);
    shape.parameter_count = parameter_count_;
    shape.has_unresolved_columns = unresolved_;
    fill_used_columns(shape);
    return shape;
}

void Analyzer::fill_used_columns(Shape& shape) const {
    std::vector<std::vector<std::set<std::string>>> used(shape.levels.size());
    for (std::size_t i = 0; i < shape.levels.size(); ++i) used[i].resize(shape.levels[i].relations.size());
    const auto note = [&used](const ColumnReference& column) {
        if (!column.has_base() || column.column == "*") return;
        used[static_cast<std::size_t>(column.base_level)][static_cast<std::size_t>(column.base_index)].insert(
            column.base_column);
    };
    for (const auto& level : shape.levels) {
        for (const auto& column : level.columns) note(column);
    }
    for (std::size_t i = 0; i < shape.levels.size(); ++i) {
        auto& level = shape.levels[i];
        for (std::size_t k = 0; k < level.relations.size(); ++k) {
            const auto& relation = level.relations[k];
            if (relation.all_columns && relation.columns && relation.origin == RelationOrigin::base) {
                used[i][k].insert(relation.columns->begin(), relation.columns->end());
            }
            level.used_columns.emplace_back(used[i][k].begin(), used[i][k].end());
        }
    }
}

base::Result<Shape> analyze(const Tree& tree, const ColumnLookup& columns_of) {
    if (tree.statement_count() != 1) {
        return Error{ErrorCode::fix_input, fmt::format("The text has {} statements.", tree.statement_count()),
                     "Give one statement.", ""};
    }
    const auto* query = query_inside(tree.statement());
    if (query == nullptr) return Error{ErrorCode::unsupported, "The statement is no query.", "", ""};
    base::Result<Shape> shape = Error{ErrorCode::internal, "The statement was not analysed.", "", ""};
    PGANALYTICS_RETURN_IF_ERROR(run_with_stack_for(count_messages(tree.message(), 2 * tokens_for_callers_stack) / 2,
                                                   [&] { shape = Analyzer(columns_of).run(*query); }));
    return shape;
}

void visit_nodes(const pg_query::ParseResult& tree, const std::function<bool(const pg_query::Node&)>& visit) {
    visit_node_messages(tree, visit);
}

void visit_nodes(const pg_query::Node& root, const std::function<bool(const pg_query::Node&)>& visit) {
    visit_node_messages(root, visit);
}

base::Result<std::string> expression_text(const pg_query::Node& expression, bool unqualified) {
    pg_query::ParseResult wrapper;
    wrapper.set_version(0);
    auto* select = wrapper.add_stmts()->mutable_stmt()->mutable_select_stmt();
    select->set_limit_option(pg_query::LIMIT_OPTION_DEFAULT);
    select->set_op(pg_query::SETOP_NONE);
    *select->add_target_list()->mutable_res_target()->mutable_val() = expression;
    if (unqualified) strip_qualifiers(*select->mutable_target_list(0));
    PGANALYTICS_ASSIGN(const std::string text, deparse(wrapper));
    constexpr std::string_view keyword = "SELECT ";
    return text.substr(std::min(text.size(), keyword.size()));
}

}  // namespace pganalytics::sql
