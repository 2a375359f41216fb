#pragma once
// Size of a B-tree before it exists, from the columns' statistics. PostgreSQL 13 and newer store a repeated key once
// with a list of row addresses (deduplication), which HypoPG 1.3 ignores: it overestimates 1.4 to 5 times there.
// Sources: PostgreSQL manual, "B-Tree Indexes: Deduplication"; nbtree.h and nbtdedup.c for the sizes.
// Pure, thread-safe. Bytes of 8 kB pages.

#include <optional>

#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "indexes/candidate.hpp"

namespace pganalytics::indexes {

/// nullopt where the number of rows is unknown (never analysed).
[[nodiscard]] std::optional<base::Bytes> estimate_index_size(const Candidate& candidate, double rows);

}  // namespace pganalytics::indexes
