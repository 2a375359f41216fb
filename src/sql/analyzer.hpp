#pragma once
// The work behind `analyze`: one pass over the tree, building levels and resolving names as it goes. Internal to this
// module. levels.cpp holds queries, changes.cpp statements that change rows, from.cpp FROM clauses, names.cpp
// resolution, operands.cpp expressions, predicates.cpp conditions.

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/ast.hpp"
#include "sql/walk.hpp"

namespace pganalytics::sql {

class Analyzer {
  public:
    Analyzer(const ColumnLookup& columns_of) : columns_of_(columns_of) {}

    /// unsupported where `statement` is no query.
    [[nodiscard]] base::Result<Shape> run(const pg_query::Node& statement);

  private:
    using Nodes = google::protobuf::RepeatedPtrField<pg_query::Node>;

    /// Relations whose columns an expression may name: some of one level's, then those of the scopes around it.
    struct Scope {
        int level = -1;
        std::vector<int> visible;
        const Scope* outer = nullptr;
    };

    struct Cte {
        std::string name;
        int body_level = -1;
        std::optional<std::vector<std::string>> columns;
    };
    struct CteScope {
        std::deque<Cte> ctes;
        const CteScope* outer = nullptr;
        [[nodiscard]] const Cte* find(std::string_view name) const;
    };

    /// Where an expression stands.
    struct Place {
        int level = -1;
        const Scope* scope = nullptr;
        const CteScope* ctes = nullptr;
    };

    /// What a statement that changes rows begins with: its CTEs, and the changed table in sight.
    struct Change {
        CteScope ctes;
        Scope scope;
        [[nodiscard]] Place place() const { return {scope.level, &scope, &ctes}; }
    };

    struct Condition {
        bool in_on_clause = false, in_outer_join = false, in_having = false;
    };

    [[nodiscard]] QueryLevel& at(int level) { return levels_[static_cast<std::size_t>(level)]; }
    [[nodiscard]] const QueryLevel& at(int level) const { return levels_[static_cast<std::size_t>(level)]; }
    [[nodiscard]] RelationReference& relation_at(int level, int index) {
        return at(level).relations[static_cast<std::size_t>(index)];
    }
    [[nodiscard]] const RelationReference& relation_at(int level, int index) const {
        return at(level).relations[static_cast<std::size_t>(index)];
    }

    // levels.cpp
    int add_level(LevelKind kind, int parent, bool sees_parent);
    int statement(const pg_query::Node& node, int parent, const Scope* outer, const CteScope* ctes);
    int select(const pg_query::SelectStmt& select, int parent, const Scope* outer, const CteScope* ctes,
               Cte* recursive_self = nullptr);
    void set_operation(int level, const pg_query::SelectStmt& select, const Scope* outer, const CteScope* ctes,
                       Cte* recursive_self);
    void plain_select(int level, const pg_query::SelectStmt& select, const Scope* outer, const CteScope* ctes);
    void with(int level, const pg_query::WithClause& clause, const Scope* outer, CteScope& ctes);
    void outputs(const Nodes& targets, const Place& place);
    void group_by(const Nodes& clause, const Place& place);
    void order_by(const Nodes& clause, const Place& place);
    void limit(const pg_query::SelectStmt& select, const Place& place);

    // changes.cpp
    template <typename Statement>
    Change begin_change(int level, const Statement& from, const Scope* outer, const CteScope* ctes);
    void insert(int level, const pg_query::InsertStmt& insert, const Scope* outer, const CteScope* ctes);
    void on_conflict(const pg_query::OnConflictClause& clause, const Place& place);
    void update(int level, const pg_query::UpdateStmt& update, const Scope* outer, const CteScope* ctes);
    void delete_rows(int level, const pg_query::DeleteStmt& statement, const Scope* outer, const CteScope* ctes);
    void merge(int level, const pg_query::MergeStmt& merge, const Scope* outer, const CteScope* ctes);
    void assignments(const Nodes& targets, const Place& place);

