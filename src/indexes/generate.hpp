#pragma once
// Which indexes could help a statement: one- and two-column candidates from how it uses its tables' columns. Wide on
// purpose: whether a candidate helps is for the planner to say. Pure, thread-safe.

#include <vector>

#include "indexes/candidate.hpp"
#include "indexes/column_uses.hpp"

namespace pganalytics::indexes {

struct GenerationLimits {
    double minimum_table_pages = 32;
    /// An index entry ends at 2,704 bytes, and wide keys make poor indexes long before.
    double maximum_key_bytes = 800;
    std::size_t maximum_per_statement = 60;
};

/// Pages of the relation, with those of its partitions.
[[nodiscard]] double total_pages(const catalog::Database& database, const catalog::Relation& relation);
/// Rows likewise; -1 where any part was never analysed and the rest is empty.
[[nodiscard]] double total_rows(const catalog::Database& database, const catalog::Relation& relation);

/// In a fixed order, without doubles, without what a valid index does already. Single columns come first; of the pairs
/// those with an equality before a range or an order, then two equalities in both orders (the more distinct first).
[[nodiscard]] std::vector<Candidate> generate_candidates(const Occurrences& occurrences,
                                                         const catalog::Database& database,
                                                         const GenerationLimits& limits);

}  // namespace pganalytics::indexes
