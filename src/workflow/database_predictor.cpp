#include "workflow/database_predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "plan/plan.hpp"
#include "prediction/cost_fit.hpp"
#include "prediction/quantiles.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

using prediction::LogPrediction;
using prediction::PredictionSource;

/// How far back a database without a model is looked at.
constexpr std::chrono::days line_lookback{7};
/// The level that AdaptiveInterval learns at.
constexpr double watched_level = 0.9;
constexpr std::size_t most_newer_samples = 5'000;

base::Error nothing_to_go_on(const std::string& database_name) {
    return {base::ErrorCode::unprocessable,
            fmt::format("Nothing is known of times in database {}: no model was trained, and no statement with a plan "
                        "was seen running in the last 7 days",
                        database_name),
            "Let the collector watch it for a few minutes, or check with `pganalytics check` why it does not.",
            {}};
}

struct OfStatement {
    std::string group;
    std::vector<double> log_ms, costs;
};

std::map<std::string, OfStatement> by_statement(const prediction::Dataset& data) {
    std::map<std::string, OfStatement> statements;
    for (const auto& sample : data) {
        auto& one = statements[sample.id];
        one.group = sample.group;
        one.log_ms.push_back(std::log(sample.runtime_ms));
        one.costs.push_back(sample.features[prediction::total_cost_feature()]);
    }
    return statements;
}

}  // namespace

LogPrediction DatabasePredictor::CostLine::say(double cost, double level) const {
    return prediction::around(fit.log_ms(cost), spread, errors, level);
}

base::Result<std::shared_ptr<const DatabasePredictor>> DatabasePredictor::read(store::Repository& repository,
                                                                               base::TargetId target,
                                                                               const std::string& database_name,
                                                                               base::Timestamp now,
                                                                               std::optional<base::ModelId> model) {
    std::shared_ptr<DatabasePredictor> made(new DatabasePredictor(target, database_name));
    if (model) {
        PGANALYTICS_ASSIGN(made->stored_, store::ModelStore(repository).find(*model));
        if (made->stored_->database_name != database_name) {
            return base::Error{base::ErrorCode::unprocessable,
                               fmt::format("model {} was trained on database {}, not on {}", base::to_integer(*model),
                                           made->stored_->database_name, database_name),
                               "Leave model_id out for the active model of the database.", "model_id"};
        }
        PGANALYTICS_ASSIGN(made->trained_, load_model(repository, *made->stored_));
    } else {
        auto serving = load_serving_model(repository, target, database_name);
        // Only unreadable models: said, and history and cost answer.
        if (!serving && serving.error().code != base::ErrorCode::fix_input &&
            serving.error().code != base::ErrorCode::unsupported) {
            return std::move(serving).error();
        }
        if (!serving) {
            made->refused_.push_back(serving.error().to_string());
        } else if (*serving) {
            made->stored_ = std::move((*serving)->stored);
            made->trained_ = std::move((*serving)->loaded);
            made->refused_ = std::move((*serving)->refused);
        }
    }
    if (made->stored_) {
        made->version_ = fmt::format("{} {}", made->stored_->model_type, made->stored_->version);
        made->past_to_ = made->stored_->trained_to.value_or(made->stored_->training_date);
        made->model_ = made->trained_;
    } else {
        made->version_ = "cost line";
    }
    PGANALYTICS_RETURN_IF_ERROR(made->read_past(repository, now));
    return std::shared_ptr<const DatabasePredictor>(std::move(made));
}

base::Result<std::shared_ptr<const DatabasePredictor>> DatabasePredictor::with_newer(store::Repository& repository,
                                                                                     base::Timestamp now) const {
    std::shared_ptr<DatabasePredictor> made(new DatabasePredictor(*this));
    PGANALYTICS_RETURN_IF_ERROR(made->read_past(repository, now));
    return std::shared_ptr<const DatabasePredictor>(std::move(made));
}

