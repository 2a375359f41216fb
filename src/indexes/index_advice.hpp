#pragma once
// One chosen step of the selection as advice: statement, rollback, reasoning, evidence. Pure but for the estimator,
// which is asked again for the plans that the evidence names.

#include <map>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "catalog/catalog.hpp"
#include "indexes/cost_estimator.hpp"
#include "indexes/ddl.hpp"
#include "indexes/subjects.hpp"
#include "indexes/write_cost.hpp"

namespace pganalytics::indexes {

struct AdviceContext {
    const workload::Workload& workload;
    const catalog::Database& database;
    const Problem& problem;
    CostEstimator& estimator;
    const std::map<const catalog::Relation*, TableWrites>& writes;
    bool asked_planner = true;  ///< false: our own formulas, since there are no hypothetical indexes
    std::string why_not_asked;  ///< the planner's reason then
};

/// `before`: candidates of the steps chosen earlier.
/// `index_names`: the names of those by pool number; the step's own are added.
[[nodiscard]] advice::Advice advise(const Step& step, const std::vector<std::size_t>& before,
                                    const AdviceContext& context, Names& names,
                                    std::map<std::size_t, std::string>& index_names);

}  // namespace pganalytics::indexes
