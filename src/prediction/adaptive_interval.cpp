#include "prediction/adaptive_interval.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

/// Fewer errors say nothing against the model's own interval.
constexpr std::size_t fewest_errors = 10;

}  // namespace

AdaptiveInterval::AdaptiveInterval(double level, double step, std::size_t window)
    : target_(1 - level), miss_rate_(1 - level), step_(step), window_(window) {}

LogPrediction AdaptiveInterval::adjust(const LogPrediction& of_model) const {
    if (errors_.size() < fewest_errors || !std::isfinite(of_model.upper - of_model.lower)) return of_model;
    const double count = static_cast<double>(errors_.size());
    const double share = (1 - miss_rate_) * (count + 1) / count;
    double reach = quantile({errors_.begin(), errors_.end()}, share);
    // More than was ever seen: as far beyond the largest error as the share is beyond all of them.
    if (share > 1) reach *= share;
    LogPrediction adjusted = of_model;
    adjusted.lower = of_model.center - reach * (of_model.center - of_model.lower);
    adjusted.upper = of_model.center + reach * (of_model.upper - of_model.center);
    return adjusted;
}

void AdaptiveInterval::observe(const LogPrediction& of_model, double actual_log_ms) {
    // An infinite interval teaches nothing about widths.
    if (!std::isfinite(of_model.upper - of_model.lower)) return;
    const auto promised = adjust(of_model);
    const bool missed = actual_log_ms < promised.lower || actual_log_ms > promised.upper;
    miss_rate_ += step_ * (target_ - (missed ? 1.0 : 0.0));
    const double error = actual_log_ms - of_model.center;
    const double side = error < 0 ? of_model.center - of_model.lower : of_model.upper - of_model.center;
    errors_.push_back(std::abs(error) / std::max(side, 1e-6));
    if (errors_.size() > window_) errors_.pop_front();
}

nlohmann::json AdaptiveInterval::to_json() const {
    return {{"target", target_}, {"miss_rate", miss_rate_}, {"step", step_}, {"window", window_}, {"errors", errors_}};
}

base::Result<AdaptiveInterval> AdaptiveInterval::from_json(const nlohmann::json& json) {
    AdaptiveInterval interval;
    try {
        interval.target_ = json.at("target").get<double>();
        interval.miss_rate_ = json.at("miss_rate").get<double>();
        interval.step_ = json.at("step").get<double>();
        interval.window_ = json.at("window").get<std::size_t>();
        interval.errors_ = json.at("errors").get<std::deque<double>>();
    } catch (const nlohmann::json::exception&) {
        return base::Error{base::ErrorCode::fix_input,
                           "The stored state of an interval is damaged",
                           "It is learned anew from the next times.",
                           {}};
    }
    return interval;
}

}  // namespace pganalytics::prediction
