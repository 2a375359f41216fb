#pragma once
// What a statement refers to, as plain values: the relations of each query level, the columns and the base table each
// of them belongs to, predicates as conjuncts, join conditions, grouping and order. Names are resolved as PostgreSQL
// does it (inner scope first; aliases hide names; CTEs hide relations; LATERAL sees what stands before it), with the
// columns of base relations coming from a callback, so that this module knows no catalog.
//
// Nothing is guessed: a column whose relation cannot be told has `resolved() == false`. Views count as base relations.
// Thread-safe: `analyze` has no state. The result holds pointers into the tree (`Operand::node`, …) and must not
// outlive it.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sql/parse.hpp"

namespace pganalytics::sql {

/// The columns of a base relation in their order, or nullopt where it is unknown. `schema` is "" where the text has
/// none. Names are folded and unquoted, as the catalog has them.
using ColumnLookup =
    std::function<std::optional<std::vector<std::string>>(std::string_view schema, std::string_view relation)>;

/// An occurrence of a column. `level`/`relation` say where its name is visible; `base_*` which table it comes from once
/// subqueries and CTEs that merely pass it on are looked through.
struct ColumnReference {
    std::string qualifier;  ///< as written: "o", "public.orders", or ""
    std::string column;     ///< as written, folded; "*" for a star
    int level = -1;         ///< Shape::levels index of the scope that owns it; -1 unresolved
    int relation = -1;      ///< index into that level's relations; -1 unresolved
    std::string base_schema, base_relation, base_column;  ///< base_relation is "" where it is computed or unknown
    int base_level = -1;  ///< where the base relation stands; with base_index it names one occurrence of the table
    int base_index = -1;
    int location = -1;  ///< byte offset in the text

    [[nodiscard]] bool resolved() const { return relation >= 0; }
    [[nodiscard]] bool has_base() const { return !base_relation.empty(); }
};

enum class RelationOrigin { base, cte, subquery, function, values, excluded };

/// One entry of a FROM clause, or the target of a DML statement.
struct RelationReference {
    RelationOrigin origin = RelationOrigin::base;
    std::string schema;   ///< as written, "" without
    std::string name;     ///< of the base relation or CTE; "" for a subquery, function or VALUES
    std::string alias;    ///< the name its columns are qualified with (the alias, else the name)
    bool target = false;  ///< INSERT, UPDATE, DELETE or MERGE writes it
    bool lateral = false;
    bool nullable = false;                            ///< on the null-extended side of an outer join of its level
    bool all_columns = false;                         ///< `*` or `alias.*` (or a whole-row reference) uses every column
    int body_level = -1;                              ///< level of the subquery's or CTE's body; -1 for others
    std::optional<std::vector<std::string>> columns;  ///< visible column names, where known
    int location = -1;
};

enum class OperandKind { constant, null_constant, parameter, column, expression, subquery, list };

/// One side of a predicate, or an item of ORDER BY, GROUP BY, DISTINCT.
struct Operand {
    OperandKind kind = OperandKind::expression;
    ColumnReference column;      ///< kind == column (a cast that only wraps a column is an expression)
    std::string text;            ///< constant: its text without quotes; expression: SQL with qualifiers taken off
    std::string constant_type;   ///< "integer", "float", "string", "boolean", "bitstring" as the grammar sees it
    std::string cast_type;       ///< outermost cast of a constant or parameter: "date", "pg_catalog.int4[]"; "" without
    int parameter = 0;           ///< kind == parameter: n of $n
    int subquery_level = -1;     ///< kind == subquery
    std::vector<Operand> items;  ///< kind == list
    std::vector<ColumnReference> columns;  ///< every column inside, subqueries left out (for a column: itself)
    bool has_function_call =
        false;  ///< of an expression: whether a function is called in it (volatility is unknown here)
    const pg_query::Node* node = nullptr;

    /// Neither columns of this statement's relations nor a subquery: known once the statement is bound.
    [[nodiscard]] bool is_bound_value() const {
        return kind == OperandKind::constant || kind == OperandKind::parameter ||
               (kind == OperandKind::expression && columns.empty() && subquery_level < 0);
    }
};

enum class PredicateKind {
    comparison,      ///< left op right; `op` as written; a column stands left where only one side is a column
    between,         ///< left BETWEEN items[0] AND items[1] (right.kind == list); `negated`
    in_list,         ///< left IN (right.items); `negated`
    any_array,       ///< left op ANY (right); `negated` false
    all_array,       ///< left op ALL (right): `<> ALL` is NOT IN
    in_subquery,     ///< left IN (SELECT …), left op ANY (SELECT …); `negated` for NOT IN
    exists,          ///< EXISTS (SELECT …); `negated`
    like,            ///< op is "~~" (LIKE) or "~~*" (ILIKE), "!~~", "!~~*"
    is_null,         ///< `negated` for IS NOT NULL
    boolean_column,  ///< a bare boolean column, NOT column, column IS TRUE …; `negated`
    is_distinct,     ///< IS DISTINCT FROM; `negated` for IS NOT DISTINCT FROM
    disjunction,     ///< OR: `branches`, each a conjunction
    constant,        ///< no column and no subquery in it
    other            ///< anything else: `left` holds the whole expression
};

struct Predicate {
    PredicateKind kind = PredicateKind::other;
    std::string op;  ///< operator's name: "=", "<", "@>", "~~"; "" where there is none
    bool negated = false;
    Operand left, right;
    std::vector<std::vector<Predicate>> branches;  ///< disjunction only
    bool in_on_clause = false;                     ///< stands in JOIN … ON / USING, not in WHERE
    bool in_outer_join = false;                    ///< … of an outer join: it does not filter the preserved side
    bool in_having = false;
    int location = -1;
    const pg_query::Node* node = nullptr;

