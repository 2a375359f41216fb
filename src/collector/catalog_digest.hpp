#pragma once
// Whether a database changed in a way that may change plans: relations, columns, indexes, their validity, statistics
// gathered, an order of magnitude of rows, settings that the planner reads. Pure.

#include <cstdint>

#include "catalog/catalog.hpp"

namespace pganalytics::collector {

[[nodiscard]] std::uint64_t catalog_digest(const catalog::Database& database);

}  // namespace pganalytics::collector
