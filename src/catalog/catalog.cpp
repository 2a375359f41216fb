#include "catalog/catalog.hpp"

#include <algorithm>
#include <ranges>

#include "base/text.hpp"

namespace pganalytics::catalog {

const Column* Relation::find_column(std::string_view column_name) const {
    const auto found = std::ranges::find(columns, column_name, &Column::name);
    return found == columns.end() ? nullptr : &*found;
}

std::string Relation::qualified_name() const {
    return quote_identifier(schema) + "." + quote_identifier(name);
}

const Relation* Database::find_relation(std::string_view wanted_schema, std::string_view relation_name) const {
    const auto in_schema = [&](std::string_view schema_name) -> const Relation* {
        const auto found = std::ranges::find_if(relations, [&](const Relation& relation) {
            return relation.name == relation_name && relation.schema == schema_name;
        });
        return found == relations.end() ? nullptr : &*found;
    };
    if (!wanted_schema.empty()) return in_schema(wanted_schema);
    for (const std::string& schema_name : search_path) {
        if (const Relation* found = in_schema(schema_name)) return found;
    }
    const Relation* only = nullptr;
    for (const Relation& relation : relations) {
        if (relation.name != relation_name) continue;
        if (only != nullptr) return nullptr;
        only = &relation;
    }
    return only;
}

bool Database::has_extension(std::string_view extension_name) const {
    return std::ranges::find(extensions, extension_name, &Extension::name) != extensions.end();
}

std::optional<base::Bytes> Database::memory_setting(std::string_view setting_name) const {
    const auto found = settings.find(setting_name);
    if (found == settings.end()) return std::nullopt;
    // pg_settings gives "8kB" as the unit of settings counted in pages; a bare number is in that unit.
    base::Bytes unit = base::kibibytes(1);
    if (!found->second.unit.empty()) {
        const std::string one_unit = (found->second.unit.front() >= '0' && found->second.unit.front() <= '9')
                                         ? found->second.unit
                                         : "1" + found->second.unit;
        if (const auto parsed = base::parse_memory(one_unit)) unit = *parsed;
    }
    const auto value = base::parse_memory(found->second.value, unit);
    if (!value) return std::nullopt;
    return *value;
}

std::optional<double> Database::number_setting(std::string_view setting_name) const {
    const auto found = settings.find(setting_name);
    if (found == settings.end()) return std::nullopt;
    return base::parse_number(found->second.value);
}

}  // namespace pganalytics::catalog
