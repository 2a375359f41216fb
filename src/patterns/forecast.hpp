#pragma once
// The next hours and days of a series, with intervals that hold.
//
// A pool of methods (patterns/forecast_models.hpp) is tried on the series' own newest windows; their forecasts are
// combined with weights by the errors made there (Bates and Granger 1969; M4: Makridakis, Spiliotis and Assimakopoulos
// 2020), and the intervals are the quantiles of those same errors by horizon, kept conformal (Stankevičiūtė et al.
// 2021 for multi-step; finite-sample rank). Nothing is drawn from outside the series.
//
// Never negative where no observation is. Gaps are allowed (NaN). Thread-safe, deterministic.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "patterns/series.hpp"

namespace pganalytics::patterns {

struct ForecastPoint {
    double mean = 0;
    double lower_80 = 0;
    double upper_80 = 0;
    double lower_95 = 0;
    double upper_95 = 0;
};

struct MethodWeight {
    std::string method;     ///< "seasonal_naive_168", "hour_of_week", "theta", …
    double weight = 0;      ///< sums to 1 over the methods
    double tail_error = 0;  ///< mean absolute error on the training tail
};

struct Forecast {
    std::vector<ForecastPoint> points;  ///< one a step
    std::vector<MethodWeight> methods;  ///< heaviest first
    std::vector<double> seasons;        ///< season lengths used, in samples
    std::size_t windows_tried = 0;      ///< cuts of the training tail that weights and intervals stand on
};

struct ForecastOptions {
    /// Season lengths in samples to consider beside those found; empty: a day and a week by the step.
    std::vector<std::size_t> seasons;
    base::Seconds step{3600};
};

/// The season lengths that a calendar suggests for a sampling: a day and a week for minutes and hours, a week for days,
/// a year for months and quarters.
[[nodiscard]] std::vector<std::size_t> calendar_seasons(base::Seconds step);

/// unprocessable where fewer than 3 values are known.
[[nodiscard]] base::Result<Forecast> forecast(std::span<const double> values, std::size_t horizon,
                                              const ForecastOptions& options = {});

}  // namespace pganalytics::patterns