base::Status DatabasePredictor::read_past(store::Repository& repository, base::Timestamp now) {
    PGANALYTICS_ASSIGN(observations_, Observations::read(repository, target_, database_name_, {now, now}));
    SampleRequest request;
    request.target = target_;
    request.database_name = database_name_;
    const auto from =
        stored_ ? stored_->trained_to.value_or(stored_->training_date) : base::Timestamp(now - line_lookback);
    request.window = {std::min<base::Timestamp>(from, now - std::chrono::seconds(1)), now};
    request.most = most_newer_samples;
    auto samples = collect_training_samples(repository, request);
    if (!samples && samples.error().code != base::ErrorCode::not_found) return std::move(samples).error();
    const prediction::Dataset none;
    const auto& data = samples ? samples->data : none;
    if (!stored_) return fit_cost_line(data);
    std::vector<prediction::PastRun> newer;
    base::Timestamp newest = past_to_;
    for (const auto& sample : data) {
        const double log_ms = std::log(sample.runtime_ms);
        const auto of_model = trained_->model().predict(sample.features);
        // Only what this one has not learned from yet says how its intervals fare.
        if (sample.at > past_to_) {
            const auto& history = model_->history();
            const auto promised = history.answer(sample.id, sample.group, of_model, sample.at, watched_level,
                                                 prediction::ran_cold(sample.features));
            interval_.observe(promised.prediction, log_ms);
        }
        newest = std::max(newest, sample.at);
        newer.push_back({sample.id, sample.group, log_ms, of_model.center, of_model, sample.at,
                         prediction::ran_cold(sample.features)});
    }
    past_to_ = newest;
    if (!newer.empty()) model_ = std::make_shared<const LoadedModel>(trained_->with_newer(std::move(newer)));
    return {};
}

base::Status DatabasePredictor::fit_cost_line(const prediction::Dataset& data) {
    const auto statements = by_statement(data);
    if (statements.empty()) return nothing_to_go_on(database_name_);
    std::vector<double> costs, times, weights;
    for (const auto& [key, one] : statements) {
        costs.push_back(prediction::median(one.costs));
        times.push_back(prediction::median(one.log_ms));
        weights.push_back(1);
    }
    auto line = std::make_shared<CostLine>();
    line->fit = prediction::fit_cost(costs, times, weights);
    std::vector<double> errors;
    std::map<std::string, double> center_without;
    std::size_t position = 0;
    for (const auto& [key, one] : statements) {
        auto other_costs = costs;
        auto other_times = times;
        const auto offset = static_cast<std::ptrdiff_t>(position);
        other_costs.erase(other_costs.begin() + offset);
        other_times.erase(other_times.begin() + offset);
        const std::vector<double> ones(other_costs.size(), 1.0);
        const auto fit = other_costs.empty() ? line->fit : prediction::fit_cost(other_costs, other_times, ones);
        center_without[key] = fit.log_ms(costs[position]);
        if (!other_costs.empty()) errors.push_back(times[position] - center_without[key]);
        ++position;
    }
    double sum = 0;
    for (const double error : errors) sum += std::abs(error);
    if (!errors.empty()) line->spread = std::max(0.05, sum / static_cast<double>(errors.size()));
    for (double& error : errors) error /= line->spread;
    line->errors = prediction::ErrorDistribution(errors, std::vector<double>(errors.size(), 1.0),
                                                 static_cast<double>(errors.size()));
    std::vector<prediction::PastRun> past;
    for (const auto& sample : data) {
        const double cost = sample.features[prediction::total_cost_feature()];
        const auto unseen = prediction::around(center_without[sample.id], line->spread, line->errors, 0.9);
        past.push_back({sample.id, sample.group, std::log(sample.runtime_ms), line->fit.log_ms(cost), unseen, sample.at,
                        prediction::ran_cold(sample.features)});
    }
    line->history = prediction::History::learn(past);
    line_ = std::move(line);
    return {};
}

LogPrediction DatabasePredictor::model_alone(const prediction::FeatureVector& features, double level) const {
    if (model_) return model_->model().predict(features, level);
    return line_->say(features[prediction::total_cost_feature()], level);
}

