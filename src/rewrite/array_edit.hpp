#pragma once
// The edit of in_vs_any_optimization: chosen IN lists of one statement become arrays. Internal to this module.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "rewrite/array_element.hpp"
#include "sql/edit.hpp"

namespace pganalytics::rewrite {

/// A list to change: its place in Family::lists, and the array's element type.
struct ArraySite {
    std::size_t list = 0;
    ElementType element;
};

/// Lists of parameters become one parameter each, and the statement's parameters are renumbered without gaps in their
/// old order. Lists of constants become an array literal, or with `as_parameters` a new parameter each.
/// No list may mix the two. Errors as sql::finish_edit.
[[nodiscard]] base::Result<sql::EditedStatement> with_arrays(const sql::Tree& tree, const std::vector<ArraySite>& sites,
                                                             bool as_parameters);

}  // namespace pganalytics::rewrite
