#include "prediction/history.hpp"

#include <algorithm>
#include <cmath>

#include "prediction/features.hpp"
#include "prediction/history_parts.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

using namespace history_parts;

namespace {

/// Fewer errors than these promise no interval of their own.
constexpr double fewest_errors = 40;
constexpr double smallest_variance = 1e-6;

double variance_of_median(double variance, double runs) {
    return variance / runs * (runs > 2 ? median_penalty : 1.0);
}

}  // namespace

bool ran_cold(std::span<const double> features) {
    static const std::size_t position = find_feature("cold_cache").value();
    return features[position] > 0.5;
}

History::Place History::place_of(Runs runs, std::size_t left_out, double slope, base::Timestamp at) const {
    std::vector<double> values, weights;
    values.reserve(runs.size());
    weights.reserve(runs.size());
    double sum = 0, squares = 0;
    for (std::size_t k = 0; k < runs.size(); ++k) {
        if (k == left_out) continue;
        const double age = std::max(0.0, days_between(runs[k].at, at));
        const double weight = found_.half_life_days ? std::exp2(-std::min(age / *found_.half_life_days, 60.0)) : 1.0;
        values.push_back(runs[k].log_ms - slope * runs[k].model_log_ms);
        weights.push_back(weight);
        sum += weight;
        squares += weight * weight;
    }
    if (values.empty()) return {};
    if (!found_.half_life_days) return {median(values), sum};
    return {weighted_median(values, weights), sum * sum / squares};
}

double History::noise_of(Runs runs, bool cold, std::size_t left_out) const {
    std::vector<double> values;
    for (std::size_t k = 0; k < runs.size(); ++k) {
        if (k != left_out) values.push_back(runs[k].log_ms - found_.statement_slope * runs[k].model_log_ms);
    }
    if (values.size() < 2) return usual_noise(cold);
    const double own = robust_deviation(values), count = static_cast<double>(values.size()) - 1;
    const double usual = found_.noise_prior_runs * std::pow(usual_noise(cold), 2);
    return std::sqrt((usual + count * own * own) / (found_.noise_prior_runs + count));
}

History::OwnPast History::own_past(Runs alike, std::size_t left_out, Runs other, bool cold, base::Timestamp at) const {
    return {place_of(alike, left_out, found_.statement_slope, at), place_of(other, none, found_.transfer_slope, at),
            noise_of(alike, cold, left_out), noise_of(other, !cold, none)};
}

const ErrorDistribution& History::statement_errors(bool cold) const {
    const auto& of_cache = errors_by_cache_[cold ? 1 : 0];
    return of_cache.units() >= fewest_errors ? of_cache : statement_errors_;
}

History::TemplatePast History::template_past(const std::string& group, bool cold,
                                             const std::optional<double>& left_out) const {
    const auto& of_cache = template_places_[cold ? 1 : 0];
    const auto places = of_cache.find(group);
    if (!found_.between || places == of_cache.end()) return {};
    const auto statements = static_cast<double>(places->second.size());
    if (!left_out) return {median_of_sorted(places->second), statements};
    if (statements < 2) return {};
    const auto at = std::lower_bound(places->second.begin(), places->second.end(), *left_out);
    const auto position = std::min(static_cast<std::size_t>(at - places->second.begin()), places->second.size() - 1);
    return {median_without(places->second, position), statements - 1};
}

History::Belief History::of_model(const LogPrediction& model, bool cold) const {
    const double variance = std::pow(deviation_a_mean * model.spread, 2), noise = usual_noise(cold);
    // The model's errors on unseen runs hold the runs' noise, which no better place would remove.
    const double admitted = std::max({0.1 * variance, variance - noise * noise, smallest_variance});
    return {model.center, found_.doubt * admitted};
}

History::Belief History::with_template(const Belief& prior, double model_log_ms, const TemplatePast& past) const {
    if (past.statements < 1) return prior;
    const double spread = *found_.between * *found_.between;
    const double of_places = variance_of_median(spread, past.statements);
    const double prior_place = std::max(prior.variance - spread, 0.1 * prior.variance);
    const double trust = prior_place / (prior_place + of_places);
    const double seen = past.middle + found_.template_slope * model_log_ms;
    return {prior.mean + trust * (seen - prior.mean), prior_place * (1 - trust) + spread};
}

History::Belief History::with_statement(const Belief& prior, double model_log_ms, const OwnPast& past) const {
    Belief belief = prior;
    const auto learn = [&](double seen, double variance) {
        const double trust = belief.variance / (belief.variance + variance);
        belief = {belief.mean + trust * (seen - belief.mean), belief.variance * (1 - trust)};
    };
    if (past.other.runs > 0) {
        // Where no statement has run both ways, the model's difference is as good as its word.
        const double transfer = found_.transfer ? *found_.transfer * *found_.transfer : prior.variance;
        learn(past.other.center + found_.transfer_slope * model_log_ms,
              transfer + variance_of_median(past.other_noise * past.other_noise, past.other.runs));
    }
    if (past.alike.runs > 0) {
        learn(past.alike.center + found_.statement_slope * model_log_ms,
              variance_of_median(past.noise * past.noise, past.alike.runs));
    }
    return belief;
}

double History::spread_of(const Belief& belief, double noise) const {
    return std::sqrt(belief.variance + noise * noise) / deviation_a_mean;
}

double History::misjudged(const std::string& statement) const {
    const auto known = statements_.find(statement);
    return known == statements_.end() ? 0 : known->second.misjudged;
}

History::Answer History::answer(const std::string& statement, const std::string& group, const LogPrediction& model,
                                base::Timestamp at, std::optional<double> level, bool cold) const {
    Answer answer{model, Source::model, 0};
    if (statements_.empty()) return answer;
    const Belief alone = of_model(model, cold);
    const auto of_template = template_past(group, cold, {});
    Belief belief = with_template(alone, model.center, of_template);
    if (of_template.statements > 0) answer.source = Source::template_history;
    double noise = usual_noise(cold);
    const auto known = statement.empty() ? statements_.end() : statements_.find(statement);
    if (known != statements_.end()) {
        const auto& runs = known->second.runs;
        const OwnPast own = own_past(runs[cold ? 1 : 0], none, runs[cold ? 0 : 1], cold, at);
        noise = own.noise;
        belief = with_statement(belief, model.center, own);
        answer.source = Source::statement_history;
    }
    if (answer.source == Source::model) return answer;
    answer.history_share = std::clamp(1 - belief.variance / alone.variance, 0.0, 1.0);
    const auto& errors = answer.source == Source::statement_history ? statement_errors(cold) : template_errors_;
    if (errors.units() >= fewest_errors) {
        answer.prediction = around(belief.mean, spread_of(belief, noise), errors, level.value_or(level_));
    } else {
        // Too few errors of history to promise anything by: the model's promise, around the better middle.
        const double moved = belief.mean - model.center;
        answer.prediction.center += moved;
        answer.prediction.lower += moved;
        answer.prediction.upper += moved;
    }
    return answer;
}

}  // namespace pganalytics::prediction