prediction::History::Answer DatabasePredictor::ask(const std::string& key, const std::string& group,
                                                   const prediction::FeatureVector& features, base::Timestamp at,
                                                   double level) const {
    const auto& history = model_ ? model_->history() : line_->history;
    const bool cold = prediction::ran_cold(features);
    auto answer = history.answer(key, group, model_alone(features, level), at, level, cold);
    if (!model_) return answer;
    // How much wider or narrower the interval became is known at the level it was watched at.
    const auto watched =
        level == watched_level
            ? answer.prediction
            : history.answer(key, group, model_alone(features, watched_level), at, watched_level, cold).prediction;
    const auto adapted = interval_.adjust(watched);
    const auto stretch = [](double was, double is) { return was > 0 && std::isfinite(was) ? is / was : 1.0; };
    auto& time = answer.prediction;
    time.lower = time.center -
                 (time.center - time.lower) * stretch(watched.center - watched.lower, adapted.center - adapted.lower);
    time.upper = time.center +
                 (time.upper - time.center) * stretch(watched.upper - watched.center, adapted.upper - adapted.center);
    return answer;
}

SpokenTime DatabasePredictor::spoken(const prediction::History::Answer& answer,
                                     prediction::FeatureVector features) const {
    SpokenTime spoken;
    spoken.time = answer.prediction;
    const bool from_history =
        answer.source != prediction::History::Source::model && (answer.history_share >= 0.5 || line_ != nullptr);
    spoken.source = prediction::too_wide(spoken.time) ? PredictionSource::unknown
                    : from_history                    ? PredictionSource::history
                    : model_                          ? PredictionSource::model
                                                      : PredictionSource::fallback;
    if (model_) {
        spoken.contributions = model_->model().explain(features);
    } else {
        const double cost = features[prediction::total_cost_feature()];
        const double of_cost = line_->fit.log_ms(cost) - line_->fit.log_ms(0);
        spoken.contributions = {{"", 0, line_->fit.log_ms(0)}, {"root_total_cost", cost, of_cost}};
    }
    spoken.features = std::move(features);
    return spoken;
}

SpokenTime DatabasePredictor::say(const StatementIdentity& statement, const plan::Plan& plan, base::Timestamp now,
                                  double level, std::optional<base::Bytes> work_mem) const {
    auto features = prediction::make_features(plan, observations_->of(statement.query_hash, plan, now, now, work_mem));
    const std::string key =
        statement.query_hash ? statement_key(*statement.query_hash, plan::shape_hash(plan)) : std::string();
    const auto answer = ask(key, statement.group, features, now, level);
    return spoken(answer, std::move(features));
}

SpokenTime DatabasePredictor::say_changed(const StatementIdentity& statement, const plan::Plan& before,
                                          const plan::Plan& after, base::Timestamp now, double level,
                                          std::optional<base::Bytes> work_mem) const {
    const bool same_plan =
        plan::shape_hash(before) == plan::shape_hash(after) && !work_mem && before.total_cost() == after.total_cost();
    if (same_plan) return say(statement, after, now, level);
    const auto present = say(statement, before, now, level);
    auto features =
        prediction::make_features(after, observations_->of(statement.query_hash, after, now, now, work_mem));
    const auto alone = model_alone(features, level);
    // The template's other statements had the present plan; their times say nothing of this one.
    const std::string key =
        statement.query_hash ? statement_key(*statement.query_hash, plan::shape_hash(after)) : std::string();
    auto answer = ask(key, {}, features, now, level);
    if (answer.source == prediction::History::Source::model && statement.query_hash) {
        // What the planner misjudges of a statement, rows above all, it misjudges under another plan too.
        const auto& history = model_ ? model_->history() : line_->history;
        const double wider =
            std::max(1.0, history.misjudged(statement_key(*statement.query_hash, plan::shape_hash(before))));
        auto& time = answer.prediction;
        time.lower = time.center - wider * (time.center - time.lower);
        time.upper = time.center + wider * (time.upper - time.center);
        time.spread *= wider;
    }
    if (answer.source == prediction::History::Source::model && after.total_cost() <= before.total_cost()) {
        const double gain = std::min(0.0, alone.center - model_alone(present.features, level).center);
        const double moved = std::min(0.0, present.time.center + gain - answer.prediction.center);
        answer.prediction.center += moved;
        answer.prediction.lower += moved;
        answer.prediction.upper += moved;
    }
    return spoken(answer, std::move(features));
}

}  // namespace pganalytics::workflow