    /// column = column of two different relations (or of this level and an outer one).
    [[nodiscard]] bool is_join() const;
    /// column op value where the value is known before the scan: what an index condition can use.
    [[nodiscard]] bool is_column_to_value() const;
};

struct SortItem {
    Operand key;  ///< positions and output aliases are replaced by what they stand for
    bool descending = false;
    bool nulls_first = false;  ///< effective: the default of the direction where not written
    bool nulls_written = false;
    std::string using_operator;  ///< ORDER BY x USING >
};

enum class LevelKind { select, set_operation, values, insert, update, delete_, merge };

/// An output column.
struct OutputColumn {
    std::string name;  ///< alias or PostgreSQL's default name; "?column?" where it has none
    Operand value;
    bool star = false;  ///< `*` or `alias.*` that could not be expanded
};

struct LimitClause {
    std::optional<Operand> count, offset;  ///< LIMIT ALL and LIMIT NULL are absent
    bool with_ties = false;
    [[nodiscard]] std::optional<std::int64_t> constant_count() const;
};

/// One query level: a SELECT, one arm of a set operation, a DML statement.
struct QueryLevel {
    LevelKind kind = LevelKind::select;
    int parent = -1;           ///< the level it stands in; -1 for the statement itself
    bool sees_parent = false;  ///< correlated references to the parent are possible
    bool is_cte = false;
    std::string cte_name;
    bool recursive = false;
    std::vector<RelationReference> relations;
    std::vector<Predicate> predicates;  ///< conjuncts of WHERE, ON, USING and HAVING
    std::vector<SortItem> order_by;
    std::vector<Operand> group_by;  ///< plain expressions; grouping sets are flattened, `grouping_sets` says so
    bool grouping_sets = false;
    bool distinct = false;  ///< DISTINCT or DISTINCT ON
    std::vector<Operand> distinct_on;
    std::vector<OutputColumn> outputs;          ///< select list, RETURNING of a DML statement
    std::vector<std::string> assigned_columns;  ///< UPDATE … SET, INSERT (…) columns, of the target
    bool has_on_conflict = false;
    LimitClause limit;
    std::string set_operation;             ///< "union", "union all", "intersect", …
    std::vector<int> arms;                 ///< of a set operation: its two levels
    std::vector<ColumnReference> columns;  ///< every column reference whose text stands at this level
    std::vector<std::string> functions;    ///< names of the functions called at this level, unqualified
    bool has_aggregate = false;  ///< one of PostgreSQL's own aggregates, or FILTER / DISTINCT / ORDER BY in a call
    bool has_window = false;
    bool locks_rows = false;  ///< FOR UPDATE / SHARE

    /// Columns of relation `index` that this whole statement uses (correlated references from inner levels included).
    /// Filled by `analyze` for base relations, sorted, without doubles.
    std::vector<std::vector<std::string>> used_columns;
};

/// A statement's shape. levels[0] is the statement itself.
struct Shape {
    StatementKind kind = StatementKind::other;
    std::vector<QueryLevel> levels;
    int parameter_count = 0;  ///< highest $n
    bool has_unresolved_columns = false;

    /// Base relations (schema as written, name), without doubles, in order of appearance.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> base_relations() const;
};

/// The shape of the tree's only statement (of the query inside for EXPLAIN, CREATE VIEW/TABLE AS, DECLARE, PREPARE).
/// Errors: unsupported for other utility statements, fix_input where the text has not exactly one statement.
[[nodiscard]] base::Result<Shape> analyze(const Tree& tree, const ColumnLookup& columns_of = {});

/// Calls `visit` for every node of the tree, parents first; where it returns false the node's children are left out.
void visit_nodes(const pg_query::ParseResult& tree, const std::function<bool(const pg_query::Node&)>& visit);
void visit_nodes(const pg_query::Node& root, const std::function<bool(const pg_query::Node&)>& visit);

/// A node as SQL (an expression, through the deparser), with column qualifiers taken off when asked.
[[nodiscard]] base::Result<std::string> expression_text(const pg_query::Node& expression, bool unqualified = false);

}  // namespace pganalytics::sql
