#include "postgres/plannable_text.hpp"

#include <google/protobuf/message.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/parse.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;
using google::protobuf::Message;

// Trees deeper than this are left alone: the walks below recurse.
constexpr int deepest = 400;

void visit_nodes(Message& message, const std::function<void(pg_query::Node&)>& visit, int depth = 0) {
    if (depth > deepest * 4) return;
    if (auto* node = dynamic_cast<pg_query::Node*>(&message)) visit(*node);
    const auto* reflection = message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const auto* field : fields) {
        if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
        if (!field->is_repeated()) {
            visit_nodes(*reflection->MutableMessage(&message, field), visit, depth + 1);
            continue;
        }
        for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
            visit_nodes(*reflection->MutableRepeatedMessage(&message, field, i), visit, depth + 1);
        }
    }
}

base::Result<sql::Tree> parse_one(std::string_view text) {
    PGANALYTICS_ASSIGN(auto tree, sql::parse(text));
    if (tree.statement_count() != 1) {
        return Error{ErrorCode::fix_input,
                     "One statement can be planned at a time, not " + std::to_string(tree.statement_count()), "",
                     std::string(not_plannable)};
    }
    return tree;
}

/// The query inside a statement that wraps one; null where it is the statement itself.
const pg_query::Node* wrapped_query(const pg_query::Node& statement) {
    switch (statement.node_case()) {
        case pg_query::Node::kDeclareCursorStmt:
            return &statement.declare_cursor_stmt().query();
        case pg_query::Node::kCreateTableAsStmt:
            return &statement.create_table_as_stmt().query();
        case pg_query::Node::kExplainStmt:
            return &statement.explain_stmt().query();
        case pg_query::Node::kPrepareStmt:
            return &statement.prepare_stmt().query();
        case pg_query::Node::kCopyStmt:
            return statement.copy_stmt().has_query() ? &statement.copy_stmt().query() : nullptr;
        default:
            return nullptr;
    }
}

bool is_plannable(const pg_query::Node& statement) {
    return statement.has_select_stmt() || statement.has_insert_stmt() || statement.has_update_stmt() ||
           statement.has_delete_stmt() || statement.has_merge_stmt();
}

// ---- constants that only the grouping kept ------------------------------------------------------------------------

bool is_location(const google::protobuf::FieldDescriptor& field) {
    return field.name() == "location" || field.name() == "stmt_location" || field.name() == "stmt_len";
}

/// Whether `with_parameters` is `with_constants` with parameters in place of some constants. `replaced` counts them.
bool is_normalised_form(const Message& with_constants, const Message& with_parameters, int& replaced, int depth = 0) {
    if (with_constants.GetDescriptor() != with_parameters.GetDescriptor() || depth > deepest) return false;
    if (const auto* constant = dynamic_cast<const pg_query::Node*>(&with_constants)) {
        const auto& parameter = static_cast<const pg_query::Node&>(with_parameters);
        if (constant->has_a_const() && parameter.has_param_ref()) {
            ++replaced;
            return true;
        }
    }
    const auto* a = with_constants.GetReflection();
    const auto* descriptor = with_constants.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
        const auto* field = descriptor->field(i);
        if (is_location(*field)) continue;
        using Field = google::protobuf::FieldDescriptor;
        const auto same_scalar = [&](int at) {
            const bool repeated = at >= 0;
            switch (field->cpp_type()) {
                case Field::CPPTYPE_STRING:
                    return repeated ? a->GetRepeatedString(with_constants, field, at) ==
                                          a->GetRepeatedString(with_parameters, field, at)
                                    : a->GetString(with_constants, field) == a->GetString(with_parameters, field);
                case Field::CPPTYPE_BOOL:
                    return a->GetBool(with_constants, field) == a->GetBool(with_parameters, field);
                case Field::CPPTYPE_INT32:
                    return a->GetInt32(with_constants, field) == a->GetInt32(with_parameters, field);
                case Field::CPPTYPE_UINT32:
                    return a->GetUInt32(with_constants, field) == a->GetUInt32(with_parameters, field);
                case Field::CPPTYPE_ENUM:
                    return a->GetEnumValue(with_constants, field) == a->GetEnumValue(with_parameters, field);
                default:
                    return repeated;  // repeated numbers occur only in nodes that the raw grammar does not make
            }
        };
        if (field->is_repeated()) {
            const int size = a->FieldSize(with_constants, field);
            if (size != a->FieldSize(with_parameters, field)) return false;
            for (int at = 0; at < size; ++at) {
                const bool same =
                    field->cpp_type() == Field::CPPTYPE_MESSAGE
                        ? is_normalised_form(a->GetRepeatedMessage(with_constants, field, at),
                                             a->GetRepeatedMessage(with_parameters, field, at), replaced, depth + 1)
                        : same_scalar(at);
                if (!same) return false;
            }
        } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
            if (a->HasField(with_constants, field) != a->HasField(with_parameters, field)) return false;
            if (a->HasField(with_constants, field) &&
                !is_normalised_form(a->GetMessage(with_constants, field), a->GetMessage(with_parameters, field),
                                    replaced, depth + 1)) {
                return false;
            }
        } else if (!same_scalar(-1)) {
            return false;
        }
    }
    return true;
}

