#pragma once
// The detectors over a database's history: hourly_peak, daily_cycle, weekly_pattern, batch_job, periodic.
//
// hourly_peak: an hour above mean + 1σ of the hour means, on days that a rotation test (each day turned by a random
// number of hours) says are alike; confidence = consistency × recurrence, reported above `peak_confidence`.
// daily_cycle, weekly_pattern, periodic: patterns/periodicity.hpp. batch_job: patterns/batch_jobs.hpp.
// A flat or random workload yields nothing: each detector spends its share of `significance`.
//
// No I/O, no randomness from outside: surrogates come from a generator seeded by the data. Never fails. Thread-safe.

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "patterns/changes.hpp"
#include "patterns/pattern.hpp"
#include "patterns/series.hpp"
#include "patterns/time_zone.hpp"

namespace pganalytics::patterns {

/// What one query did. `calls` and `time_ms` (sums per bucket) share one grid, an hour by default; `fine_time_ms`,
/// where raw intervals are still kept, has minutes and serves the batch jobs.
struct QueryHistory {
    base::QueryHash query_hash{};
    Series calls;
    Series time_ms;
    std::optional<Series> fine_calls;
    std::optional<Series> fine_time_ms;
};

/// What one database did, and its queries.
struct DatabaseHistory {
    std::string database_name;
    Series calls;
    Series time_ms;
    std::vector<QueryHistory> queries;
    TimeZone time_zone;
};

struct DetectOptions {
    double significance = 0.02;    ///< chance that noise yields any pattern
    double peak_confidence = 0.8;  ///< hourly peaks below this are not reported
};

/// A change of the database's load that happened once.
struct Incident {
    base::Timestamp begins;
    base::Timestamp ends;
    double value = 0;
    double expected = 0;
    double score = 0;
    bool is_level_shift = false;
};

struct Detection {
    std::vector<Pattern> patterns;  ///< most confident first within a type
    std::vector<Incident> outliers;
    std::vector<Incident> level_shifts;
};

/// Patterns of one database with its queries.
[[nodiscard]] Detection detect_patterns(const DatabaseHistory& history, const DetectOptions& options = {});

/// Patterns of one series that is nobody's calls: any sampling, `has_clock` false where its times are invented (a file
/// without timestamps), so that hours of the day mean nothing.
[[nodiscard]] Detection detect_in_series(const Series& series, bool has_clock, const TimeZone& zone = {},
                                         const DetectOptions& options = {});

}  // namespace pganalytics::patterns
