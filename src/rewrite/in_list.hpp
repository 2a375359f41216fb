#pragma once
// IN lists of values in a tree, and the family of statements that differ in nothing but their lengths. Internal to this
// module; includes the generated tree, so .cpp files only.

#include <optional>
#include <string>
#include <vector>

#include "sql/ast.hpp"

namespace pganalytics::rewrite {

/// `x IN (v, …)` or `x NOT IN (v, …)` whose items are all constants or parameters, possibly cast.
struct InList {
    const pg_query::A_Expr* expression = nullptr;
    const pg_query::Node* node = nullptr;  ///< the node that holds it
    bool negated = false;                  ///< NOT IN
    [[nodiscard]] std::size_t length() const;
};

struct Family {
    /// Equal for two trees exactly when they are equal apart from locations, the values of constants and parameters,
    /// and the items of their IN lists of values. Constants that are no values (type modifiers, positions in ORDER BY
    /// and GROUP BY) count.
    std::string key;
    std::vector<InList> lists;  ///< in the order of the tree, the same in every member of the family
};

[[nodiscard]] Family family_of(const pg_query::ParseResult& tree);

/// Of a tree to edit: the expressions of Family::lists in their order, and every parameter.
[[nodiscard]] std::vector<pg_query::A_Expr*> mutable_lists(pg_query::ParseResult& tree);
[[nodiscard]] std::vector<pg_query::ParamRef*> mutable_parameters(pg_query::ParseResult& tree);

/// The value under an item's casts, and the outermost cast.
struct ListItem {
    const pg_query::A_Const* constant = nullptr;
    const pg_query::ParamRef* parameter = nullptr;
    const pg_query::TypeName* cast = nullptr;
};
/// nullopt where the item is no plain value (a row, an expression, a column, a subquery).
[[nodiscard]] std::optional<ListItem> list_item(const pg_query::Node& item);

}  // namespace pganalytics::rewrite