void add_keys(const google::protobuf::RepeatedPtrField<pg_query::Node>& list, std::vector<pg_query::Node>& keys) {
    for (const auto& item : list) {
        if (item.has_grouping_set()) {
            add_keys(item.grouping_set().content(), keys);
        } else if (item.has_sort_by()) {
            keys.push_back(item.sort_by().node());
        } else if (item.has_row_expr()) {
            add_keys(item.row_expr().args(), keys);
        } else if (!item.has_a_const() && item.node_case() != pg_query::Node::NODE_NOT_SET) {
            keys.push_back(item);
        }
    }
}

/// pg_stat_statements replaces a constant once: where the same expression stands in the select list and in GROUP BY,
/// ORDER BY or DISTINCT, only the first loses it. They must be the same expression again, and the literal is the truth.
bool restore_constants(pg_query::SelectStmt& select) {
    std::vector<pg_query::Node> keys;
    add_keys(select.group_clause(), keys);
    add_keys(select.distinct_clause(), keys);
    add_keys(select.sort_clause(), keys);
    bool changed = false;
    const auto restore = [&](pg_query::Node& node) {
        for (const auto& key : keys) {
            int replaced = 0;
            if (node.has_param_ref() || !is_normalised_form(key, node, replaced) || replaced == 0) continue;
            const pg_query::Node copy = key;
            node.CopyFrom(copy);
            changed = true;
            return;
        }
    };
    for (auto& target : *select.mutable_target_list()) visit_nodes(target, restore);
    if (select.has_having_clause()) visit_nodes(*select.mutable_having_clause(), restore);
    for (auto& item : *select.mutable_sort_clause()) visit_nodes(item, restore);
    for (auto& item : *select.mutable_distinct_clause()) visit_nodes(item, restore);
    for (auto& item : *select.mutable_group_clause()) visit_nodes(item, restore);
    return changed;
}

// ---- single repairs ------------------------------------------------------------------------------------------------

pg_query::Node text_cast(const pg_query::Node& parameter) {
    pg_query::Node node;
    auto& cast = *node.mutable_type_cast();
    *cast.mutable_arg() = parameter;
    cast.mutable_type_name()->add_names()->mutable_string()->set_sval("text");
    cast.mutable_type_name()->set_typemod(-1);
    return node;
}

bool is_catalog_function(const pg_query::FuncCall& call, std::string_view name) {
    return call.funcname_size() == 2 && call.funcname(0).string().sval() == "pg_catalog" &&
           call.funcname(1).string().sval() == name;
}

/// `extract($1 FROM x)` takes no parameter in SQL's syntax; as an ordinary call it does.
bool call_extract(pg_query::Node& node, int server_version) {
    if (!node.has_func_call()) return false;
    auto& call = *node.mutable_func_call();
    if (!is_catalog_function(call, "extract") || call.args_size() != 2 || !call.args(0).has_param_ref()) return false;
    *call.mutable_args(0) = text_cast(call.args(0));
    call.set_funcformat(pg_query::COERCE_EXPLICIT_CALL);
    // extract() became a function of its own with 14; before, the grammar made it date_part.
    if (server_version < 140000) call.mutable_funcname(1)->mutable_string()->set_sval("date_part");
    return true;
}

