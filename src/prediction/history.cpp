#include "prediction/history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

/// Older runs than these no longer matter to a median.
constexpr std::size_t most_runs = 128;
/// Fewer errors than these promise no interval of their own.
constexpr double fewest_errors = 40;
/// Of a normal distribution: standard deviation a mean absolute deviation, and the variance of a median of n runs
/// against that of one.
constexpr double deviation_a_mean = 1.2533, median_penalty = 1.5708;
constexpr double smallest_variance = 1e-6;
/// Pooled noise counts as so many runs beside a statement's own.
constexpr double noise_prior_runs = 5;
constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
constexpr std::array slopes{0.0, 0.25, 0.5, 0.75, 1.0};
/// A choice must be this much better than the simplest one.
constexpr double clearly = 0.99;

double variance_of_median(double variance, double runs) {
    return variance / runs * (runs > 2 ? median_penalty : 1.0);
}

/// Median of rising values without one of them.
double median_without(const std::vector<double>& rising, std::size_t left_out) {
    const std::size_t count = rising.size() - 1;
    const auto at = [&](std::size_t k) { return rising[k < left_out ? k : k + 1]; };
    return count % 2 == 1 ? at(count / 2) : (at(count / 2 - 1) + at(count / 2)) / 2;
}

/// Mean absolute error when each value is predicted by the median of the others.
struct LeaveOneOut {
    double sum = 0, count = 0;
    void add(std::vector<double> values) {
        if (values.size() < 2) return;
        std::sort(values.begin(), values.end());
        for (std::size_t k = 0; k < values.size(); ++k) sum += std::abs(values[k] - median_without(values, k));
        count += static_cast<double>(values.size());
    }
};

/// Of several losses the first, unless another is clearly less.
std::size_t simplest_good(const std::vector<double>& losses) {
    const auto least = static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin());
    return losses[least] < clearly * losses.front() ? least : 0;
}

double days(base::Timestamp from, base::Timestamp to) {
    return std::max(0.0, std::chrono::duration<double>(to - from).count() / 86'400);
}

}  // namespace

History History::learn(const std::vector<PastRun>& past, double level) {
    History history;
    history.level_ = level;
    std::vector<std::size_t> order(past.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return past[a].at < past[b].at; });
    history.timed_ = !past.empty() && past[order.front()].at != past[order.back()].at;
    std::map<std::string, std::vector<LogPrediction>> unseen;
    for (const auto i : order) {
        // A run of nobody is a statement of its own.
        const std::string name =
            past[i].statement.empty() ? '\n' + std::to_string(history.statements_.size()) : past[i].statement;
        auto& statement = history.statements_[name];
        statement.group = past[i].group;
        // The slopes are judged by a model as blind to the group as it is to what comes; so they err towards trust
        // in the past.
        statement.runs.push_back({past[i].log_ms, past[i].unseen.center, past[i].at});
        unseen[name].push_back(past[i].unseen);
    }
    for (auto& [name, statement] : history.statements_) {
        if (statement.runs.size() <= most_runs) continue;
        const auto old = static_cast<std::ptrdiff_t>(statement.runs.size() - most_runs);
        statement.runs.erase(statement.runs.begin(), statement.runs.begin() + old);
        unseen[name].erase(unseen[name].begin(), unseen[name].begin() + old);
    }
    history.choose_slopes();
    history.choose_half_life();
    history.measure_noise();
    history.measure_between();
    history.calibrate(unseen);
    // From here on runs are seen by the model in use.
    std::map<std::string, std::size_t> next;
    std::map<std::string, std::vector<double>> in_use;
    std::size_t nameless = 0;
    for (const auto i : order) {
        const std::string name = past[i].statement.empty() ? '\n' + std::to_string(nameless) : past[i].statement;
        if (in_use.find(name) == in_use.end()) ++nameless;
        in_use[name].push_back(past[i].model_log_ms);
    }
    for (auto& [name, statement] : history.statements_) {
        const auto& models = in_use.at(name);
        const std::size_t old = models.size() - statement.runs.size();
        for (std::size_t k = 0; k < statement.runs.size(); ++k) statement.runs[k].model_log_ms = models[old + k];
    }
    history.measure_between();
    return history;
}

void History::choose_slopes() {
    std::vector<double> within, between;
    for (const double slope : slopes) {
        LeaveOneOut runs, statements;
        std::map<std::string, std::vector<double>> places;
        for (const auto& [name, statement] : statements_) {
            std::vector<double> left;
            for (const auto& run : statement.runs) left.push_back(run.log_ms - slope * run.model_log_ms);
            places[statement.group].push_back(median(left));
            runs.add(std::move(left));
        }
        for (auto& [group, values] : places) statements.add(std::move(values));
        within.push_back(runs.count > 0 ? runs.sum / runs.count : 0);
        between.push_back(statements.count > 0 ? statements.sum / statements.count : 0);
    }
    found_.statement_slope = slopes[simplest_good(within)];
    found_.template_slope = slopes[simplest_good(between)];
}

