#include "prediction/drift.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

constexpr double moved = 0.2;
constexpr double normal_99 = 2.326;
/// Samples that each bin is given beforehand: an empty one would make the index infinite.
constexpr double pseudo_count = 0.5;
constexpr int deciles = 10;

/// Noise below this is measurement, not the query's.
constexpr double smallest_noise = 0.05;
/// One interval counts as so many standard deviations at most.
constexpr double most_of_one = 3;
/// Normal times are remembered over about so many intervals.
constexpr double memory = 2000;
constexpr double deviation_a_mean = 1.2533;

double smoothed(double share, double samples, std::size_t bins) {
    return (share * samples + pseudo_count) / (samples + pseudo_count * static_cast<double>(bins));
}

}  // namespace

FeatureSpread FeatureSpread::learn(const Dataset& data) {
    FeatureSpread spread;
    spread.samples_ = static_cast<double>(data.size());
    for (std::size_t feature = 0; feature < feature_definitions().size(); ++feature) {
        std::vector<double> known;
        for (const auto& sample : data) {
            if (!std::isnan(sample.features[feature])) known.push_back(sample.features[feature]);
        }
        Bins bins;
        for (int part = 1; part < deciles && !known.empty(); ++part) {
            const double edge = quantile(known, static_cast<double>(part) / deciles);
            if (bins.edges.empty() || edge > bins.edges.back()) bins.edges.push_back(edge);
        }
        bins.shares = shares_of(bins, data, feature);
        spread.bins_.push_back(std::move(bins));
    }
    return spread;
}

std::vector<double> FeatureSpread::shares_of(const Bins& bins, const Dataset& data, std::size_t feature) {
    std::vector<double> shares(bins.edges.size() + 2, 0.0);
    for (const auto& sample : data) {
        const double value = sample.features[feature];
        const auto bin = std::isnan(value)
                             ? shares.size() - 1
                             : static_cast<std::size_t>(std::lower_bound(bins.edges.begin(), bins.edges.end(), value) -
                                                        bins.edges.begin());
        shares[bin] += 1.0 / static_cast<double>(data.size());
    }
    return shares;
}

std::vector<FeatureSpread::Drift> FeatureSpread::drifted(const Dataset& current) const {
    std::vector<Drift> found;
    if (current.empty() || samples_ <= 0) return found;
    const auto names = feature_definitions();
    for (std::size_t feature = 0; feature < bins_.size(); ++feature) {
        const auto now = shares_of(bins_[feature], current, feature);
        Drift drift{names[feature].name, 0, 0};
        double bins = 0;
        for (std::size_t bin = 0; bin < now.size(); ++bin) {
            if (now[bin] == 0 && bins_[feature].shares[bin] == 0) continue;
            const double before = smoothed(bins_[feature].shares[bin], samples_, now.size());
            const double after = smoothed(now[bin], static_cast<double>(current.size()), now.size());
            drift.index += (after - before) * std::log(after / before);
            ++bins;
        }
        // By chance the index is chi-squared with bins - 1 degrees, times 1/n + 1/m.
        const double degrees = std::max(1.0, bins - 1);
        const double chance = 1 / samples_ + 1 / static_cast<double>(current.size());
        drift.threshold = moved + chance * (degrees + normal_99 * std::sqrt(2 * degrees));
        if (drift.index > drift.threshold) found.push_back(drift);
    }
    std::stable_sort(found.begin(), found.end(), [](const Drift& a, const Drift& b) { return a.index > b.index; });
    return found;
}

nlohmann::json FeatureSpread::to_json() const {
    nlohmann::json bins = nlohmann::json::array();
    for (const auto& of_feature : bins_) bins.push_back({of_feature.edges, of_feature.shares});
    return {{"samples", samples_}, {"bins", bins}};
}

base::Result<FeatureSpread> FeatureSpread::from_json(const nlohmann::json& json) {
    const base::Error damaged{
        base::ErrorCode::fix_input, "The stored spread of features is damaged", "Train the model again.", {}};
    FeatureSpread spread;
    try {
        spread.samples_ = json.at("samples").get<double>();
        for (const auto& stored : json.at("bins")) {
            Bins bins{stored.at(0).get<std::vector<double>>(), stored.at(1).get<std::vector<double>>()};
            if (bins.shares.size() != bins.edges.size() + 2) return damaged;
            spread.bins_.push_back(std::move(bins));
        }
    } catch (const nlohmann::json::exception&) {
        return damaged;
    }
    if (spread.bins_.size() != feature_definitions().size()) return damaged;
    return spread;
}

