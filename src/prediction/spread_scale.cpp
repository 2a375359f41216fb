#include "prediction/spread_scale.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

constexpr std::size_t most_bins = 10;
/// A bin's quantile is worth its units; the quantile of all counts for so many beside them.
constexpr double units_a_bin = 12, prior_units = 6;

}  // namespace

SpreadScale SpreadScale::fit(std::span<const double> centers, std::span<const double> ratios,
                             std::span<const double> weights, double units, double level) {
    SpreadScale scale;
    const auto bins = std::min(most_bins, static_cast<std::size_t>(units / units_a_bin));
    if (bins < 2) return scale;
    std::vector<std::size_t> order(centers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return centers[a] < centers[b]; });
    const auto size_of = [&](std::size_t begin, std::size_t end) {
        std::vector<double> sizes, of_bin;
        for (std::size_t k = begin; k < end; ++k) {
            sizes.push_back(std::abs(ratios[order[k]]));
            of_bin.push_back(weights[order[k]]);
        }
        return weighted_quantile(sizes, of_bin, level - 1e-12);
    };
    const double everywhere = size_of(0, order.size());
    if (!(everywhere > 0)) return scale;
    const double in_bin = units / static_cast<double>(bins);
    for (std::size_t bin = 0; bin < bins; ++bin) {
        const std::size_t begin = bin * order.size() / bins, end = (bin + 1) * order.size() / bins;
        const double factor = (in_bin * size_of(begin, end) / everywhere + prior_units) / (in_bin + prior_units);
        const double middle = centers[order[(begin + end) / 2]];
        if (!scale.center_.empty() && middle <= scale.center_.back()) continue;
        scale.center_.push_back(middle);
        scale.factor_.push_back(factor);
    }
    return scale;
}

double SpreadScale::at(double center) const {
    if (center_.empty()) return 1;
    const auto above = std::upper_bound(center_.begin(), center_.end(), center);
    if (above == center_.begin()) return factor_.front();
    if (above == center_.end()) return factor_.back();
    const auto k = static_cast<std::size_t>(above - center_.begin());
    const double part = (center - center_[k - 1]) / (center_[k] - center_[k - 1]);
    return factor_[k - 1] + part * (factor_[k] - factor_[k - 1]);
}

nlohmann::json SpreadScale::to_json() const {
    return {{"center", center_}, {"factor", factor_}};
}

base::Result<SpreadScale> SpreadScale::from_json(const nlohmann::json& json) {
    const base::Error damaged{
        base::ErrorCode::fix_input, "The stored scale of errors is damaged", "Train the model again.", {}};
    SpreadScale scale;
    try {
        scale.center_ = json.at("center").get<std::vector<double>>();
        scale.factor_ = json.at("factor").get<std::vector<double>>();
    } catch (const nlohmann::json::exception&) {
        return damaged;
    }
    const bool positive = std::all_of(scale.factor_.begin(), scale.factor_.end(), [](double f) { return f > 0; });
    if (scale.center_.size() != scale.factor_.size() || !positive ||
        !std::is_sorted(scale.center_.begin(), scale.center_.end())) {
        return damaged;
    }
    return scale;
}

}  // namespace pganalytics::prediction
