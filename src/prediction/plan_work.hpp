#pragma once
// What a plan would do, counted by kind of work: rows hashed, sorted, looked up and compared, pages that may have to be
// read, each times how often its node runs. The units that a time is the sum of (after Rieger & Neumann, "T3", 2025,
// and the calibrated cost models of Wu et al., ICDE 2013); `WorkFit` learns what each costs.
//
// How often a node runs is taken from costs rather than rows: a nested loop's own cost says what its planner charged
// for the inner side, caches and early ends included, so that the parts never add up to more than the whole. Estimates
// only; nothing of an execution is read. Thread-safe.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "plan/plan.hpp"

namespace pganalytics::prediction {

struct WorkUnit {
    std::string_view name, unit, meaning;
    /// What one unit costs by PostgreSQL's own constants, in its cost unit: where learning starts from. 0: not part of
    /// the sum, a feature only.
    double planner_cost;
    /// How sure that is: standard deviation of the logarithm.
    double doubt;
};

[[nodiscard]] std::span<const WorkUnit> work_units();

struct WorkSetting {
    std::optional<double> work_mem_bytes;
    std::optional<double> cold_share;  ///< of blocks to be read: 0 warm … 1 cold
};
/// One number for each unit; NaN where the setting it needs is unknown.
[[nodiscard]] std::vector<double> work_of(const plan::Plan& plan, const WorkSetting& setting);

}  // namespace pganalytics::prediction
