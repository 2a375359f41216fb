#include "sql/walk.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "sql/ast.hpp"

namespace pganalytics::sql {
namespace {

using Columns = std::vector<std::string>;

std::optional<Columns> shop(std::string_view schema, std::string_view relation) {
    static const std::map<std::string, Columns, std::less<>> tables = {
        {"orders", {"id", "buyer", "status", "created", "total", "paid"}},
        {"items", {"order_id", "product_id", "amount"}},
        {"products", {"id", "name", "price"}},
    };
    if (!schema.empty() && schema != "public") return std::nullopt;
    const auto found = tables.find(relation);
    return found == tables.end() ? std::nullopt : std::optional(found->second);
}

struct Analysed {
    Tree tree;
    Shape shape;
};

Analysed analysed(std::string_view text, const ColumnLookup& lookup = shop) {
    auto tree = parse(text);
    EXPECT_TRUE(tree.has_value()) << text;
    auto shape = analyze(*tree, lookup);
    EXPECT_TRUE(shape.has_value()) << text;
    return {std::move(*tree), std::move(*shape)};
}

std::string base_of(const ColumnReference& column) {
    return column.has_base() ? column.base_relation + "." + column.base_column : "?" + column.column;
}

std::string in_words(const Operand& operand) {
    switch (operand.kind) {
        case OperandKind::column:
            return base_of(operand.column);
        case OperandKind::parameter:
            return fmt::format("${}", operand.parameter);
        case OperandKind::constant:
            return operand.text + (operand.cast_type.empty() ? "" : "::" + operand.cast_type);
        case OperandKind::null_constant:
            return "NULL";
        case OperandKind::subquery:
            return fmt::format("level {}", operand.subquery_level);
        case OperandKind::list: {
            std::string out = "(";
            for (const auto& item : operand.items) out += (out.size() > 1 ? ", " : "") + in_words(item);
            return out + ")";
        }
        case OperandKind::expression:
            return "{" + operand.text + "}";
    }
    return "";
}

std::string in_words(const std::vector<Predicate>& predicates);

std::string in_words(const Predicate& predicate) {
    const std::string no = predicate.negated ? "not " : "";
    switch (predicate.kind) {
        case PredicateKind::comparison:
        case PredicateKind::like:
            return no + in_words(predicate.left) + " " + predicate.op + " " + in_words(predicate.right);
        case PredicateKind::between:
            return no + in_words(predicate.left) + " between " + in_words(predicate.right);
        case PredicateKind::in_list:
            return no + in_words(predicate.left) + " in " + in_words(predicate.right);
        case PredicateKind::any_array:
            return in_words(predicate.left) + " " + predicate.op + " any " + in_words(predicate.right);
        case PredicateKind::all_array:
            return in_words(predicate.left) + " " + predicate.op + " all " + in_words(predicate.right);
        case PredicateKind::in_subquery:
            return no + in_words(predicate.left) + " in query " + in_words(predicate.right);
        case PredicateKind::exists:
            return no + "exists " + in_words(predicate.right);
        case PredicateKind::is_null:
            return in_words(predicate.left) + (predicate.negated ? " is not null" : " is null");
        case PredicateKind::boolean_column:
            return no + "flag " + in_words(predicate.left);
        case PredicateKind::is_distinct:
            return no + in_words(predicate.left) + " distinct " + in_words(predicate.right);
        case PredicateKind::disjunction: {
            std::string out;
            for (const auto& branch : predicate.branches)
                out += (out.empty() ? "" : " or ") + ("[" + in_words(branch) + "]");
            return out;
        }
        case PredicateKind::constant:
            return "constant";
        case PredicateKind::other:
            return no + "other " + in_words(predicate.left);
    }
    return "";
}

std::string in_words(const std::vector<Predicate>& predicates) {
    std::string out;
    for (const auto& predicate : predicates) out += (out.empty() ? "" : "; ") + in_words(predicate);
    return out;
}

std::string where(std::string_view condition) {
    return in_words(analysed(fmt::format("SELECT 1 FROM orders o WHERE {}", condition)).shape.levels[0].predicates);
}

TEST(Analyze, NamesPredicates) {
    EXPECT_EQ(where("buyer = 7"), "orders.buyer = 7");
    EXPECT_EQ(where("o.buyer = $1 AND status <> 'x'::text"), "orders.buyer = $1; orders.status <> x::text");
    EXPECT_EQ(where("$1 < total"), "orders.total > $1");
    EXPECT_EQ(where("NOT (total < 5 OR paid)"), "orders.total >= 5; not flag orders.paid");
    EXPECT_EQ(where("buyer IN (1, $2, NULL)"), "orders.buyer in (1, $2, NULL)");
    EXPECT_EQ(where("buyer NOT IN (1, 2)"), "not orders.buyer in (1, 2)");
    EXPECT_EQ(where("NOT buyer IN (1, 2)"), "not orders.buyer in (1, 2)");
    EXPECT_EQ(where("buyer = ANY($1)"), "orders.buyer = any $1");
    EXPECT_EQ(where("NOT buyer = ANY($1)"), "orders.buyer <> all $1");
    EXPECT_EQ(where("total BETWEEN -1 AND $1"), "orders.total between (-1, $1)");
    EXPECT_EQ(where("status LIKE 'a%' AND status NOT ILIKE 'b'"), "orders.status ~~ a%; orders.status !~~* b");
    EXPECT_EQ(where("paid AND NOT paid AND paid IS TRUE"), "flag orders.paid; not flag orders.paid; flag orders.paid");
    EXPECT_EQ(where("created IS NULL AND status IS NOT NULL"), "orders.created is null; orders.status is not null");
    EXPECT_EQ(where("buyer = 1 OR (status = 'x' AND paid)"),
              "[orders.buyer = 1] or [orders.status = x; flag orders.paid]");
    EXPECT_EQ(where("(buyer, status) = (1, $2)"), "orders.buyer = 1; orders.status = $2");
    EXPECT_EQ(where("lower(o.status) = 'x'"), "{lower(status)} = x");
    EXPECT_EQ(where("created > now() - interval '1 day'"), "orders.created > {now() - '1 day'::interval}");
    EXPECT_EQ(where("1 = 1 AND $1 IS NULL"), "constant; constant");
    EXPECT_EQ(where("buyer IS NOT DISTINCT FROM 3"), "not orders.buyer distinct 3");
    EXPECT_EQ(where("paid = true"), "orders.paid = true");
}

TEST(Analyze, KnowsWhatAnIndexConditionCanUse) {
    const auto usable = [](std::string_view condition) {
        return analysed(fmt::format("SELECT 1 FROM orders WHERE {}", condition))
            .shape.levels[0]
            .predicates[0]
            .is_column_to_value();
    };
    EXPECT_TRUE(usable("buyer = 1"));
    EXPECT_TRUE(usable("created > now() - interval '1 day'"));
    EXPECT_TRUE(usable("buyer IN (1, $1)"));
    EXPECT_FALSE(usable("buyer NOT IN (1, $1)"));
    EXPECT_FALSE(usable("buyer = total"));
    EXPECT_FALSE(usable("buyer = (SELECT 1)"));
    EXPECT_FALSE(usable("lower(status) = 'x'"));
}

TEST(Analyze, ResolvesJoins) {
    const auto shape = analysed(
                           "SELECT name, o.* FROM orders o JOIN items i ON i.order_id = o.id "
                           "LEFT JOIN public.products p ON product_id = p.id AND price > 5 WHERE amount = 2")
                           .shape;
    const auto& level = shape.levels[0];
    EXPECT_EQ(in_words(level.predicates),
              "items.order_id = orders.id; items.product_id = products.id; products.price > 5; items.amount = 2");
    EXPECT_TRUE(level.predicates[0].is_join());
    EXPECT_FALSE(level.predicates[0].in_outer_join);
    EXPECT_TRUE(level.predicates[2].in_outer_join && level.predicates[2].in_on_clause);
    EXPECT_FALSE(level.predicates[3].in_on_clause);
    EXPECT_TRUE(level.relations[2].nullable && !level.relations[1].nullable);
    EXPECT_TRUE(level.relations[0].all_columns);
    EXPECT_EQ(level.used_columns[1], (Columns{"amount", "order_id", "product_id"}));
    EXPECT_EQ(level.used_columns[2], (Columns{"id", "name", "price"}));
    EXPECT_EQ(level.outputs.size(), 7U);
    EXPECT_FALSE(shape.has_unresolved_columns);
}

TEST(Analyze, ResolvesUsingAndNatural) {
    const auto one = analysed("SELECT id FROM orders JOIN products USING (id)").shape.levels[0];
    EXPECT_EQ(in_words(one.predicates), "orders.id = products.id");
    EXPECT_EQ(base_of(one.outputs[0].value.column), "orders.id");
    const auto two = analysed("SELECT 1 FROM orders NATURAL LEFT JOIN products").shape.levels[0];
    EXPECT_EQ(in_words(two.predicates), "orders.id = products.id");
}

TEST(Analyze, LooksThroughSubqueriesAndCtes) {
    const auto derived =
        analysed(
            "SELECT * FROM (SELECT buyer AS who, count(*) AS n FROM orders GROUP BY buyer) s WHERE s.who = 1 AND n > 2")
            .shape;
    EXPECT_EQ(in_words(derived.levels[0].predicates), "orders.buyer = 1; ?n > 2");
    EXPECT_TRUE(derived.levels[1].has_aggregate);
    EXPECT_EQ(derived.levels[1].used_columns[0], Columns{"buyer"});

    const auto cte =
        analysed("WITH recent(a, b) AS (SELECT id, buyer FROM orders) SELECT 1 FROM recent r WHERE r.b = 4").shape;
    EXPECT_EQ(in_words(cte.levels[0].predicates), "orders.buyer = 4");
    EXPECT_EQ(cte.levels[0].relations[0].origin, RelationOrigin::cte);
    EXPECT_EQ(cte.base_relations().size(), 1U);

    const auto recursive = analysed(
                               "WITH RECURSIVE r(n) AS (SELECT id FROM orders UNION ALL SELECT r.n + 1 FROM r WHERE n "
                               "< 10) SELECT n FROM r")
                               .shape;
    EXPECT_FALSE(recursive.has_unresolved_columns);
    EXPECT_EQ(recursive.base_relations().size(), 1U);

    const auto hidden = analysed("WITH orders AS (SELECT 1 AS x) SELECT x FROM orders").shape;
    EXPECT_TRUE(hidden.base_relations().empty());
}

TEST(Analyze, SeesCorrelation) {
    const auto shape =
        analysed(
            "SELECT 1 FROM orders o WHERE EXISTS (SELECT 1 FROM items WHERE order_id = o.id AND amount > total) "
            "AND buyer IN (SELECT id FROM products)")
            .shape;
    EXPECT_EQ(in_words(shape.levels[0].predicates), "exists level 1; orders.buyer in query level 2");
    EXPECT_EQ(in_words(shape.levels[1].predicates), "items.order_id = orders.id; items.amount > orders.total");
    EXPECT_TRUE(shape.levels[1].predicates[0].is_join());
    EXPECT_EQ(shape.levels[1].parent, 0);
    EXPECT_EQ(shape.levels[0].used_columns[0], (Columns{"buyer", "id", "total"}));
}

TEST(Analyze, SeesLateralOnlyWhereItIsWritten) {
    const auto lateral =
        analysed("SELECT 1 FROM orders o, LATERAL (SELECT amount FROM items WHERE order_id = o.id) s").shape;
    EXPECT_EQ(in_words(lateral.levels[1].predicates), "items.order_id = orders.id");
    const auto plain = analysed("SELECT 1 FROM orders o, (SELECT amount FROM items WHERE order_id = o.id) s").shape;
    EXPECT_TRUE(plain.has_unresolved_columns);
}

TEST(Analyze, UnderstandsDml) {
    const auto update =
        analysed("UPDATE orders SET status = 'x', total = i.amount FROM items i WHERE i.order_id = id AND paid").shape;
    EXPECT_EQ(update.kind, StatementKind::update);
    EXPECT_EQ(in_words(update.levels[0].predicates), "items.order_id = orders.id; flag orders.paid");
    EXPECT_EQ(update.levels[0].assigned_columns, (Columns{"status", "total"}));
    EXPECT_TRUE(update.levels[0].relations[0].target);

    const auto deleted =
        analysed("DELETE FROM items USING orders o WHERE order_id = o.id AND o.buyer = $1 RETURNING amount").shape;
    EXPECT_EQ(in_words(deleted.levels[0].predicates), "items.order_id = orders.id; orders.buyer = $1");
    EXPECT_EQ(deleted.levels[0].outputs.size(), 1U);
    EXPECT_EQ(deleted.parameter_count, 1);

    const auto insert = analysed(
                            "INSERT INTO products (id, name) SELECT id, status FROM orders WHERE buyer = 1 "
                            "ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE products.price > 1 RETURNING id")
                            .shape;
    EXPECT_EQ(insert.kind, StatementKind::insert);
    EXPECT_TRUE(insert.levels[0].has_on_conflict);
    EXPECT_EQ(in_words(insert.levels[1].predicates), "orders.buyer = 1");
    EXPECT_FALSE(insert.has_unresolved_columns);

    const auto merge =
        analysed(
            "MERGE INTO products p USING items i ON p.id = i.product_id WHEN MATCHED AND i.amount > 1 THEN UPDATE "
            "SET price = i.amount WHEN NOT MATCHED THEN INSERT (id) VALUES (i.product_id)")
            .shape;
    EXPECT_EQ(merge.kind, StatementKind::merge);
    EXPECT_EQ(in_words(merge.levels[0].predicates), "products.id = items.product_id");
    EXPECT_FALSE(merge.has_unresolved_columns);
}

TEST(Analyze, ReadsOrderGroupingAndLimit) {
    const auto level =
        analysed(
            "SELECT DISTINCT ON (buyer) buyer AS who, lower(status) s, count(*) FROM orders GROUP BY 1, s "
            "ORDER BY who DESC, lower(status), 3 NULLS FIRST LIMIT 10 OFFSET $1")
            .shape.levels[0];
    EXPECT_TRUE(level.distinct);
    EXPECT_EQ(in_words(level.distinct_on[0]), "orders.buyer");
    ASSERT_EQ(level.group_by.size(), 2U);
    EXPECT_EQ(in_words(level.group_by[0]), "orders.buyer");
    ASSERT_EQ(level.order_by.size(), 3U);
    EXPECT_EQ(in_words(level.order_by[0].key), "orders.buyer");
    EXPECT_TRUE(level.order_by[0].descending && level.order_by[0].nulls_first);
    EXPECT_EQ(in_words(level.order_by[1].key), "{lower(status)}");
    EXPECT_TRUE(level.order_by[2].nulls_first && level.order_by[2].nulls_written);
    EXPECT_EQ(level.limit.constant_count(), 10);
    EXPECT_EQ(level.limit.offset->parameter, 1);
    EXPECT_EQ(in_words(analysed("SELECT lower(status) AS s FROM orders ORDER BY s").shape.levels[0].order_by[0].key),
              "{lower(status)}");
}

TEST(Analyze, ReadsSetOperations) {
    const auto shape = analysed("SELECT id FROM orders UNION SELECT id FROM products ORDER BY 1 LIMIT 5").shape;
    EXPECT_EQ(shape.levels[0].kind, LevelKind::set_operation);
    EXPECT_EQ(shape.levels[0].set_operation, "union");
    EXPECT_EQ(shape.levels[0].arms, (std::vector<int>{1, 2}));
    EXPECT_EQ(shape.levels[0].limit.constant_count(), 5);
}

TEST(Analyze, GuessesNothingWithoutACatalog) {
    const auto one = analysed("SELECT a FROM t WHERE b = 1", {}).shape;
    EXPECT_EQ(in_words(one.levels[0].predicates), "t.b = 1");
    const auto two = analysed("SELECT a FROM t, u WHERE b = 1 AND t.c = 2", {}).shape;
    EXPECT_EQ(in_words(two.levels[0].predicates), "?b = 1; t.c = 2");
    EXPECT_TRUE(two.has_unresolved_columns);
    const auto whole = analysed("SELECT row_to_json(orders) FROM orders").shape;
    EXPECT_TRUE(whole.levels[0].relations[0].all_columns);
    const auto renamed = analysed("SELECT x FROM orders AS o(x, y) WHERE y = 1").shape;
    EXPECT_EQ(in_words(renamed.levels[0].predicates), "orders.buyer = 1");
}

TEST(Analyze, FindsTheQueryInsideOtherStatements) {
    EXPECT_EQ(analysed("EXPLAIN SELECT 1 FROM orders").shape.base_relations().size(), 1U);
    EXPECT_EQ(analysed("CREATE VIEW v AS SELECT 1 FROM orders").shape.base_relations().size(), 1U);
    EXPECT_EQ(analyze(*parse("VACUUM orders")).error().code, base::ErrorCode::unsupported);
    EXPECT_EQ(analyze(*parse("SELECT 1; SELECT 2")).error().code, base::ErrorCode::fix_input);
}

TEST(Analyze, SurvivesDeepStatements) {
    std::string text = "SELECT id FROM orders WHERE total = 0";
    for (int i = 0; i < 1900; ++i) text += " + total";
    EXPECT_EQ(analysed(text).shape.levels[0].columns.size(), 1902U);
    std::string nested = "SELECT 1 FROM orders";
    for (int i = 0; i < 480; ++i) nested = "SELECT 1 FROM orders WHERE id IN (" + nested + ")";
    EXPECT_EQ(analysed(nested).shape.levels.size(), 481U);
}

TEST(VisitNodes, GoesThroughParentsFirst) {
    const auto tree = parse("SELECT a, b FROM t WHERE c = 1");
    std::vector<std::string> columns;
    visit_nodes(tree->message(), [&columns](const pg_query::Node& node) {
        if (node.has_column_ref()) columns.push_back(node.column_ref().fields(0).string().sval());
        return true;
    });
    EXPECT_EQ(columns, (Columns{"a", "b", "c"}));
}

}  // namespace
}  // namespace pganalytics::sql
