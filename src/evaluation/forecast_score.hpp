#pragma once
// Forecasts of a file of series, scored as the M4 competition does, as `evaluate forecast --series file.jsonl` prints
// it. Each line: {"id", "frequency_seconds", "values": […], "future": […]}; null in either is a gap; `future` may be
// absent, then the series is forecast for 48 hours (at least 8 steps) and not scored. Needs no database. Thread-safe.
// Definitions: patterns/accuracy.hpp.

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.hpp"

namespace pganalytics::evaluation {

/// {"overall": {"smape", "mase", "owa", "coverage_80", "coverage_95", "series"}, "series": [{"id", "smape", "mase",
/// "owa",
///  "coverage_80", "coverage_95", "naive2_smape", "naive2_mase", "mean", "lower_80", …, "methods"}]}.
/// overall averages smape and mase over series and takes owa from those averages, as the competition does; a series
/// that cannot be forecast carries "error" and is left out of the averages. A value that does not exist is null.
/// fix_input names the line that could not be read.
[[nodiscard]] base::Result<nlohmann::json> evaluate_forecasts(std::string_view jsonl);

}  // namespace pganalytics::evaluation
