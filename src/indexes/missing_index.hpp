#pragma once
// `missing_index_detected`: B-tree indexes of one and two columns that a workload's statements would use and the
// database lacks. Candidates come from predicates, joins and order; the planner is asked what each would change
// (HypoPG through the Planner port), and where it cannot be asked our own cost formulas decide and the evidence says
// so. Method, thresholds and formulas: docs/rules/missing_index.md.
//
// Values in, values out: nothing is executed, nothing is stored. What could not be judged is in `notes`, not an error.
// Not thread-safe through its Planner (one caller at a time per Planner).

#include <map>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/ids.hpp"
#include "catalog/catalog.hpp"
#include "plan/planner.hpp"
#include "workload/statement.hpp"

namespace pganalytics::indexes {

struct MissingIndexOptions {
    /// A statement counts as served only if its planner cost falls by this much …
    double minimum_improvement_percent = 15;
    /// … and by this many cost units a call (about that many sequential page reads).
    double minimum_cost_saved = 10;
    /// Smaller tables are read as fast without an index.
    double minimum_table_pages = 32;
    /// Reads must gain this many times what writes lose.
    double minimum_gain_over_writes = 1;
    /// Statements whose time is lock waits to this share and more draw no index advice.
    double maximum_lock_wait_share = 0.5;
    /// Share of each statement's time spent waiting for locks, where it was sampled. Absent: not known, not assumed.
    std::map<base::QueryHash, double> lock_wait_share;
    /// Heaviest first; the rest is noted as not looked at.
    std::size_t maximum_statements = 2000;
};

/// What could not be checked, and why.
struct Note {
    base::QueryHash query_hash{};  ///< 0 where it is about no single statement
    std::string text;              ///< one sentence
};

struct MissingIndexFindings {
    std::vector<advice::Advice> advice;  ///< largest gain first
    std::vector<Note> notes;
};

/// A workload whose window is 0 (a file of statements) counts each statement as called once a minute; times are then
/// unknown, and shares and gains are in planner cost.
[[nodiscard]] MissingIndexFindings find_missing_indexes(const workload::Workload& workload,
                                                        const catalog::Database& database, plan::Planner& planner,
                                                        const MissingIndexOptions& options = {});

}  // namespace pganalytics::indexes
