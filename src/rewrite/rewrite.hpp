#pragma once
// Rewrites: statements that give the same rows and win in their rule's declared unit. `suggest_rewrites` runs every
// registered rule (registry.cpp) over a workload. Nothing is executed: a rule reads the workload and the catalog, and
// asks the Planner port.
//
// A rewrite is returned only where its equivalence is proven by the rule's conditions on the catalog and where it
// passed its rule's own check. What was looked at and turned down is in `refused`, with the reason.
//
// One call is single-threaded; several may run at once on different planners.

#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/ids.hpp"
#include "catalog/catalog.hpp"
#include "plan/planner.hpp"
#include "workload/statement.hpp"

namespace pganalytics::rewrite {

struct Inputs {
    const workload::Workload& workload;
    const catalog::Database& database;
    plan::Planner& planner;
};

/// A statement that a rule would have rewritten but for the reason given.
struct Refusal {
    std::string rule;
    base::QueryHash query_hash{};
    std::string reason;  ///< one sentence
};

struct Findings {
    std::vector<advice::Advice> advice;  ///< in the order of the rules, then of the workload
    std::vector<Refusal> refused;
};

[[nodiscard]] Findings suggest_rewrites(const Inputs& inputs);

}  // namespace pganalytics::rewrite