/// The parameters become $1, $2, … without gaps, in the order of their numbers.
bool renumber(Message& tree) {
    std::set<int> numbers;
    visit_nodes(tree, [&](pg_query::Node& node) {
        if (node.has_param_ref()) numbers.insert(node.param_ref().number());
    });
    if (numbers.empty() || *numbers.rbegin() == static_cast<int>(numbers.size())) return false;
    const std::vector<int> order(numbers.begin(), numbers.end());
    visit_nodes(tree, [&](pg_query::Node& node) {
        if (!node.has_param_ref()) return;
        const auto at = std::lower_bound(order.begin(), order.end(), node.param_ref().number());
        node.mutable_param_ref()->set_number(static_cast<int>(at - order.begin()) + 1);
    });
    return true;
}

// ---- DML as SELECT -------------------------------------------------------------------------------------------------

void add_target(pg_query::SelectStmt& select, const pg_query::Node& value) {
    *select.add_target_list()->mutable_res_target()->mutable_val() = value;
}

pg_query::Node relation_node(const pg_query::RangeVar& relation) {
    pg_query::Node node;
    *node.mutable_range_var() = relation;
    return node;
}

pg_query::SelectStmt plain_select() {
    pg_query::SelectStmt select;
    select.set_limit_option(pg_query::LIMIT_OPTION_DEFAULT);
    select.set_op(pg_query::SETOP_NONE);
    return select;
}

void add_one(pg_query::SelectStmt& select) {
    pg_query::Node one;
    one.mutable_a_const()->mutable_ival()->set_ival(1);
    add_target(select, one);
}

void add_returning(pg_query::SelectStmt& select, const google::protobuf::RepeatedPtrField<pg_query::Node>& returning) {
    for (const auto& item : returning) *select.add_target_list() = item;
}

pg_query::SelectStmt select_of(const pg_query::UpdateStmt& update) {
    auto select = plain_select();
    *select.add_from_clause() = relation_node(update.relation());
    select.mutable_from_clause()->MergeFrom(update.from_clause());
    if (update.has_where_clause()) *select.mutable_where_clause() = update.where_clause();
    if (update.has_with_clause()) *select.mutable_with_clause() = update.with_clause();
    add_returning(select, update.returning_list());
    // In a CTE the RETURNING list alone decides the columns; at the top the new values cost something too.
    if (select.target_list_size() == 0) {
        for (const auto& item : update.target_list()) {
            const auto& value = item.res_target().val();
            if (!value.has_multi_assign_ref() && !value.has_set_to_default()) add_target(select, value);
        }
    }
    if (select.target_list_size() == 0) add_one(select);
    return select;
}

pg_query::SelectStmt select_of(const pg_query::DeleteStmt& del) {
    auto select = plain_select();
    *select.add_from_clause() = relation_node(del.relation());
    select.mutable_from_clause()->MergeFrom(del.using_clause());
    if (del.has_where_clause()) *select.mutable_where_clause() = del.where_clause();
    if (del.has_with_clause()) *select.mutable_with_clause() = del.with_clause();
    add_returning(select, del.returning_list());
    if (select.target_list_size() == 0) add_one(select);
    return select;
}

pg_query::SelectStmt select_of(const pg_query::InsertStmt& insert) {
    pg_query::SelectStmt select;
    if (insert.has_select_stmt()) {
        select = insert.select_stmt().select_stmt();
        visit_nodes(select, [](pg_query::Node& node) {
            if (node.has_set_to_default()) node.mutable_a_const()->set_isnull(true);
        });
    } else {
        select = plain_select();
        add_one(select);
    }
    if (insert.has_with_clause()) {
        auto with = insert.with_clause();
        with.mutable_ctes()->MergeFrom(select.with_clause().ctes());
        with.set_recursive(with.recursive() || select.with_clause().recursive());
        *select.mutable_with_clause() = with;
    }
    return select;
}

pg_query::SelectStmt select_of(const pg_query::MergeStmt& merge) {
    auto select = plain_select();
    auto& join = *select.add_from_clause()->mutable_join_expr();
    join.set_jointype(pg_query::JOIN_LEFT);
    *join.mutable_larg() = merge.source_relation();
    *join.mutable_rarg() = relation_node(merge.relation());
    *join.mutable_quals() = merge.join_condition();
    if (merge.has_with_clause()) *select.mutable_with_clause() = merge.with_clause();
    add_one(select);
    return select;
}

