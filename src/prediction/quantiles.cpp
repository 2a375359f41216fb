#include "prediction/quantiles.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

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

double weighted_median(std::span<const double> values, std::span<const double> weights) {
    std::vector<std::pair<double, double>> rising(values.size());
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        rising[i] = {values[i], weights[i]};
        sum += weights[i];
    }
    std::sort(rising.begin(), rising.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    double reached = 0;
    for (std::size_t i = 0; i < rising.size(); ++i) {
        reached += rising[i].second;
        if (reached < (0.5 - 1e-9) * sum) continue;
        const bool splits = reached < (0.5 + 1e-9) * sum && i + 1 < rising.size();
        return splits ? (rising[i].first + rising[i + 1].first) / 2 : rising[i].first;
    }
    return rising.back().first;
}

}  // namespace pganalytics::prediction
