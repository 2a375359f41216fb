#pragma once
// What is planted in a history, computed from the plan alone, without its noise. Internal to `simulation`.
//
// hourly_peak: the hours whose planned calls lie above mean + 1σ of the 24 hour means, on the busier group of weekdays
// where the plan has two clear groups (the detectors' own definition). Those within 0.15σ of that threshold,
// and those that rise too little above the mean to be told from noise, are not required.

#include "simulation/history_statements.hpp"

namespace pganalytics::simulation {

/// Fills patterns, incidents and changes; begin and end must be set.
void plant_truth(const Scenario& scenario, const HistoryStatements& statements, HistoryTruth& truth);

/// 0 Monday..6 Sunday, UTC.
[[nodiscard]] int weekday_of(base::Timestamp at);
[[nodiscard]] int minute_of_day(base::Timestamp at);
/// Whether the day (UTC midnight) is one of the batch's.
[[nodiscard]] bool runs_on(const PlannedBatch& batch, base::Timestamp day);
/// The load of an hour without noise.
[[nodiscard]] double planned_load(const Scenario& scenario, int weekday, int hour);

}  // namespace pganalytics::simulation
