#pragma once
// Batch jobs: the same queries in the same narrow window, every hour, day, week (or some weekdays) or month.
//
// Runs are cut out of each query's fine series (bursts above its own quiet level). A schedule is accepted if runs recur
// at one place of the cycle with small jitter on most of the occasions since the first, beyond what as many runs at
// random places would (binomial tail, all schedules tried counted). Queries whose windows and days coincide are one
// job.
//
// Minutes of the day are UTC. Never fails. Thread-safe.

#include <span>
#include <vector>

#include "base/ids.hpp"
#include "patterns/pattern.hpp"
#include "patterns/series.hpp"
#include "patterns/time_zone.hpp"

namespace pganalytics::patterns {

struct QueryActivity {
    base::QueryHash query_hash{};
    Series calls;    ///< per minute to per hour
    Series time_ms;  ///< same grid
};

struct BatchOptions {
    double significance = 0.005;
    double minimum_recurrence = 0.6;  ///< share of the occasions on which it ran
};

/// Jobs of one database, heaviest first. `database_time_ms` is the database's time over the same grid or empty.
[[nodiscard]] std::vector<Pattern> find_batch_jobs(std::span<const QueryActivity> queries, double database_time_ms,
                                                   const TimeZone& zone, const BatchOptions& options = {});

}  // namespace pganalytics::patterns
