#include "prediction/drift.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

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
/// Noise is remembered over about so many intervals, the level over fewer: it follows the hours of a day.
constexpr double memory = 2000, level_memory = 300;
constexpr double deviation_a_mean = 1.2533;
/// Sums of so many of the latest intervals are looked at: fewer are no lasting change whatever they show.
constexpr std::size_t shortest_window = 5, longest_window = 20;
/// Of an error to the one before, at most; and so many errors of normal noise and no resemblance are taken for known.
constexpr double most_resemblance = 0.8, prior_errors = 10;
/// However long intervals are.
constexpr double fewest_between_alarms = 500;

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

double ErrorDrift::in_noise(double log_error) const {
    return std::clamp((log_error - level_) / noise_, -most_of_one, most_of_one);
}

double ErrorDrift::threshold() const {
    const double days = std::chrono::duration<double>(latest_ - begun_).count() / 86'400;
    const double run_length =
        days > 0 ? std::max(fewest_between_alarms, options_.days_between_false_alarms * (intervals_ - 1) / days)
                 : options_.run_length;
    // √(2π) exp(c²/2) / (c ∫ x ν(x)² dx), ν(x) ≈ exp(−0.583 x), x from c/√longest to c/√shortest, solved for c.
    constexpr double decay = 2 * 0.583;
    const auto tail = [](double x) { return std::exp(-decay * x) * (x / decay + 1 / (decay * decay)); };
    double c = 4;
    for (int round = 0; round < 8; ++round) {
        const double integral = tail(c / std::sqrt(static_cast<double>(longest_window))) -
                                tail(c / std::sqrt(static_cast<double>(shortest_window)));
        c = std::sqrt(2 * std::log(run_length * c * integral / std::sqrt(2 * std::numbers::pi)));
    }
    return c;
}

void ErrorDrift::learn(double log_error) {
    if (weight_ == 0) {
        first_.push_back(log_error);
        if (first_.size() < options_.learn) return;
        level_ = median(first_);
        double distance = 0;
        for (const double error : first_) distance += std::abs(error - level_) / static_cast<double>(first_.size());
        noise_ = std::max(smallest_noise, deviation_a_mean * distance);
        for (const double error : std::exchange(first_, {})) learn_shape(error);
        level_weight_ = weight_;
        return;
    }
    learn_shape(log_error);
    level_weight_ = std::min(level_weight_ + 1, level_memory);
    const double step = noise_ * in_noise(log_error);
    level_ += step / level_weight_;
    noise_ = std::max(smallest_noise, noise_ + (deviation_a_mean * std::abs(step) - noise_) / weight_);
}

void ErrorDrift::learn_shape(double log_error) {
    const double error = in_noise(log_error), keep = weight_ < memory ? 1 : 1 - 1 / memory;
    weight_ = std::min(weight_ + 1, memory);
    products_ = keep * products_ + error * last_;
    squares_ = keep * squares_ + error * error;
    last_ = error;
}

std::optional<ErrorDrift::Shift> ErrorDrift::observe(double log_error, base::Timestamp at) {
    if (!std::isfinite(log_error)) return std::nullopt;
    if (intervals_ == 0) begun_ = at;
    latest_ = std::max(latest_, at);
    ++intervals_;
    if (weight_ == 0) {
        learn(log_error);
        return std::nullopt;
    }
    window_.push_back(log_error);
    if (window_.size() > longest_window) {
        learn(window_.front());
        window_.pop_front();
    }
    const double resemblance = std::clamp(products_ / (squares_ + prior_errors), 0.0, most_resemblance);
    // Of few errors noise is not well known either.
    const double variance = (squares_ + prior_errors) / (weight_ + prior_errors) * (1 + prior_errors / weight_);
    const double least = threshold();
    double sum = 0, wander = 0, echo = 0, power = 1, furthest = 0;
    Shift shift;
    std::vector<double> latest;
    for (std::size_t length = 1; length <= window_.size(); ++length) {
        latest.push_back(window_[window_.size() - length]);
        sum += in_noise(latest.back());
        // Of a first-order autoregression: each further error adds itself and twice what it shares with the others.
        wander += 1 + 2 * echo;
        power *= resemblance;
        echo += power;
        if (length < shortest_window) continue;
        const auto count = static_cast<double>(length);
        // What is not yet known of the normal level wanders along.
        const double far = std::abs(sum) / std::sqrt(variance * wander * (1 + count / level_weight_));
        if (far <= std::max(least, furthest)) continue;
        // By their median: a single wild interval is no lasting change.
        const double by = median(latest) - level_;
        if (std::abs(by) < options_.least_shift) continue;
        furthest = far;
        shift = {by, length};
    }
    if (furthest == 0) return std::nullopt;
    level_ += shift.log_factor;
    level_weight_ = static_cast<double>(shift.intervals);
    window_.clear();
    return shift;
}

nlohmann::json ErrorDrift::to_json() const {
    return {
        {"options", {options_.least_shift, options_.days_between_false_alarms, options_.run_length, options_.learn}},
        {"first", first_},
        {"window", window_},
        {"normal", {level_, noise_, weight_, level_weight_}},
        {"shape", {last_, products_, squares_}},
        {"times", {begun_.time_since_epoch().count(), latest_.time_since_epoch().count(), intervals_}}};
}

base::Result<ErrorDrift> ErrorDrift::from_json(const nlohmann::json& json) {
    ErrorDrift drift;
    try {
        const auto& options = json.at("options");
        drift.options_ = {options.at(0).get<double>(), options.at(1).get<double>(), options.at(2).get<double>(),
                          options.at(3).get<std::size_t>()};
        drift.first_ = json.at("first").get<std::vector<double>>();
        drift.window_ = json.at("window").get<std::deque<double>>();
        const auto& normal = json.at("normal");
        drift.level_ = normal.at(0).get<double>();
        drift.noise_ = normal.at(1).get<double>();
        drift.weight_ = normal.at(2).get<double>();
        drift.level_weight_ = normal.at(3).get<double>();
        const auto& shape = json.at("shape");
        drift.last_ = shape.at(0).get<double>();
        drift.products_ = shape.at(1).get<double>();
        drift.squares_ = shape.at(2).get<double>();
        const auto& times = json.at("times");
        drift.begun_ = base::Timestamp(std::chrono::microseconds(times.at(0).get<std::int64_t>()));
        drift.latest_ = base::Timestamp(std::chrono::microseconds(times.at(1).get<std::int64_t>()));
        drift.intervals_ = times.at(2).get<double>();
    } catch (const nlohmann::json::exception&) {
        return base::Error{base::ErrorCode::fix_input,
                           "The stored state of a drift detector is damaged",
                           "It is learned anew from the next times.",
                           {}};
    }
    return drift;
}

}  // namespace pganalytics::prediction
