#pragma once
// Pattern detection on a file, as `evaluate patterns --series file.csv` prints it. Needs no database. Pure functions,
// thread-safe. The format of the file: patterns/series_text.hpp.

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.hpp"
#include "patterns/detect.hpp"
#include "patterns/time_zone.hpp"

namespace pganalytics::evaluation {

/// {"patterns": [{"pattern_type", "period_hours", "confidence", "description", "pattern_metadata"}], "outliers": [...],
///  "level_shifts": [...], "series": {"samples", "observed", "step_seconds", "has_timestamps"}}.
/// fix_input names the line that could not be read.
[[nodiscard]] base::Result<nlohmann::json> evaluate_patterns(std::string_view csv, const patterns::TimeZone& zone = {},
                                                             const patterns::DetectOptions& options = {});

}  // namespace pganalytics::evaluation