void History::choose_half_life() {
    if (!timed_) return;
    constexpr std::array<double, 4> candidates{30.0, 7.0, 1.0, 0.25};
    std::vector<double> losses;
    for (std::size_t c = 0; c <= candidates.size(); ++c) {
        found_.half_life_days = c == 0 ? std::nullopt : std::optional(candidates[c - 1]);
        double loss = 0;
        for (const auto& [name, statement] : statements_) {
            std::vector<Run> before;
            for (const auto& run : statement.runs) {
                if (!before.empty()) {
                    const auto place = place_of(before, none, found_.statement_slope, run.at);
                    loss += std::abs(run.log_ms - found_.statement_slope * run.model_log_ms - place.center);
                }
                before.push_back(run);
            }
        }
        losses.push_back(loss);
    }
    const auto best = simplest_good(losses);
    found_.half_life_days = best == 0 ? std::nullopt : std::optional(candidates[best - 1]);
}

History::Place History::place_of(const std::vector<Run>& runs, std::size_t left_out, double slope,
                                 base::Timestamp at) const {
    std::vector<double> values, weights;
    double sum = 0, squares = 0;
    for (std::size_t k = 0; k < runs.size(); ++k) {
        if (k == left_out) continue;
        const double age = days(runs[k].at, at);
        const double weight = found_.half_life_days ? std::exp2(-std::min(age / *found_.half_life_days, 60.0)) : 1.0;
        values.push_back(runs[k].log_ms - slope * runs[k].model_log_ms);
        weights.push_back(weight);
        sum += weight;
        squares += weight * weight;
    }
    if (values.empty()) return {};
    if (!found_.half_life_days) return {median(values), sum};
    // Between the lower and the upper weighted median, as an unweighted one of an even number would be.
    const double low = weighted_quantile(values, weights, 0.5 - 1e-9);
    const double high = weighted_quantile(values, weights, 0.5 + 1e-9);
    return {(low + high) / 2, sum * sum / squares};
}

void History::measure_noise() {
    double sum = 0, count = 0;
    for (auto& [name, statement] : statements_) {
        if (statement.runs.size() < 2) continue;
        std::vector<double> values;
        for (const auto& run : statement.runs) values.push_back(run.log_ms - found_.statement_slope * run.model_log_ms);
        const double middle = median(values);
        const double runs = static_cast<double>(values.size());
        for (std::size_t k = 0; k < values.size(); ++k) {
            // The median is made of these runs and so lies too close to them.
            statement.runs[k].distance = std::abs(values[k] - middle) * std::sqrt(runs / (runs - 1));
            sum += statement.runs[k].distance;
            ++count;
        }
    }
    found_.noise = count > 0 ? std::max(1e-3, deviation_a_mean * sum / count) : 0.2;
}

double History::noise_of(const std::vector<Run>& runs, std::size_t left_out) const {
    double squares = noise_prior_runs * found_.noise * found_.noise, count = noise_prior_runs;
    if (runs.size() < 2) return found_.noise;
    for (std::size_t k = 0; k < runs.size(); ++k) {
        if (k == left_out) continue;
        // One wild run must not make a statement's noise.
        squares += std::pow(std::min(runs[k].distance, 4 * found_.noise), 2);
        ++count;
    }
    return std::sqrt(squares / count);
}

void History::measure_between() {
    template_places_.clear();
    own_place_.clear();
    for (const auto& [name, statement] : statements_) {
        const auto newest = statement.runs.back().at;
        const double place = place_of(statement.runs, none, found_.template_slope, newest).center;
        own_place_[name] = place;
        template_places_[statement.group].push_back(place);
    }
    double sum = 0, count = 0;
    for (auto& [group, places] : template_places_) {
        std::sort(places.begin(), places.end());
        if (places.size() < 2) continue;
        const double middle = median(places), statements = static_cast<double>(places.size());
        for (const double place : places) {
            sum += std::abs(place - middle) * std::sqrt(statements / (statements - 1));
            ++count;
        }
    }
    found_.between = count > 0 ? std::optional(std::max(1e-3, deviation_a_mean * sum / count)) : std::nullopt;
}

History::Belief History::of_model(const LogPrediction& model) const {
    const double variance = std::pow(deviation_a_mean * model.spread, 2);
    // The model's errors on unseen runs hold the runs' noise, which no better place would remove.
    return {model.center, std::max({0.1 * variance, variance - found_.noise * found_.noise, smallest_variance})};
}

