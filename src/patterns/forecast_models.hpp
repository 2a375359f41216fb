#pragma once
// The pool of forecasting methods. Each learns its few parameters from a history (`fit`), then forecasts from the end
// of any history (`predict`), so that one fit serves many origins.
//
// Sources: Theta: Assimakopoulos and Nikolopoulos 2000, Hyndman and Billah 2003. Exponential smoothing with one or two
// seasons and an autoregressive error: Winters 1960, Taylor 2003 (double seasonal Holt–Winters). Harmonic regression:
// Hyndman and Athanasopoulos 2021, §7.4. Seasonal autoregression: Box and Jenkins 1970, by ridge regression.
//
// Values free of gaps. Methods are not thread-safe while fitting; predict is const.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pganalytics::patterns {

class ForecastMethod {
  public:
    virtual ~ForecastMethod() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    /// Shortest history that it can be fitted to and predict from.
    [[nodiscard]] virtual std::size_t minimum_history() const = 0;
    /// One that anyone would try first, with nothing to be fitted: what a better method has to beat.
    [[nodiscard]] virtual bool is_simple() const { return false; }
    virtual void fit(std::span<const double> history) = 0;
    [[nodiscard]] virtual std::vector<double> predict(std::span<const double> history, std::size_t horizon) const = 0;
};

/// All methods that make sense for these seasons (ascending, in samples). `is_positive`: add those on the log scale.
[[nodiscard]] std::vector<std::unique_ptr<ForecastMethod>> forecast_pool(const std::vector<std::size_t>& seasons,
                                                                         bool is_positive);

}  // namespace pganalytics::patterns
