#pragma once
// Exponential smoothing with no, one or two additive seasons, a damped slope and an autoregressive error: Holt 1957,
// Winters 1960, Taylor 2003 (Short-term electricity demand forecasting using double seasonal exponential smoothing).
// Parameters by pattern search on the one-step errors, bounded so that one outlier does not set them.

#include <cstddef>
#include <memory>
#include <vector>

#include "patterns/forecast_models.hpp"

namespace pganalytics::patterns {

/// `seasons`: at most two, ascending.
[[nodiscard]] std::unique_ptr<ForecastMethod> make_smoothing(std::vector<std::size_t> seasons);

}  // namespace pganalytics::patterns
