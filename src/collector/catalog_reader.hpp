#pragma once
// Reads one database's catalog as a value, on PostgreSQL 13 to 18: user schemas, relations, columns, statistics,
// indexes, constraints, activity, settings, extensions. Set-based queries in a few round trips, whatever the number of
// relations.
//
// Waits for nobody: sizes and definitions of relations on which ACCESS EXCLUSIVE is held or awaited are left out
// (size from pg_class.relpages), and the reading says which; what cannot be read within the lock time-out is left out
// the same way. What the role may not see is absent, never zero.
//
// Errors: those of the connection; grant_access never, since a lacking privilege only makes the reading poorer.

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

struct CatalogOptions {
    /// Caps for databases with very many relations: partitioned tables first, then the largest.
    int max_relations = 10000;
    /// Longest most_common_vals or histogram_bounds text of one column, and of all columns together: with very many
    /// columns each is kept shorter. Of common values the first stay, histograms are thinned evenly.
    int max_statistics_text = 4000;
    std::int64_t max_statistics_bytes = std::int64_t{16} << 20;
    /// Longest view or index definition; longer ones are left out.
    int max_definition_text = 65536;
};

struct CatalogReading {
    catalog::Database database;
    std::int64_t relations_found = 0;  ///< before the cap
    /// Qualified names of relations passed over because of a lock held or awaited on them.
    std::vector<std::string> locked_relations;
    /// Relations on which the role may not SELECT: their columns have no statistics and their statements no plan.
    std::int64_t unreadable_relations = 0;
    /// What is missing in the reading and why, one sentence each; empty as a rule.
    std::vector<std::string> notes;
};

[[nodiscard]] base::Result<CatalogReading> read_catalog(postgres::Connection& connection,
                                                        const CatalogOptions& options = {});

/// Settings and extensions alone, in one round trip: what changes without any relation changing.
[[nodiscard]] base::Result<std::map<std::string, catalog::Setting, std::less<>>> read_settings(
    postgres::Connection& connection);

/// The elements of a one-dimensional array as PostgreSQL prints it ("{a,\"b,c\",NULL}"); NULL elements are skipped. A
/// text that was cut off yields the elements that are whole.
[[nodiscard]] std::vector<std::string> parse_array_text(std::string_view text);

}  // namespace pganalytics::collector
