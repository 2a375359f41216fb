// Conditions as conjuncts.

#include <algorithm>
#include <array>
#include <utility>

#include "sql/analyzer.hpp"

namespace pganalytics::sql {
namespace {

struct OperatorPair {
    std::string_view op, other;
};

constexpr std::array<OperatorPair, 6> negations = {
    {{"=", "<>"}, {"<>", "="}, {"<", ">="}, {">=", "<"}, {">", "<="}, {"<=", ">"}}};
constexpr std::array<OperatorPair, 9> commutators = {{{"=", "="},
                                                      {"<>", "<>"},
                                                      {"<", ">"},
                                                      {">", "<"},
                                                      {"<=", ">="},
                                                      {">=", "<="},
                                                      {"&&", "&&"},
                                                      {"@>", "<@"},
                                                      {"<@", "@>"}}};

template <std::size_t size>
std::optional<std::string> counterpart(const std::array<OperatorPair, size>& pairs, std::string_view op) {
    const auto found =
        std::find_if(pairs.begin(), pairs.end(), [op](const OperatorPair& pair) { return pair.op == op; });
    if (found == pairs.end()) return std::nullopt;
    return std::string(found->other);
}

bool has_columns(const Operand& operand) {
    return !operand.columns.empty();
}

void negate_operator(Predicate& out) {
    if (auto negation = counterpart(negations, out.op)) {
        out.op = *std::move(negation);
    } else {
        out.negated = true;
    }
}

}  // namespace

void Analyzer::conjuncts(const pg_query::Node& node, const Place& place, const Condition& condition, bool negated,
                         std::vector<Predicate>& out) {
    if (node.has_bool_expr()) {
        const auto& expression = node.bool_expr();
        if (expression.boolop() == pg_query::NOT_EXPR) {
            conjuncts(expression.args(0), place, condition, !negated, out);
            return;
        }
        // De Morgan: NOT (a OR b) is NOT a AND NOT b.
        const bool conjunction = (expression.boolop() == pg_query::AND_EXPR) != negated;
        if (conjunction) {
            for (const auto& argument : expression.args()) conjuncts(argument, place, condition, negated, out);
            return;
        }
        Predicate either;
        either.kind = PredicateKind::disjunction;
        either.location = expression.location();
        either.node = &node;
        for (const auto& argument : expression.args()) {
            conjuncts(argument, place, condition, negated, either.branches.emplace_back());
        }
        either.in_on_clause = condition.in_on_clause;
        either.in_outer_join = condition.in_outer_join;
        either.in_having = condition.in_having;
        out.push_back(std::move(either));
        return;
    }
    if (row_equality(node, place, condition, negated, out)) return;
    Predicate single = predicate(node, place, negated);
    single.node = &node;
    single.in_on_clause = condition.in_on_clause;
    single.in_outer_join = condition.in_outer_join;
    single.in_having = condition.in_having;
    out.push_back(std::move(single));
}

/// (a, b) = (1, 2) is a = 1 AND b = 2.
bool Analyzer::row_equality(const pg_query::Node& node, const Place& place, const Condition& condition, bool negated,
                            std::vector<Predicate>& out) {
    if (negated || !node.has_a_expr() || node.a_expr().kind() != pg_query::AEXPR_OP) return false;
    const auto& expression = node.a_expr();
    if (!expression.lexpr().has_row_expr() || !expression.rexpr().has_row_expr()) return false;
    const auto& left = expression.lexpr().row_expr().args();
    const auto& right = expression.rexpr().row_expr().args();
    if (left.size() != right.size() || last_name(expression.name()) != "=") return false;
    for (int i = 0; i < left.size(); ++i) {
        Predicate equal;
        equal.kind = PredicateKind::comparison;
        equal.op = "=";
        equal.left = operand(left[i], place, true);
        equal.right = operand(right[i], place, true);
        if (!has_columns(equal.left) && has_columns(equal.right)) std::swap(equal.left, equal.right);
        equal.in_on_clause = condition.in_on_clause;
        equal.in_outer_join = condition.in_outer_join;
        equal.in_having = condition.in_having;
        equal.location = expression.location();
        equal.node = &node;
        out.push_back(std::move(equal));
    }
    return true;
}

Predicate Analyzer::predicate(const pg_query::Node& node, const Place& place, bool negated) {
    Predicate out;
    switch (node.node_case()) {
        case pg_query::Node::kAExpr:
            comparison(node.a_expr(), place, negated, out);
            break;
        case pg_query::Node::kSubLink:
            sublink_predicate(node.sub_link(), place, negated, out);
            return out;
        case pg_query::Node::kNullTest:
            out.kind = PredicateKind::is_null;
            out.left = operand(node.null_test().arg(), place, true);
            out.negated = (node.null_test().nulltesttype() == pg_query::IS_NOT_NULL) != negated;
            out.location = node.null_test().location();
            break;
        case pg_query::Node::kBooleanTest: {
            const auto test = node.boolean_test().booltesttype();
            out.left = operand(node.boolean_test().arg(), place, true);
            out.location = node.boolean_test().location();
            // Only these two are what an index on the column answers; the others also accept NULL.
            const bool plain = !negated && (test == pg_query::IS_TRUE || test == pg_query::IS_FALSE) &&
                               out.left.kind == OperandKind::column;
            out.kind = plain ? PredicateKind::boolean_column : PredicateKind::other;
            out.negated = plain ? test == pg_query::IS_FALSE : negated;
            break;
        }
        default:
            out.left = operand(node, place, true);
            out.kind = out.left.kind == OperandKind::column ? PredicateKind::boolean_column : PredicateKind::other;
            out.negated = negated;
            out.location = out.left.column.location;
    }
    const bool constant = !has_columns(out.left) && !has_columns(out.right) && out.left.subquery_level < 0 &&
                          out.right.subquery_level < 0;
    if (constant) out.kind = PredicateKind::constant;
    return out;
}

void Analyzer::comparison(const pg_query::A_Expr& expression, const Place& place, bool negated, Predicate& out) {
    out.op = last_name(expression.name());
    out.location = expression.location();
    if (expression.has_lexpr()) out.left = operand(expression.lexpr(), place, true);
    if (expression.has_rexpr()) out.right = operand(expression.rexpr(), place, true);
    switch (expression.kind()) {
        case pg_query::AEXPR_OP:
            if (!expression.has_lexpr()) {  // a prefix operator
                std::swap(out.left, out.right);
                out.negated = negated;
                return;
            }
            out.kind = PredicateKind::comparison;
            if (!has_columns(out.left) && has_columns(out.right)) {
                if (auto commuted = counterpart(commutators, out.op)) {
                    out.op = *std::move(commuted);
                    std::swap(out.left, out.right);
                }
            }
            if (negated) negate_operator(out);
            return;
        case pg_query::AEXPR_OP_ANY:
        case pg_query::AEXPR_OP_ALL:
            out.kind =
                expression.kind() == pg_query::AEXPR_OP_ANY ? PredicateKind::any_array : PredicateKind::all_array;
            if (!negated) return;
            // NOT (a = ANY (x)) is a <> ALL (x).
            negate_operator(out);
            out.kind = out.kind == PredicateKind::any_array ? PredicateKind::all_array : PredicateKind::any_array;
            return;
        case pg_query::AEXPR_IN:
            out.kind = PredicateKind::in_list;
            out.negated = (out.op == "<>") != negated;
            return;
        case pg_query::AEXPR_LIKE:
        case pg_query::AEXPR_ILIKE:
            out.kind = PredicateKind::like;
            if (negated) out.op = out.op.front() == '!' ? out.op.substr(1) : "!" + out.op;
            return;
        case pg_query::AEXPR_BETWEEN:
        case pg_query::AEXPR_NOT_BETWEEN:
        case pg_query::AEXPR_BETWEEN_SYM:
        case pg_query::AEXPR_NOT_BETWEEN_SYM:
            out.kind = PredicateKind::between;
            out.negated = (expression.kind() == pg_query::AEXPR_NOT_BETWEEN ||
                           expression.kind() == pg_query::AEXPR_NOT_BETWEEN_SYM) != negated;
            return;
        case pg_query::AEXPR_DISTINCT:
        case pg_query::AEXPR_NOT_DISTINCT:
            out.kind = PredicateKind::is_distinct;
            out.negated = (expression.kind() == pg_query::AEXPR_NOT_DISTINCT) != negated;
            return;
        default:
            out.negated = negated;
    }
}

void Analyzer::sublink_predicate(const pg_query::SubLink& link, const Place& place, bool negated, Predicate& out) {
    out.location = link.location();
    out.negated = negated;
    if (link.has_testexpr()) out.left = operand(link.testexpr(), place, true);
    out.right.kind = OperandKind::subquery;
    out.right.subquery_level = sublink(link, place);
    if (link.sub_link_type() == pg_query::EXISTS_SUBLINK) {
        out.kind = PredicateKind::exists;
    } else if (link.sub_link_type() == pg_query::ANY_SUBLINK) {
        out.kind = PredicateKind::in_subquery;
        out.op = link.oper_name_size() > 0 ? last_name(link.oper_name()) : "=";
    } else {
        out.op = last_name(link.oper_name());
    }
}

}  // namespace pganalytics::sql
