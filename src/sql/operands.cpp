// Expressions: constants, parameters, columns, and whatever is inside the rest.

#include <algorithm>
#include <array>

#include "sql/analyzer.hpp"
#include "sql/messages.hpp"

namespace pganalytics::sql {
namespace {

/// PostgreSQL's own aggregates (pg_aggregate of versions 13 to 18), sorted.
constexpr std::array<std::string_view, 54> aggregates = {"any_value",
                                                         "array_agg",
                                                         "avg",
                                                         "bit_and",
                                                         "bit_or",
                                                         "bit_xor",
                                                         "bool_and",
                                                         "bool_or",
                                                         "corr",
                                                         "count",
                                                         "covar_pop",
                                                         "covar_samp",
                                                         "cume_dist",
                                                         "dense_rank",
                                                         "every",
                                                         "json_agg",
                                                         "json_agg_strict",
                                                         "json_arrayagg",
                                                         "json_object_agg",
                                                         "json_object_agg_strict",
                                                         "json_object_agg_unique",
                                                         "json_object_agg_unique_strict",
                                                         "json_objectagg",
                                                         "jsonb_agg",
                                                         "jsonb_agg_strict",
                                                         "jsonb_object_agg",
                                                         "jsonb_object_agg_strict",
                                                         "jsonb_object_agg_unique",
                                                         "jsonb_object_agg_unique_strict",
                                                         "max",
                                                         "min",
                                                         "mode",
                                                         "percent_rank",
                                                         "percentile_cont",
                                                         "percentile_disc",
                                                         "range_agg",
                                                         "range_intersect_agg",
                                                         "rank",
                                                         "regr_avgx",
                                                         "regr_avgy",
                                                         "regr_count",
                                                         "regr_intercept",
                                                         "regr_r2",
                                                         "regr_slope",
                                                         "regr_sxx",
                                                         "regr_sxy",
                                                         "regr_syy",
                                                         "stddev",
                                                         "stddev_pop",
                                                         "stddev_samp",
                                                         "string_agg",
                                                         "sum",
                                                         "var_pop",
                                                         "var_samp"};

bool is_aggregate(const pg_query::FuncCall& call, const std::string& name) {
    return std::binary_search(aggregates.begin(), aggregates.end(), name) || name == "variance" || name == "xmlagg" ||
           call.agg_star() || call.agg_distinct() || call.agg_within_group() || call.has_agg_filter() ||
           call.agg_order_size() > 0;
}

std::string type_text(const pg_query::TypeName& type) {
    std::string name = dotted(type.names());
    for (int i = 0; i < type.array_bounds_size(); ++i) name += "[]";
    return name;
}

}  // namespace

void Analyzer::constant(const pg_query::A_Const& from, Operand& to) const {
    to.kind = from.isnull() ? OperandKind::null_constant : OperandKind::constant;
    switch (from.val_case()) {
        case pg_query::A_Const::kIval:
            to.constant_type = "integer";
            to.text = std::to_string(from.ival().ival());
            break;
        case pg_query::A_Const::kFval:
            to.constant_type = "float";
            to.text = from.fval().fval();
            break;
        case pg_query::A_Const::kBoolval:
            to.constant_type = "boolean";
            to.text = from.boolval().boolval() ? "true" : "false";
            break;
        case pg_query::A_Const::kSval:
            to.constant_type = "string";
            to.text = from.sval().sval();
            break;
        case pg_query::A_Const::kBsval:
            to.constant_type = "bitstring";
            to.text = from.bsval().bsval();
            break;
        case pg_query::A_Const::VAL_NOT_SET:
            break;
    }
}

/// A constant or parameter under casts.
bool Analyzer::cast_value(const pg_query::TypeCast& cast, Operand& to) {
    const pg_query::Node* inner = &cast.arg();
    while (inner->has_type_cast()) inner = &inner->type_cast().arg();
    if (inner->has_a_const()) {
        constant(inner->a_const(), to);
    } else if (inner->has_param_ref()) {
        to.kind = OperandKind::parameter;
        to.parameter = inner->param_ref().number();
        parameter_count_ = std::max(parameter_count_, to.parameter);
    } else {
        return false;
    }
    // The grammar wraps TRUE and FALSE in a cast of its own.
    if (to.constant_type != "boolean") to.cast_type = type_text(cast.type_name());
    return true;
}

Operand Analyzer::operand(const pg_query::Node& node, const Place& place, bool with_text) {
    Operand result;
    result.node = &node;
    switch (node.node_case()) {
        case pg_query::Node::kAConst:
            constant(node.a_const(), result);
            return result;
        case pg_query::Node::kParamRef:
            result.kind = OperandKind::parameter;
            result.parameter = node.param_ref().number();
            parameter_count_ = std::max(parameter_count_, result.parameter);
            return result;
        case pg_query::Node::kTypeCast:
            if (cast_value(node.type_cast(), result)) return result;
            break;
        case pg_query::Node::kColumnRef:
            collect(node, place, result);
            if (!result.columns.empty()) {
                result.kind = OperandKind::column;
                result.column = result.columns.front();
            }
            return result;
        case pg_query::Node::kSubLink:
            if (node.sub_link().sub_link_type() == pg_query::EXPR_SUBLINK) {
                result.kind = OperandKind::subquery;
                result.subquery_level = sublink(node.sub_link(), place);
                return result;
            }
            break;
        case pg_query::Node::kList:
        case pg_query::Node::kRowExpr: {
            result.kind = OperandKind::list;
            const auto& items = node.has_list() ? node.list().items() : node.row_expr().args();
            for (const auto& item : items) {
                result.items.push_back(operand(item, place, with_text));
                const auto& inner = result.items.back();
                result.columns.insert(result.columns.end(), inner.columns.begin(), inner.columns.end());
                result.has_function_call = result.has_function_call || inner.has_function_call;
                if (result.subquery_level < 0) result.subquery_level = inner.subquery_level;
            }
            return result;
        }
        default:
            break;
    }
    collect(node, place, result);
    if (with_text) result.text = expression_text(node, true).value_or("");
    return result;
}

void Analyzer::note_function(const pg_query::FuncCall& call, int level, Operand& into) {
    into.has_function_call = true;
    auto& own = at(level);
    const std::string name = last_name(call.funcname());
    own.functions.push_back(name);
    if (call.has_over()) {
        own.has_window = true;
    } else if (is_aggregate(call, name)) {
        own.has_aggregate = true;
    }
}

void Analyzer::collect(const pg_query::Node& root, const Place& place, Operand& into) {
    visit_messages(root, [&](const google::protobuf::Message& message) {
        if (message.GetDescriptor() != pg_query::Node::descriptor()) return true;
        const auto& node = static_cast<const pg_query::Node&>(message);
        switch (node.node_case()) {
            case pg_query::Node::kColumnRef: {
                if (node.column_ref().fields_size() == 0) return false;
                auto reference = resolve(node.column_ref(), place);
                if (reference.column == "*" && reference.resolved()) {
                    auto& owner = at(reference.level);
                    owner.relations[static_cast<std::size_t>(reference.relation)].all_columns = true;
                }
                at(place.level).columns.push_back(reference);
                into.columns.push_back(std::move(reference));
                return false;
            }
            case pg_query::Node::kParamRef:
                parameter_count_ = std::max(parameter_count_, node.param_ref().number());
                return false;
            case pg_query::Node::kFuncCall:
                note_function(node.func_call(), place.level, into);
                return true;
            case pg_query::Node::kSubLink: {
                const int level = sublink(node.sub_link(), place);
                if (into.subquery_level < 0) into.subquery_level = level;
                if (node.sub_link().has_testexpr()) collect(node.sub_link().testexpr(), place, into);
                return false;
            }
            case pg_query::Node::kTypeName:
                return false;
            default:
                return true;
        }
    });
}

int Analyzer::sublink(const pg_query::SubLink& link, const Place& place) {
    return statement(link.subselect(), place.level, place.scope, place.ctes);
}

/// FigureColname() of the server, for what has a name of its own.
std::string Analyzer::output_name(const pg_query::ResTarget& target) const {
    if (!target.name().empty()) return target.name();
    const pg_query::Node* node = &target.val();
    std::string type;
    while (node->has_type_cast() || node->has_collate_clause()) {
        if (node->has_type_cast()) {
            if (type.empty()) type = last_name(node->type_cast().type_name().names());
            node = &node->type_cast().arg();
        } else {
            node = &node->collate_clause().arg();
        }
    }
    switch (node->node_case()) {
        case pg_query::Node::kColumnRef: {
            for (int i = node->column_ref().fields_size() - 1; i >= 0; --i) {
                if (node->column_ref().fields(i).has_string()) return node->column_ref().fields(i).string().sval();
            }
            break;
        }
        case pg_query::Node::kFuncCall:
            return last_name(node->func_call().funcname());
        case pg_query::Node::kCoalesceExpr:
            return "coalesce";
        case pg_query::Node::kMinMaxExpr:
            return node->min_max_expr().op() == pg_query::IS_GREATEST ? "greatest" : "least";
        case pg_query::Node::kAArrayExpr:
            return "array";
        case pg_query::Node::kRowExpr:
            return "row";
        case pg_query::Node::kCaseExpr:
            if (node->case_expr().defresult().has_column_ref()) {
                pg_query::ResTarget inner;
                *inner.mutable_val() = node->case_expr().defresult();
                return output_name(inner);
            }
            return "case";
        case pg_query::Node::kSubLink:
            if (node->sub_link().sub_link_type() == pg_query::EXISTS_SUBLINK) return "exists";
            if (node->sub_link().sub_link_type() == pg_query::ARRAY_SUBLINK) return "array";
            if (node->sub_link().subselect().select_stmt().target_list_size() == 1) {
                return output_name(node->sub_link().subselect().select_stmt().target_list(0).res_target());
            }
            break;
        default:
            break;
    }
    return type.empty() ? "?column?" : type;
}

}  // namespace pganalytics::sql
