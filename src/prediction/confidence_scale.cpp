#include "prediction/confidence_scale.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace pganalytics::prediction {

namespace {

constexpr std::size_t most_bins = 12;
/// A bin's share of hits is worth its units; what was said counts for so many beside them.
constexpr double units_a_bin = 15, prior_units = 8;

struct Bin {
    double said = 0, hits = 0, weight = 0;
};

/// Pools neighbours until shares rise (pool adjacent violators).
std::vector<Bin> pooled(const std::vector<Bin>& bins) {
    std::vector<Bin> rising;
    for (const Bin& bin : bins) {
        rising.push_back(bin);
        while (rising.size() > 1) {
            const Bin last = rising.back();
            Bin& before = rising[rising.size() - 2];
            if (last.hits * before.weight > before.hits * last.weight) break;
            before = {before.said + last.said, before.hits + last.hits, before.weight + last.weight};
            rising.pop_back();
        }
    }
    return rising;
}

}  // namespace

ConfidenceScale ConfidenceScale::fit(std::span<const double> said, std::span<const double> hits,
                                     std::span<const double> weights, double units) {
    ConfidenceScale scale;
    const auto count = std::min({most_bins, static_cast<std::size_t>(units / units_a_bin), said.size()});
    if (count < 2) return scale;
    std::vector<std::size_t> order(said.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return said[a] < said[b]; });
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (!(sum > 0)) return scale;
    std::vector<Bin> bins(count);
    double reached = 0;
    for (const auto i : order) {
        auto& bin = bins[std::min(count - 1, static_cast<std::size_t>(reached * static_cast<double>(count)))];
        const double weight = weights[i] / sum;
        reached += weight;
        bin.said += weight * said[i];
        bin.hits += weight * hits[i];
        bin.weight += weight;
    }
    std::erase_if(bins, [](const Bin& bin) { return bin.weight <= 0; });
    for (auto& bin : bins) {
        const double own = bin.weight * units;
        bin.hits = (own * bin.hits + prior_units * bin.said) / (own + prior_units);
    }
    scale.said_.push_back(0);
    scale.came_true_.push_back(0);
    for (const Bin& bin : pooled(bins)) {
        if (bin.said / bin.weight <= scale.said_.back()) continue;
        scale.said_.push_back(bin.said / bin.weight);
        scale.came_true_.push_back(std::clamp(bin.hits / bin.weight, scale.came_true_.back(), 1.0));
    }
    if (scale.said_.back() < 1) {
        scale.said_.push_back(1);
        scale.came_true_.push_back(1);
    }
    return scale;
}

double ConfidenceScale::at(double said) const {
    if (said_.empty()) return said;
    const auto above = std::upper_bound(said_.begin(), said_.end(), said);
    if (above == said_.begin()) return came_true_.front();
    if (above == said_.end()) return came_true_.back();
    const auto k = static_cast<std::size_t>(above - said_.begin());
    const double part = (said - said_[k - 1]) / (said_[k] - said_[k - 1]);
    return came_true_[k - 1] + part * (came_true_[k] - came_true_[k - 1]);
}

nlohmann::json ConfidenceScale::to_json() const {
    return {{"said", said_}, {"came_true", came_true_}};
}

base::Result<ConfidenceScale> ConfidenceScale::from_json(const nlohmann::json& json) {
    const base::Error damaged{
        base::ErrorCode::fix_input, "The stored scale of confidence is damaged", "Train the model again.", {}};
    ConfidenceScale scale;
    try {
        scale.said_ = json.at("said").get<std::vector<double>>();
        scale.came_true_ = json.at("came_true").get<std::vector<double>>();
    } catch (const nlohmann::json::exception&) {
        return damaged;
    }
    const auto in_order = [](const std::vector<double>& values) {
        return std::is_sorted(values.begin(), values.end()) &&
               (values.empty() || (values.front() >= 0 && values.back() <= 1));
    };
    // Knots that do not rise would divide by nothing.
    const bool distinct = std::adjacent_find(scale.said_.begin(), scale.said_.end()) == scale.said_.end();
    if (scale.said_.size() != scale.came_true_.size() || !in_order(scale.said_) || !in_order(scale.came_true_) ||
        !distinct) {
        return damaged;
    }
    return scale;
}

}  // namespace pganalytics::prediction
