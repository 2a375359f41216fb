#pragma once
// Two real runs of one statement, EXPLAIN (ANALYZE, BUFFERS) before and after a setting was changed, set against each
// other. The running is the caller's, with consent. Pure function, thread-safe.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace pganalytics::parameters {

struct RunComparison {
    double before_ms = 0, after_ms = 0;
    double gain_percent = 0;                               ///< of the time; negative where it became slower
    double temp_blocks_before = 0, temp_blocks_after = 0;  ///< written
    bool spill_removed = false;                            ///< there was one, and there is none
    bool same_shape = true;
    /// By at least the least gain asked for, and in two of three pairs where both sides have as many runs.
    bool helped = false;
    std::vector<std::string> facts;  ///< one sentence each, figures with units
};

/// One run each says little: give several of each, alternating; medians are compared. fix_input where a plan was not
/// run (no execution time) or a side is empty; unprocessable where the runs returned different numbers of rows.
[[nodiscard]] base::Result<RunComparison> compare_runs(const std::vector<plan::Plan>& before,
                                                       const std::vector<plan::Plan>& after,
                                                       double least_gain_percent = 10);

}  // namespace pganalytics::parameters
