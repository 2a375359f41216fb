#include "patterns/accuracy.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "patterns/robust.hpp"
#include "patterns/spectrum.hpp"

namespace pganalytics::patterns {
namespace {

bool both_known(double a, double b) {
    return !std::isnan(a) && !std::isnan(b);
}

/// Classical multiplicative decomposition: one factor a place of the season, mean 1, counted from the first value.
std::vector<double> seasonal_factors(std::span<const double> values, std::size_t season) {
    const std::size_t half = season / 2;
    const bool is_even = season % 2 == 0;
    std::vector<double> sums(season, 0.0);
    std::vector<std::size_t> counts(season, 0);
    for (std::size_t t = half; t + half < values.size(); ++t) {
        double trend = 0;
        for (std::size_t k = t - half; k <= t + half; ++k) {
            const bool is_end = is_even && (k == t - half || k == t + half);
            trend += values[k] * (is_end ? 0.5 : 1.0);
        }
        trend /= static_cast<double>(season);
        const double ratio = values[t] / trend;
        if (!std::isfinite(ratio)) continue;
        sums[t % season] += ratio;
        ++counts[t % season];
    }
    std::vector<double> factors(season, 1.0);
    double mean = 0;
    for (std::size_t i = 0; i < season; ++i) {
        if (counts[i] > 0) factors[i] = sums[i] / static_cast<double>(counts[i]);
        mean += factors[i] / static_cast<double>(season);
    }
    for (double& factor : factors) factor = mean != 0 ? factor / mean : 1.0;
    return factors;
}

}  // namespace

std::optional<double> smape(std::span<const double> actual, std::span<const double> forecast) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < std::min(actual.size(), forecast.size()); ++i) {
        if (!both_known(actual[i], forecast[i])) continue;
        const double size = std::abs(actual[i]) + std::abs(forecast[i]);
        if (size > 0) sum += 200 * std::abs(actual[i] - forecast[i]) / size;
        ++count;
    }
    if (count == 0) return std::nullopt;
    return sum / static_cast<double>(count);
}

std::optional<double> mase(std::span<const double> actual, std::span<const double> forecast,
                           std::span<const double> training, std::size_t season) {
    double scale = 0;
    std::size_t steps = 0;
    for (std::size_t t = season; t < training.size(); ++t) {
        if (!both_known(training[t], training[t - season])) continue;
        scale += std::abs(training[t] - training[t - season]);
        ++steps;
    }
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < std::min(actual.size(), forecast.size()); ++i) {
        if (!both_known(actual[i], forecast[i])) continue;
        sum += std::abs(actual[i] - forecast[i]);
        ++count;
    }
    if (count == 0 || steps == 0 || scale <= 0) return std::nullopt;
    return sum / static_cast<double>(count) / (scale / static_cast<double>(steps));
}

bool is_seasonal(std::span<const double> training, std::size_t season) {
    if (season < 2 || training.size() < 3 * season) return false;
    const std::vector<double> r = autocorrelations(interpolated(training), season);
    double sum = 1;
    for (std::size_t k = 1; k < season; ++k) sum += 2 * r[k] * r[k];
    return std::abs(r[season]) > 1.645 * std::sqrt(sum / static_cast<double>(training.size()));
}

std::vector<double> naive2(std::span<const double> training, std::size_t season, std::size_t horizon) {
    const std::vector<double> values = interpolated(training);
    if (values.empty()) return std::vector<double>(horizon, 0.0);
    std::vector<double> result(horizon, values.back());
    if (!is_seasonal(values, season)) return result;
    const std::vector<double> factors = seasonal_factors(values, season);
    const std::size_t n = values.size();
    const double last_factor = factors[(n - 1) % season];
    const double adjusted = last_factor != 0 ? values.back() / last_factor : values.back();
    for (std::size_t h = 0; h < horizon; ++h) result[h] = adjusted * factors[(n + h) % season];
    return result;
}

std::size_t m4_season(double step_seconds) {
    constexpr double day = 86400;
    if (step_seconds <= 3600 * 6.01) return static_cast<std::size_t>(std::max(1L, std::lround(day / step_seconds)));
    if (step_seconds < 25 * day) return 1;
    if (step_seconds < 40 * day) return 12;
    if (step_seconds < 120 * day) return 4;
    return 1;
}

}  // namespace pganalytics::patterns