void ErrorDrift::learn(double log_error) {
    if (weight_ == 0) {
        first_.push_back(log_error);
        if (first_.size() < options_.learn) return;
        level_ = median(first_);
        double distance = 0;
        for (const double error : first_) distance += std::abs(error - level_) / static_cast<double>(first_.size());
        noise_ = std::max(smallest_noise, deviation_a_mean * distance);
        weight_ = static_cast<double>(first_.size());
        first_.clear();
        return;
    }
    weight_ = std::min(weight_ + 1, memory);
    const double step = std::clamp(log_error - level_, -most_of_one * noise_, most_of_one * noise_);
    level_ += step / weight_;
    noise_ = std::max(smallest_noise, noise_ + (deviation_a_mean * std::abs(step) - noise_) / weight_);
}

std::optional<double> ErrorDrift::observe(double log_error) {
    if (!std::isfinite(log_error)) return std::nullopt;
    if (weight_ == 0) {
        learn(log_error);
        return std::nullopt;
    }
    const double error = std::clamp((log_error - level_) / noise_, -most_of_one, most_of_one);
    // Half the shift looked for is the allowance that finds it soonest (Moustakides 1986); what is not yet known of the
    // normal level is allowed for too.
    const double half = std::clamp(options_.shift / noise_ / 2, 0.25, 1.6);
    const double allowance = half + 1 / std::sqrt(weight_);
    // Siegmund's approximation (1985) of the time between false alarms, solved for the threshold; two sides share it.
    constexpr double overshoot = 1.166;
    const double threshold = std::log(4 * half * half * options_.run_length + 1) / (2 * half) - overshoot;
    above_ = std::max(0.0, above_ + error - allowance);
    below_ = std::max(0.0, below_ - error - allowance);
    since_above_ = above_ > 0 ? since_above_ + 1 : 0;
    since_below_ = below_ > 0 ? since_below_ + 1 : 0;
    sum_above_ = above_ > 0 ? sum_above_ + log_error - level_ : 0;
    sum_below_ = below_ > 0 ? sum_below_ + log_error - level_ : 0;
    if (above_ > threshold || below_ > threshold) {
        const double shift = above_ > threshold ? sum_above_ / since_above_ : sum_below_ / since_below_;
        *this = ErrorDrift(options_);
        return shift;
    }
    // What may be the beginning of a change must not become normal.
    if (std::max(above_, below_) < threshold / 2) learn(log_error);
    return std::nullopt;
}

nlohmann::json ErrorDrift::to_json() const {
    return {{"options", {options_.shift, options_.run_length, options_.learn}},
            {"first", first_},
            {"normal", {level_, noise_, weight_}},
            {"above", {above_, sum_above_, since_above_}},
            {"below", {below_, sum_below_, since_below_}}};
}

base::Result<ErrorDrift> ErrorDrift::from_json(const nlohmann::json& json) {
    ErrorDrift drift;
    try {
        const auto& options = json.at("options");
        drift.options_ = {options.at(0).get<double>(), options.at(1).get<double>(), options.at(2).get<std::size_t>()};
        drift.first_ = json.at("first").get<std::vector<double>>();
        const auto& normal = json.at("normal");
        drift.level_ = normal.at(0).get<double>();
        drift.noise_ = normal.at(1).get<double>();
        drift.weight_ = normal.at(2).get<double>();
        const auto& above = json.at("above");
        drift.above_ = above.at(0).get<double>();
        drift.sum_above_ = above.at(1).get<double>();
        drift.since_above_ = above.at(2).get<int>();
        const auto& below = json.at("below");
        drift.below_ = below.at(0).get<double>();
        drift.sum_below_ = below.at(1).get<double>();
        drift.since_below_ = below.at(2).get<int>();
    } catch (const nlohmann::json::exception&) {
        return base::Error{base::ErrorCode::fix_input,
                           "The stored state of a drift detector is damaged",
                           "It is learned anew from the next times.",
                           {}};
    }
    return drift;
}

}  // namespace pganalytics::prediction
