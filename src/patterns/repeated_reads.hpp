#pragma once
// Does a read give the same result again and again? Only when each call is held against what wrote its tables: a call
// with no write since the call before it had the result of that call. Buckets in which both a write and calls fall
// count as changed for every call in them, so coarser history says less, never more.
//
// Two witnesses must agree with the statements that are seen to write: the number of rows must be the same from bucket
// to bucket, and the server's own counters of changed rows must stand still wherever no write was seen; a trigger, a
// cascade or a function that writes behind the history's back shows there.
//
// Instants are UTC. Pure functions, thread-safe, never fail.

#include <optional>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "patterns/job_runs.hpp"
#include "patterns/series.hpp"

namespace pganalytics::patterns {

/// pg_stat_user_tables at one moment: rows inserted, updated and deleted so far, of all tables of a read together.
struct ChangeReading {
    base::Timestamp at;
    double changes = 0;
};

struct RepeatedRead {
    double calls_per_day = 0;
    double mean_ms = 0;
    double ms_per_day = 0;
    double usual_gap_minutes = 0;  ///< between buckets in which it ran, median
    double unchanged = 0;          ///< share of calls with no write since the call before
    double changes_per_day = 0;    ///< times a day that its result had to be made anew
    double rows_per_call = 0;
    double pages_per_call = 0;
    double days = 0;                 ///< watched
    std::size_t readings_agree = 0;  ///< pairs of counter readings that agree with the writes seen
};

struct RepeatOptions {
    double least_days = 7;
    double longest_gap_minutes = 360;
    double least_mean_ms = 100;  ///< a cheaper read is not worth a copy
    double least_ms_per_day = 10'000;
    double least_unchanged = 0.8;
    std::size_t least_readings = 4;  ///< pairs of counter readings
};

/// nullopt where the read is not as the options ask, or the witnesses disagree. `writes` are the buckets of statements
/// that write its tables, `counters` oldest first, `days` how long was watched.
[[nodiscard]] std::optional<RepeatedRead> find_repeated_read(std::span<const StatementActivity> reads,
                                                             std::span<const StatementActivity> writes,
                                                             std::span<const ChangeReading> counters, double days,
                                                             const RepeatOptions& options = {});

}  // namespace pganalytics::patterns
