#pragma once
// log(time) as a straight line in log(planner cost): the base that every model corrects, and a baseline of its own.
// Fitted with Huber's weights (Huber 1964), so that a few wild statements do not tilt it; the slope is kept above zero,
// because a costlier plan must never be predicted to be faster for its cost alone.

#include <span>

namespace pganalytics::prediction {

struct CostFit {
    double level = 0;  ///< log ms at cost 0
    double slope = 1;  ///< log ms a unit of log(1 + cost)

    [[nodiscard]] double log_ms(double total_cost) const;
    /// The same shape with the level that fits these observations (median): a database without a model of its own.
    [[nodiscard]] CostFit with_level_of(std::span<const double> costs, std::span<const double> log_ms) const;
};

/// Of at least one observation; with fewer than five the slope stays 1.
[[nodiscard]] CostFit fit_cost(std::span<const double> costs, std::span<const double> log_ms,
                               std::span<const double> weights);

}  // namespace pganalytics::prediction
