#include "rewrite/array_element.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.hpp"

namespace pganalytics::rewrite {
namespace {

using base::Error;
using base::ErrorCode;

struct KnownType {
    std::string_view base_type;
    std::string_view element;
    ElementKind kind;
    int integer_bytes = 0;
};

constexpr std::array<KnownType, 14> known_types = {{{"int2", "int2", ElementKind::integer, 2},
                                                    {"int4", "int4", ElementKind::integer, 4},
                                                    {"int8", "int8", ElementKind::integer, 8},
                                                    {"numeric", "numeric", ElementKind::number},
                                                    {"float8", "float8", ElementKind::number},
                                                    {"text", "text", ElementKind::text},
                                                    {"varchar", "text", ElementKind::text},  // compared as text
                                                    {"bpchar", "bpchar", ElementKind::quoted},
                                                    {"bool", "bool", ElementKind::boolean},
                                                    {"date", "date", ElementKind::quoted},
                                                    {"timestamp", "timestamp", ElementKind::quoted},
                                                    {"timestamptz", "timestamptz", ElementKind::quoted},
                                                    {"time", "time", ElementKind::quoted},
                                                    {"uuid", "uuid", ElementKind::quoted}}};

const KnownType* find_known(std::string_view base_type) {
    const auto found = std::find_if(known_types.begin(), known_types.end(),
                                    [base_type](const KnownType& type) { return type.base_type == base_type; });
    return found == known_types.end() ? nullptr : &*found;
}

ElementType made_of(const KnownType& type) {
    return {std::string(type.element), type.kind, type.integer_bytes};
}

Error turned_down(std::string reason) {
    return {ErrorCode::unsupported, std::move(reason), "", ""};
}

std::string literal_text(const pg_query::A_Const& constant) {
    switch (constant.val_case()) {
        case pg_query::A_Const::kIval:
            return std::to_string(constant.ival().ival());
        case pg_query::A_Const::kFval:
            return constant.fval().fval();
        case pg_query::A_Const::kBoolval:
            return constant.boolval().boolval() ? "true" : "false";
        case pg_query::A_Const::kSval:
            return constant.sval().sval();
        default:
            return "";
    }
}

bool fits(std::int64_t value, int bytes) {
    if (bytes == 8) return true;
    if (bytes == 4)
        return value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max();
    return value >= std::numeric_limits<std::int16_t>::min() && value <= std::numeric_limits<std::int16_t>::max();
}

/// Whether the literal, put into an array of that type, is the value that IN compares with.
bool is_of(const pg_query::A_Const& constant, const ElementType& type) {
    const auto text = literal_text(constant);
    switch (type.kind) {
        case ElementKind::integer: {
            if (constant.has_boolval() || constant.has_bsval()) return false;
            const auto value = base::parse_integer(base::trim(text));
            return value && fits(*value, type.integer_bytes);
        }
        case ElementKind::number:
            return !constant.has_boolval() && !constant.has_bsval() && base::parse_number(base::trim(text)).has_value();
        case ElementKind::boolean:
            return constant.has_boolval();
        case ElementKind::text:
        case ElementKind::quoted:
            return constant.has_sval();
    }
    return false;
}

/// An element inside the braces of an array literal (manual, "Array Input and Output Syntax").
std::string element_text(std::string_view value) {
    constexpr std::string_view special = "{}\",\\ \t\n\r\v\f";
    const bool quote =
        value.empty() || base::to_lower(value) == "null" || value.find_first_of(special) != std::string_view::npos;
    if (!quote) return std::string(value);
    std::string quoted = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

/// The one cast that all items carry; "" without; an error where they differ.
base::Result<const pg_query::TypeName*> common_cast(const InList& list) {
    const pg_query::TypeName* first = nullptr;
    bool is_first = true;
    for (const auto& node : list.expression->rexpr().list().items()) {
        const auto item = list_item(node);
        const auto* cast = item->cast;
        if (cast != nullptr && (cast->typmods_size() > 0 || cast->array_bounds_size() > 0)) {
            return turned_down("The list's items are cast to a type with a modifier, which an array would not repeat.");
        }
        if (is_first) {
            first = cast;
            is_first = false;
            continue;
        }
        const bool same =
            (cast == nullptr) == (first == nullptr) &&
            (cast == nullptr || cast->names().rbegin()->string().sval() == first->names().rbegin()->string().sval());
        if (!same) return turned_down("The list's items are cast to different types.");
    }
    return first;
}

}  // namespace

std::optional<ElementType> element_type_of(const catalog::Column& column) {
    if (const auto* known = find_known(column.base_type)) return made_of(*known);
    // An enumeration's format_type() is qualified where the search path does not reach it.
    if (column.type_category == "E") return ElementType{column.type, ElementKind::quoted, 0};
    return std::nullopt;
}

base::Result<ElementType> element_type_of(const InList& list, const catalog::Column& column) {
    const auto of_column = element_type_of(column);
    if (!of_column) {
        return turned_down(
            fmt::format("Equality of the type {} in a list and in an array is not covered by the proof.", column.type));
    }
    PGANALYTICS_ASSIGN(const auto* cast, common_cast(list));
    ElementType type = *of_column;
    if (cast != nullptr) {
        const auto* known = find_known(cast->names().rbegin()->string().sval());
        const bool comparable = known != nullptr && known->kind == type.kind &&
                                (known->kind == ElementKind::integer || known->element == type.sql_name);
        if (!comparable) {
            return turned_down(fmt::format("The list's items are cast to {}, the column is {}.",
                                           cast->names().rbegin()->string().sval(), column.type));
        }
        type = made_of(*known);
    }
    for (const auto& node : list.expression->rexpr().list().items()) {
        const auto item = list_item(node);
        if (item->constant == nullptr) continue;
        if (item->constant->isnull())
            return turned_down("The list holds a NULL, which deserves a look before anything.");
        if (!is_of(*item->constant, type)) {
            return turned_down(fmt::format("The list's value {} is not of the column's type {}.",
                                           literal_text(*item->constant), column.type));
        }
    }
    return type;
}

std::string array_literal(const InList& list) {
    std::string elements;
    for (const auto& node : list.expression->rexpr().list().items()) {
        if (!elements.empty()) elements += ',';
        elements += element_text(literal_text(*list_item(node)->constant));
    }
    return catalog::quote_literal("{" + elements + "}");
}

ListContents contents_of(const InList& list) {
    bool constants = false, parameters = false;
    for (const auto& node : list.expression->rexpr().list().items()) {
        const auto item = list_item(node);
        (item->constant != nullptr ? constants : parameters) = true;
    }
    if (constants && parameters) return ListContents::mixed;
    return constants ? ListContents::constants : ListContents::parameters;
}

}  // namespace pganalytics::rewrite