    // from.cpp
    /// Adds the item's relations to the scope; gives their indexes.
    std::vector<int> from_item(const pg_query::Node& item, Scope& scope, const CteScope* ctes);
    std::vector<int> join(const pg_query::JoinExpr& join, Scope& scope, const CteScope* ctes);
    int range_variable(const pg_query::RangeVar& variable, int level, const CteScope* ctes);
    int range_subselect(const pg_query::RangeSubselect& item, Scope& scope, const CteScope* ctes);
    int range_function(const pg_query::RangeFunction& item, Scope& scope, const CteScope* ctes);
    int add_relation(int level, RelationReference relation);
    void join_using(const std::vector<std::string>& columns, const std::vector<int>& left,
                    const std::vector<int>& right, const Condition& condition, int level);
    [[nodiscard]] std::vector<std::string> shared_columns(int level, const std::vector<int>& left,
                                                          const std::vector<int>& right) const;

    // names.cpp
    [[nodiscard]] ColumnReference resolve(const pg_query::ColumnRef& reference, const Place& place);
    [[nodiscard]] bool resolve_in(const Scope& scope, ColumnReference& reference);
    [[nodiscard]] bool resolve_qualified(const Scope& scope, ColumnReference& reference);
    [[nodiscard]] bool resolve_unqualified(const Scope& scope, ColumnReference& reference);
    /// The column `name` of that relation, with its base looked up.
    void bind(ColumnReference& reference, int level, int relation) const;
    [[nodiscard]] bool has_column(int level, int relation, std::string_view name) const;
    [[nodiscard]] std::optional<std::vector<std::string>> output_names(int level) const;
    void expand_star(const ColumnReference& star, const Place& place, std::vector<OutputColumn>& out);

    // operands.cpp
    [[nodiscard]] Operand operand(const pg_query::Node& node, const Place& place, bool with_text);
    void constant(const pg_query::A_Const& from, Operand& to) const;
    [[nodiscard]] bool cast_value(const pg_query::TypeCast& cast, Operand& to);
    /// Notes columns, functions, parameters and subqueries inside `node`.
    void collect(const pg_query::Node& node, const Place& place, Operand& into);
    void note_function(const pg_query::FuncCall& call, int level, Operand& into);
    int sublink(const pg_query::SubLink& link, const Place& place);
    [[nodiscard]] std::string output_name(const pg_query::ResTarget& target) const;

    // predicates.cpp
    void conjuncts(const pg_query::Node& node, const Place& place, const Condition& condition, bool negated,
                   std::vector<Predicate>& out);
    [[nodiscard]] Predicate predicate(const pg_query::Node& node, const Place& place, bool negated);
    void comparison(const pg_query::A_Expr& expression, const Place& place, bool negated, Predicate& out);
    void sublink_predicate(const pg_query::SubLink& link, const Place& place, bool negated, Predicate& out);
    [[nodiscard]] bool row_equality(const pg_query::Node& node, const Place& place, const Condition& condition,
                                    bool negated, std::vector<Predicate>& out);

    void fill_used_columns(Shape& shape) const;

    const ColumnLookup& columns_of_;
    std::deque<QueryLevel> levels_;  // a deque: references stay valid while inner levels are added
    std::map<std::pair<int, std::string>, std::vector<int>> join_aliases_;  // (level, alias) → its relations
    /// Real names where column aliases (`t AS x(a, b)`) hide them.
    std::map<std::pair<int, int>, std::vector<std::string>> real_columns_;
    int parameter_count_ = 0;
    bool unresolved_ = false;
};

/// The last name of a qualified name: "count" of pg_catalog.count.
[[nodiscard]] std::string last_name(const google::protobuf::RepeatedPtrField<pg_query::Node>& names);
/// All names, joined by points.
[[nodiscard]] std::string dotted(const google::protobuf::RepeatedPtrField<pg_query::Node>& names);

}  // namespace pganalytics::sql
