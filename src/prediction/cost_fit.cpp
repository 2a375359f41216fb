#include "prediction/cost_fit.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

constexpr double smallest_slope = 0.05;
constexpr double huber_threshold = 1.345;  // 95 % efficient under normal errors
constexpr int rounds = 20;

double log_cost(double cost) {
    return std::log1p(std::max(0.0, cost));
}

}  // namespace

double CostFit::log_ms(double total_cost) const {
    return level + slope * log_cost(total_cost);
}

CostFit CostFit::with_level_of(std::span<const double> costs, std::span<const double> log_ms) const {
    std::vector<double> levels;
    for (std::size_t i = 0; i < costs.size(); ++i) levels.push_back(log_ms[i] - slope * log_cost(costs[i]));
    return levels.empty() ? *this : CostFit{median(std::move(levels)), slope};
}

CostFit fit_cost(std::span<const double> costs, std::span<const double> log_ms, std::span<const double> weights) {
    constexpr std::size_t fewest_for_slope = 5;
    CostFit fit = CostFit{}.with_level_of(costs, log_ms);
    if (costs.size() < fewest_for_slope) return fit;
    std::vector<double> robust(weights.begin(), weights.end());
    for (int round = 0; round < rounds; ++round) {
        double sum = 0, mean_x = 0, mean_y = 0;
        for (std::size_t i = 0; i < costs.size(); ++i) {
            sum += robust[i];
            mean_x += robust[i] * log_cost(costs[i]);
            mean_y += robust[i] * log_ms[i];
        }
        mean_x /= sum;
        mean_y /= sum;
        double covariance = 0, variance = 0;
        for (std::size_t i = 0; i < costs.size(); ++i) {
            const double dx = log_cost(costs[i]) - mean_x;
            covariance += robust[i] * dx * (log_ms[i] - mean_y);
            variance += robust[i] * dx * dx;
        }
        // All plans cost the same: nothing to learn of the slope.
        if (variance <= 1e-9 * sum) return fit;
        const double slope = std::max(smallest_slope, covariance / variance);
        const CostFit next{mean_y - slope * mean_x, slope};
        const bool settled = std::abs(next.slope - fit.slope) < 1e-9 && std::abs(next.level - fit.level) < 1e-9;
        fit = next;
        if (settled) break;
        std::vector<double> distances;
        for (std::size_t i = 0; i < costs.size(); ++i) distances.push_back(std::abs(log_ms[i] - fit.log_ms(costs[i])));
        const double scale = std::max(1e-6, 1.4826 * median(distances));
        for (std::size_t i = 0; i < costs.size(); ++i) {
            const double standardised = distances[i] / scale;
            robust[i] = weights[i] * (standardised <= huber_threshold ? 1.0 : huber_threshold / standardised);
        }
    }
    return fit;
}

}  // namespace pganalytics::prediction
