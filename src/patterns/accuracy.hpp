#pragma once
// Errors of forecasts as the M4 competition defines them (Makridakis, Spiliotis and Assimakopoulos 2020, International
// Journal of Forecasting 36; competitors' guide 2018):
//   sMAPE = mean of 200 |y − f| / (|y| + |f|), in percent (a term with y = f = 0 counts as 0)
//   MASE  = mean |y − f| / mean over the training part of |y_t − y_{t−m}|
//   OWA   = ½ (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2), over the averages of all series
// Naive2: the naive forecast of the series, seasonally adjusted by classical multiplicative decomposition if the
// autocorrelation at m passes a 90 % test.
// Pure functions, thread-safe. Places where the true value is a gap (NaN) are left out.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pganalytics::patterns {

/// absent if no place has both values.
[[nodiscard]] std::optional<double> smape(std::span<const double> actual, std::span<const double> forecast);
/// absent if no place has both values, or the training part never changes over a season.
[[nodiscard]] std::optional<double> mase(std::span<const double> actual, std::span<const double> forecast,
                                         std::span<const double> training, std::size_t season);
/// M4's seasonality test: |r_m| > 1.645 · sqrt((1 + 2 Σ_{k<m} r_k²) / n); at least three seasons.
[[nodiscard]] bool is_seasonal(std::span<const double> training, std::size_t season);
/// Gaps of `training` are filled by interpolation.
[[nodiscard]] std::vector<double> naive2(std::span<const double> training, std::size_t season, std::size_t horizon);
/// The season M4 gives a sampling: 24 for hours, 12 months, 4 quarters, 1 for days, weeks and years; a day for minutes.
[[nodiscard]] std::size_t m4_season(double step_seconds);

}  // namespace pganalytics::patterns
