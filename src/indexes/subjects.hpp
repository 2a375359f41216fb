#pragma once
// From a workload to what the selection works on: each statement with the texts to plan, its present cost, and the
// candidates that its own what-if found useful. What cannot be judged becomes a note.

#include <string>
#include <vector>

#include "catalog/catalog.hpp"
#include "indexes/column_uses.hpp"
#include "indexes/cost_estimator.hpp"
#include "indexes/missing_index.hpp"
#include "indexes/selection.hpp"
#include "workload/statement.hpp"

namespace pganalytics::indexes {

/// What selection and advice need to know of the workload. Points into the workload and the catalog.
struct Problem {
    std::vector<Candidate> pool;
    std::vector<SelectionSubject> subjects;
    bool times_known = false;  ///< gains are in ms a minute, else in planner cost
};

[[nodiscard]] SelectionLimits selection_limits(const MissingIndexOptions& options);

[[nodiscard]] Problem prepare(const workload::Workload& workload, const catalog::Database& database,
                              CostEstimator& estimator, const MissingIndexOptions& options, std::vector<Note>& notes);

}  // namespace pganalytics::indexes