/// Turns the node into a SELECT where it is DML. False where it cannot be one.
bool make_select(pg_query::Node& node, bool in_cte) {
    pg_query::SelectStmt select;
    switch (node.node_case()) {
        case pg_query::Node::kSelectStmt:
            return true;
        case pg_query::Node::kUpdateStmt:
            select = select_of(node.update_stmt());
            break;
        case pg_query::Node::kDeleteStmt:
            select = select_of(node.delete_stmt());
            break;
        case pg_query::Node::kMergeStmt:
            select = select_of(node.merge_stmt());
            break;
        case pg_query::Node::kInsertStmt:
            // What an INSERT returns to the rest of the statement are columns that no SELECT of its input has.
            if (in_cte && node.insert_stmt().returning_list_size() > 0) return false;
            select = select_of(node.insert_stmt());
            break;
        default:
            return false;
    }
    *node.mutable_select_stmt() = select;
    return true;
}

base::Result<EditedText> finished(const pg_query::ParseResult& message, std::vector<std::string> repairs) {
    PGANALYTICS_ASSIGN(auto text, sql::deparse(message));
    return EditedText{std::move(text), std::move(repairs)};
}

}  // namespace

int parameter_count(std::string_view text) {
    int highest = 0;
    const auto tokens = sql::scan(text);
    if (!tokens) return 0;
    for (const auto& token : *tokens) {
        if (token.kind != sql::TokenKind::parameter || token.text.size() < 2) continue;
        highest = std::max(highest, static_cast<int>(base::parse_integer(token.text.substr(1)).value_or(0)));
    }
    return highest;
}

base::Result<EditedText> deparsed(std::string_view text) {
    PGANALYTICS_ASSIGN(const auto tree, parse_one(text));
    auto message = tree.clone_message();
    auto& statement = *message->mutable_stmts(0)->mutable_stmt();
    std::vector<std::string> repairs;
    while (const auto* inner = wrapped_query(statement)) {
        const pg_query::Node copy = *inner;
        statement = copy;
        repairs.emplace_back("the query inside the statement is planned");
    }
    if (!is_plannable(statement)) {
        return Error{ErrorCode::fix_input, "Only SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES have a plan", "",
                     std::string(not_plannable)};
    }
    if (statement.has_select_stmt() && statement.select_stmt().has_into_clause()) {
        statement.mutable_select_stmt()->clear_into_clause();
        repairs.emplace_back("the query inside SELECT INTO is planned");
    }
    if (repairs.empty()) repairs.emplace_back("written in the form that takes parameters");
    return finished(*message, std::move(repairs));
}

base::Result<EditedText> repaired(std::string_view text, int server_version) {
    PGANALYTICS_ASSIGN(const auto tree, parse_one(text));
    auto message = tree.clone_message();
    bool restored = false;
    bool extracted = false;
    // Inner queries first or last makes no difference: the keys of each level are its own.
    visit_nodes(*message, [&](pg_query::Node& node) {
        if (node.has_select_stmt()) restored = restore_constants(*node.mutable_select_stmt()) || restored;
    });
    visit_nodes(*message, [&](pg_query::Node& node) { extracted = call_extract(node, server_version) || extracted; });
    std::vector<std::string> repairs;
    if (restored)
        repairs.emplace_back("a constant that GROUP BY, ORDER BY or DISTINCT kept is put back where it was lost");
    if (extracted) repairs.emplace_back("extract(… FROM …) is written as a function call");
    if (renumber(*message)) repairs.emplace_back("parameters are numbered without gaps");
    return finished(*message, std::move(repairs));
}

base::Result<EditedText> as_select(std::string_view text) {
    PGANALYTICS_ASSIGN(const auto tree, parse_one(text));
    auto message = tree.clone_message();
    const Error impossible{ErrorCode::unsupported, "There is no SELECT that finds the rows this statement writes", "",
                           ""};
    bool possible = true;
    visit_nodes(*message, [&](pg_query::Node& node) {
        if (node.has_common_table_expr() && node.common_table_expr().has_ctequery()) {
            possible = make_select(*node.mutable_common_table_expr()->mutable_ctequery(), true) && possible;
        }
    });
    auto& statement = *message->mutable_stmts(0)->mutable_stmt();
    if (!possible || !make_select(statement, false)) return impossible;
    visit_nodes(*message, [](pg_query::Node& node) {
        if (node.has_select_stmt()) node.mutable_select_stmt()->clear_locking_clause();
    });
    renumber(*message);
    return finished(*message,
                    {"planned as the SELECT that finds the same rows, because the privilege to write is missing"});
}

}  // namespace pganalytics::postgres
