#pragma once
// Patterns as the JSON of the HTTP contract; the one place that knows its field names. Field order is by name. A query
// hash above 2^53 loses digits in a browser, so `affected_queries_text` repeats them as strings.
// Pure functions, thread-safe.

#include <nlohmann/json_fwd.hpp>

#include "patterns/detect.hpp"
#include "patterns/forecast.hpp"
#include "patterns/pattern.hpp"

namespace pganalytics::patterns {

/// `pattern_metadata`: always peak_hour, variance, confidence, affected_queries, z_score_count, z_score_time,
/// days_observed, consistency_score, recurrence_score, frequency, impact_score and period_hours (null where one has no
/// meaning for the type), and the others where they have one.
[[nodiscard]] nlohmann::json metadata_json(const PatternMetadata& metadata);

/// {"begins", "ends", "value", "expected", "score"}; a level shift has "at", "before", "after", "score".
[[nodiscard]] nlohmann::json incident_json(const Incident& incident);

/// {"mean", "lower_80", …} for each step with its time, the methods and the seasons.
[[nodiscard]] nlohmann::json forecast_json(const Forecast& forecast, base::Timestamp first, base::Seconds step);

}  // namespace pganalytics::patterns
