#include "workflow/job_move.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::workflow {

std::optional<int> moved_from(const patterns::PatternMetadata& job, int before) {
    constexpr double least_minutes = 10;
    if (!job.start_minute) return std::nullopt;
    const double cycle = std::min(1440.0, 60 * job.period_hours.value_or(24));
    const double apart = std::abs(std::remainder(*job.start_minute - before, cycle));
    if (apart < std::max(least_minutes, 3 * job.jitter_minutes.value_or(0))) return std::nullopt;
    return before;
}

}  // namespace pganalytics::workflow
