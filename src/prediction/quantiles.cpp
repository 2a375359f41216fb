#include "prediction/quantiles.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace pganalytics::prediction {

double weighted_quantile(std::span<const double> values, std::span<const double> weights, double probability) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    const double wanted = probability * std::accumulate(weights.begin(), weights.end(), 0.0);
    double reached = 0;
    for (const auto index : order) {
        reached += weights[index];
        if (reached >= wanted) return values[index];
    }
    return std::numeric_limits<double>::infinity();
}

}  // namespace pganalytics::prediction
