#include "workflow/own_past.hpp"

#include <algorithm>
#include <cmath>

#include "prediction/drift.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::workflow {

namespace {

/// A time's own noise where one interval tells none.
constexpr double unknown_spread = 1;
constexpr double smallest_spread = 0.01;
/// Older ones tell a median no more.
constexpr std::size_t most_intervals = 200;

}  // namespace

std::optional<prediction::LogPrediction> predict_from_own_past(const std::vector<store::HistoryPoint>& oldest_first,
                                                               double level) {
    std::vector<double> log_ms;
    prediction::ErrorDrift drift;
    for (const auto& point : oldest_first) {
        const double mean = point.sum.total_exec_time_ms / static_cast<double>(point.sum.calls);
        if (point.sum.calls <= 0 || !(mean > 0)) continue;
        log_ms.push_back(std::log(mean));
        const auto shift = drift.observe(log_ms.back(), point.begins);
        if (shift && shift->intervals < log_ms.size())
            log_ms.erase(log_ms.begin(), log_ms.end() - static_cast<std::ptrdiff_t>(shift->intervals));
    }
    if (log_ms.empty()) return std::nullopt;
    if (log_ms.size() > most_intervals)
        log_ms.erase(log_ms.begin(), log_ms.end() - static_cast<std::ptrdiff_t>(most_intervals));
    std::vector<double> errors;
    double sum = 0;
    for (std::size_t left_out = 0; left_out < log_ms.size() && log_ms.size() > 1; ++left_out) {
        auto others = log_ms;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(left_out));
        errors.push_back(log_ms[left_out] - prediction::median(others));
        sum += std::abs(errors.back());
    }
    const auto count = static_cast<double>(errors.size());
    const double spread = errors.empty() ? unknown_spread : std::max(smallest_spread, sum / count);
    for (double& error : errors) error /= spread;
    const prediction::ErrorDistribution distribution(errors, std::vector<double>(errors.size(), 1.0), count);
    return prediction::around(prediction::median(log_ms), spread, distribution, level);
}

}  // namespace pganalytics::workflow
