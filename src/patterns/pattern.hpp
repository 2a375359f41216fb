#pragma once
// What the detectors report: one recurring shape of a database's load. Field names are those of the HTTP contract.
// Value types. Hours are UTC; times of day count minutes from midnight UTC.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace pganalytics::patterns {

enum class PatternType { hourly_peak, daily_cycle, weekly_pattern, batch_job, periodic };

/// The name in JSON and in the repository: "hourly_peak".
[[nodiscard]] std::string_view to_string(PatternType type);
[[nodiscard]] std::optional<PatternType> parse_pattern_type(std::string_view name);

/// Absent where a field has no meaning for the type.
struct PatternMetadata {
    std::optional<int> peak_hour;                   ///< 0..23 UTC
    std::optional<double> variance;                 ///< coefficient of variation of the peak hour over the days
    double confidence = 0;                          ///< consistency × recurrence, 0..1
    std::vector<base::QueryHash> affected_queries;  ///< heaviest first
    std::optional<double> z_score_count;      ///< (hour's mean − mean of hour means) / σ of hour means, of calls
    std::optional<double> z_score_time;       ///< the same of mean execution time
    std::optional<double> days_observed;      ///< days with data, a fraction
    std::optional<double> consistency_score;  ///< 1 − variance, at least 0
    std::optional<double> recurrence_score;   ///< share of days (cycles) that show it
    std::optional<double> frequency;          ///< occurrences a week
    std::optional<double> impact_score;       ///< share of database time inside it, 0..1
    std::optional<double> period_hours;
    std::optional<double> p_value;   ///< of the noise test, the search counted
    std::optional<double> strength;  ///< share of the detrended variance that it explains
    std::vector<int> days_of_week;   ///< 0 Monday..6 Sunday UTC; empty: all, or no meaning
    // Batch jobs.
    std::optional<int> start_minute;  ///< of the day (of the hour for hourly jobs), 0..1439
    std::optional<double> duration_minutes;
    std::optional<double> jitter_minutes;      ///< robust standard deviation of the start
    std::vector<int> days_of_month;            ///< monthly jobs
    std::optional<base::Timestamp> last_seen;  ///< newest occurrence
};

struct Pattern {
    PatternType type = PatternType::periodic;
    std::string description;  ///< one sentence in the target's time zone
    PatternMetadata metadata;
};

}  // namespace pganalytics::patterns
