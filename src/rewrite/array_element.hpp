#pragma once
// Which array an IN list of values becomes, so that `column = ANY (array)` compares as `column IN (list)` does.
// Internal to this module.
//
// PostgreSQL resolves `column IN (values)` to one common type and compares with that type's operator (manual, "UNION,
// CASE, and Related Constructs"; "Row and Array Comparisons"). For the types here the common type of the column and of
// values of its own type is the column's, so the array of that type compares alike, NULLs and empty matches included.
// Left out because it is not so, or not surely: float4 (compared as float8 with a decimal literal), name, "char",
// bytea, domains, composite and range types.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "rewrite/in_list.hpp"

namespace pganalytics::rewrite {

enum class ElementKind { integer, number, text, boolean, quoted };

struct ElementType {
    std::string sql_name;  ///< "int4", "text", "public.mood": ready for `::name[]`
    ElementKind kind = ElementKind::quoted;
    int integer_bytes = 0;  ///< of an integer
};

[[nodiscard]] std::optional<ElementType> element_type_of(const catalog::Column& column);

/// The element type for this list against that column. The error says, as a reason for not rewriting, which condition
/// fails: a NULL, casts that differ, a literal that is not of the type.
[[nodiscard]] base::Result<ElementType> element_type_of(const InList& list, const catalog::Column& column);

/// `'{1,2,3}'`: the list's constants as an array literal. Only for lists that element_type_of accepted.
[[nodiscard]] std::string array_literal(const InList& list);

/// Whether all items are constants, all parameters, or some of both.
enum class ListContents { constants, parameters, mixed };
[[nodiscard]] ListContents contents_of(const InList& list);

}  // namespace pganalytics::rewrite