History::Belief History::with_template(const Belief& prior, double model_log_ms, const std::string& group,
                                       const Statement* left_out, bool& used) const {
    const auto places = template_places_.find(group);
    if (!found_.between || places == template_places_.end()) return prior;
    double middle = 0, statements = static_cast<double>(places->second.size());
    if (left_out == nullptr) {
        middle = median(places->second);
    } else {
        if (--statements < 1) return prior;
        const double own = place_of(left_out->runs, none, found_.template_slope, left_out->runs.back().at).center;
        const auto at = std::lower_bound(places->second.begin(), places->second.end(), own);
        const auto position =
            std::min(static_cast<std::size_t>(at - places->second.begin()), places->second.size() - 1);
        middle = median_without(places->second, position);
    }
    used = true;
    const double spread = *found_.between * *found_.between;
    const double of_places = variance_of_median(spread, statements);
    const double prior_place = std::max(prior.variance - spread, 0.1 * prior.variance);
    const double trust = prior_place / (prior_place + of_places);
    const double seen = middle + found_.template_slope * model_log_ms;
    return {prior.mean + trust * (seen - prior.mean), prior_place * (1 - trust) + spread};
}

History::Belief History::with_statement(const Belief& prior, double model_log_ms, const Place& place,
                                        double noise) const {
    if (place.runs <= 0) return prior;
    const double of_place = variance_of_median(noise * noise, place.runs);
    const double trust = prior.variance / (prior.variance + of_place);
    const double seen = place.center + found_.statement_slope * model_log_ms;
    return {prior.mean + trust * (seen - prior.mean), prior.variance * (1 - trust)};
}

void History::calibrate(const std::map<std::string, std::vector<LogPrediction>>& unseen) {
    std::vector<double> of_statements, of_templates;
    for (const auto& [name, statement] : statements_) {
        const auto& models = unseen.at(name);
        std::vector<Run> before;
        for (std::size_t k = 0; k < statement.runs.size(); ++k) {
            const auto& run = statement.runs[k];
            bool templated = false;
            const Belief prior =
                with_template(of_model(models[k]), models[k].center, statement.group, &statement, templated);
            const auto place = timed_ ? place_of(before, none, found_.statement_slope, run.at)
                                      : place_of(statement.runs, k, found_.statement_slope, run.at);
            before.push_back(run);
            const bool known = place.runs > 0;
            const double noise = known ? noise_of(statement.runs, k) : found_.noise;
            const Belief belief = with_statement(prior, models[k].center, place, noise);
            const double spread = std::sqrt(belief.variance + noise * noise) / deviation_a_mean;
            if (known) of_statements.push_back((run.log_ms - belief.mean) / spread);
            // A statement's first run is what a new statement of the template looks like.
            if (templated && (k == 0 || !known)) {
                const double alone = std::sqrt(prior.variance + found_.noise * found_.noise) / deviation_a_mean;
                of_templates.push_back((run.log_ms - prior.mean) / alone);
            }
        }
    }
    const auto distribution = [](const std::vector<double>& ratios) {
        return ErrorDistribution(ratios, std::vector<double>(ratios.size(), 1.0), static_cast<double>(ratios.size()));
    };
    statement_errors_ = distribution(of_statements);
    template_errors_ = distribution(of_templates);
}

History::Answer History::answer(const std::string& statement, const std::string& group, const LogPrediction& model,
                                base::Timestamp at, std::optional<double> level) const {
    Answer answer{model, Source::model, 0};
    if (statements_.empty()) return answer;
    const Belief alone = of_model(model);
    bool templated = false;
    Belief belief = with_template(alone, model.center, group, nullptr, templated);
    if (templated) answer.source = Source::template_history;
    double noise = found_.noise;
    const auto known = statement.empty() ? statements_.end() : statements_.find(statement);
    if (known != statements_.end()) {
        const auto place = place_of(known->second.runs, none, found_.statement_slope, at);
        noise = noise_of(known->second.runs, none);
        belief = with_statement(belief, model.center, place, noise);
        answer.source = Source::statement_history;
    }
    if (answer.source == Source::model) return answer;
    answer.history_share = std::clamp(1 - belief.variance / alone.variance, 0.0, 1.0);
    const auto& errors = answer.source == Source::statement_history ? statement_errors_ : template_errors_;
    const double spread = std::sqrt(belief.variance + noise * noise) / deviation_a_mean;
    if (errors.units() >= fewest_errors) {
        answer.prediction = around(belief.mean, spread, errors, level.value_or(level_));
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
