#pragma once
// What advice would save in milliseconds, by a trained model: each statement that it serves is planned as it is and
// with the advice, and both plans are predicted. The heaviest one's times become evidence; where every one of them
// gains, the estimated improvement is that of the predicted times, and the basis says so.

#include "base/units.hpp"
#include "plan/planner.hpp"
#include "workflow/analysis.hpp"
#include "workflow/database_predictor.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workflow {

/// Ranks anew what it changed. Without a trained model, and for what planning cannot show, nothing is changed.
void add_predicted_times(Analysis& analysis, const workload::Workload& workload, plan::Planner& planner,
                         const DatabasePredictor& predictor, base::Timestamp now);

}  // namespace pganalytics::workflow
