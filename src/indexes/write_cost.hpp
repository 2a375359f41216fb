#pragma once
// What a new index costs those who write its table: index entries a minute times the time one entry takes. The formula
// is in docs/rules/missing_index.md. Pure, thread-safe.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "catalog/catalog.hpp"
#include "indexes/candidate.hpp"
#include "workload/statement.hpp"

namespace pganalytics::indexes {

/// What the workload does to one table, a minute.
struct TableWrites {
    double rows_inserted = 0;
    double rows_updated = 0;
    double rows_deleted = 0;
    /// Rows updated by statements that assign the column.
    std::map<std::string, double> rows_assigning;
    double write_time_ms = 0;  ///< time of the INSERTs seen, to learn what a row costs here
    double timed_rows = 0;     ///< rows of those
    double hot_share = 0;      ///< of updates that needed no index entry so far, from the table's counters
};

/// Writes by relation, from the workload's own DML. The tables' cumulative counters give no rate: a table that was just
/// loaded would look as if it were written all the time. Empty where the workload has no window (a file of statements):
/// rates are then unknown.
[[nodiscard]] std::map<const catalog::Relation*, TableWrites> table_writes(const workload::Workload& workload,
                                                                           const catalog::Database& database);

struct WriteCost {
    double entries_per_minute = 0;
    double milliseconds_per_entry = 0;
    [[nodiscard]] double milliseconds_per_minute() const { return entries_per_minute * milliseconds_per_entry; }
};
[[nodiscard]] WriteCost write_cost(const Candidate& candidate, const TableWrites& writes);

}  // namespace pganalytics::indexes
