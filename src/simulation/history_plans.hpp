#pragma once
// Plans for the statements of a simulated history, as a collector would have captured them: written, not planned, since
// no server stands behind a made-up past. A plan's shape follows from the statement (tables, joins, order, grouping,
// limit) and from whether it is fast; its cost is near its time, by a constant and a spread of its own, as planner
// costs are. A planted change of times that stays is a change of plan at that moment. Pure; deterministic in the
// history.

#include <vector>

#include "simulation/history.hpp"
#include "store/ingest.hpp"

namespace pganalytics::simulation {

/// Oldest first.
[[nodiscard]] std::vector<store::CapturedPlan> captured_plans(const HistorySimulator& history);

}  // namespace pganalytics::simulation
