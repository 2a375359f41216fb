#include "prediction/error_distribution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

/// A distribution is a curve, not a list: so many steps are kept, closer together in the tails.
constexpr std::size_t most_steps = 600;
/// Below this many units a side alone has too few beyond its quantile; both sides are taken as one.
constexpr double fewest_units_for_sides = 60;

bool keeps(std::size_t position, std::size_t count) {
    const std::size_t every = std::max<std::size_t>(1, count / most_steps);
    const std::size_t from_end = std::min(position, count - 1 - position);
    return position % every == 0 || from_end < most_steps / 6;
}

}  // namespace

ErrorDistribution::ErrorDistribution(std::span<const double> ratios, std::span<const double> weights, double units)
    : units_(units) {
    std::vector<std::size_t> order(ratios.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return ratios[a] < ratios[b]; });
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    double reached = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
        reached += weights[order[k]] / sum;
        if (!keeps(k, order.size())) continue;
        ratio_.push_back(ratios[order[k]]);
        reached_.push_back(std::min(1.0, reached));
    }
    if (!reached_.empty()) reached_.back() = 1;
}

double ErrorDistribution::quantile_of(double probability) const {
    const auto at = std::lower_bound(reached_.begin(), reached_.end(), probability - 1e-12);
    return at == reached_.end() ? std::numeric_limits<double>::infinity()
                                : ratio_[static_cast<std::size_t>(at - reached_.begin())];
}

ErrorDistribution::Reach ErrorDistribution::reach(double level) const {
    constexpr double infinite = std::numeric_limits<double>::infinity();
    if (ratio_.empty()) return {infinite, infinite};
    if (level * (units_ + 1) > units_) return {infinite, infinite};
    // The middle between the promise that always holds and the one that never covers more: the right share on average.
    const auto corrected = [&](double share) { return (share * (units_ + 1) - 0.5) / units_; };
    const double sided = corrected(1 - (1 - level) / 2);
    if (sided <= 1 && units_ >= fewest_units_for_sides)
        return {std::max(0.0, -quantile_of(1 - sided)), std::max(0.0, quantile_of(sided))};
    const double both = corrected(level);
    std::vector<double> sizes, weights;
    for (std::size_t k = 0; k < ratio_.size(); ++k) {
        sizes.push_back(std::abs(ratio_[k]));
        weights.push_back(reached_[k] - (k == 0 ? 0 : reached_[k - 1]));
    }
    const double size = weighted_quantile(sizes, weights, both - 1e-12);
    return {size, size};
}

double ErrorDistribution::share_below(double ratio) const {
    if (ratio_.empty() || ratio < ratio_.front()) return 0;
    const auto above = std::upper_bound(ratio_.begin(), ratio_.end(), ratio);
    if (above == ratio_.end()) return 1;
    const auto k = static_cast<std::size_t>(above - ratio_.begin());
    const double part = (ratio - ratio_[k - 1]) / (ratio_[k] - ratio_[k - 1]);
    return reached_[k - 1] + part * (reached_[k] - reached_[k - 1]);
}

double ErrorDistribution::share_within(double low, double high) const {
    return std::max(0.0, share_below(high) - share_below(low));
}

double ErrorDistribution::probability_within(double low, double high) const {
    return confidence_.at(share_within(low, high));
}

nlohmann::json ErrorDistribution::to_json() const {
    return {{"ratio", ratio_}, {"reached", reached_}, {"units", units_}, {"confidence", confidence_.to_json()}};
}

base::Result<ErrorDistribution> ErrorDistribution::from_json(const nlohmann::json& json) {
    const base::Error damaged{
        base::ErrorCode::fix_input, "The stored distribution of errors is damaged", "Train the model again.", {}};
    ErrorDistribution distribution;
    try {
        distribution.ratio_ = json.at("ratio").get<std::vector<double>>();
        distribution.reached_ = json.at("reached").get<std::vector<double>>();
        distribution.units_ = json.at("units").get<double>();
        PGANALYTICS_ASSIGN(distribution.confidence_, ConfidenceScale::from_json(json.at("confidence")));
    } catch (const nlohmann::json::exception&) {
        return damaged;
    }
    if (distribution.ratio_.size() != distribution.reached_.size() ||
        !std::is_sorted(distribution.ratio_.begin(), distribution.ratio_.end()) ||
        !std::is_sorted(distribution.reached_.begin(), distribution.reached_.end()) ||
        (!distribution.ratio_.empty() && !(distribution.units_ > 0))) {
        return damaged;
    }
    return distribution;
}

}  // namespace pganalytics::prediction
