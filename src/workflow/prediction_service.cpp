#include "workflow/prediction_service.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "prediction/explanation.hpp"
#include "prediction/features.hpp"
#include "workflow/own_past.hpp"
#include "workflow/parameter_values.hpp"

namespace pganalytics::workflow {

namespace {

using prediction::Prediction;
using prediction::PredictionRequest;
using prediction::Scenario;

constexpr double lowest_level = 0.5, highest_level = 0.99;
constexpr std::chrono::days own_past_lookback{7};

std::uint64_t from_hex(std::string_view digits) {
    std::uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    return number;
}

std::optional<double> as_ms(double log_ms) {
    const double ms = std::exp(log_ms);
    return std::isfinite(log_ms) && std::isfinite(ms) ? std::optional(ms) : std::nullopt;
}

/// Of a log-normal time whose log has this mean absolute error (× √(π/2) is the deviation of a normal).
double deviation_ms(const prediction::LogPrediction& time) {
    constexpr double deviation_a_mean = 1.2533141373155001;
    constexpr double widest = 3;  // beyond it the figure says nothing, and overflows
    const double deviation = std::min(widest, deviation_a_mean * time.spread);
    const double variance = deviation * deviation;
    return std::exp(time.center + variance / 2) * std::sqrt(std::expm1(variance));
}

std::shared_ptr<const plan::Plan> keep(plan::Plan plan) {
    return std::make_shared<const plan::Plan>(std::move(plan));
}

void note_unused(const BoundStatement& bound, std::vector<std::string>& notes) {
    for (const auto& name : bound.unused) {
        notes.push_back(fmt::format("Parameter {} has no place in the statement and was left out.", name));
    }
    if (bound.left_open > 0 && !bound.used.empty()) {
        notes.push_back(fmt::format("{} parameters have no value: planned for any.", bound.left_open));
    }
}

/// What every answer carries, whatever it rests on.
Prediction prediction_of(const PredictionRequest& request, const PredictionSubject& subject,
                         const prediction::LogPrediction& time, base::Timestamp now) {
    Prediction prediction;
    prediction.query_hash = subject.query_hash;
    prediction.target_id = subject.target;
    prediction.database_name = subject.database_name;
    prediction.predicted_ms = std::exp(time.center);
    prediction.within_30_percent = time.within_30_percent;
    prediction.lower_ms = as_ms(time.lower);
    prediction.upper_ms = as_ms(time.upper);
    prediction.std_dev_ms = deviation_ms(time);
    prediction.level = request.level;
    prediction.scenario = request.scenario;
    prediction.predicted_at = now;
    return prediction;
}

}  // namespace

PredictionService::PredictionService(PredictionDependencies dependencies)
    : clock_(dependencies.clock),
      signing_key_(std::move(dependencies.signing_key)),
      subjects_(dependencies.repository, dependencies.targets, dependencies.clock, dependencies.statements_kept_for),
      planners_(dependencies.targets, dependencies.clock),
      models_(dependencies.repository, dependencies.clock, dependencies.log, dependencies.serving),
      cache_(dependencies.cache, dependencies.clock),
      outer_cache_(std::move(dependencies.outer_cache)) {}

base::Result<Prediction> PredictionService::predict(const PredictionRequest& request) {
    auto prediction = answer(request);
    if (prediction) {
        ++by_source_[static_cast<std::size_t>(prediction->source)];
    } else {
        ++failed_;
    }
    return prediction;
}

std::vector<base::Result<Prediction>> PredictionService::predict_all(std::span<const PredictionRequest> requests) {
    std::vector<base::Result<Prediction>> predictions;
    predictions.reserve(requests.size());
    for (const auto& request : requests) predictions.push_back(predict(request));
    return predictions;
}

base::Result<Prediction> PredictionService::answer(const PredictionRequest& request) {
    if (!(request.level >= lowest_level && request.level <= highest_level)) {
        return base::Error{base::ErrorCode::fix_input,
                           fmt::format("an interval has a level from {} to {}", lowest_level, highest_level),
                           {},
                           "level"};
    }
    PGANALYTICS_ASSIGN(const auto subject, subjects_.find(request));
    const DatabaseName name{subject->target, subject->database_name};
    PGANALYTICS_ASSIGN(const auto predictor, request.model_id ? models_.of(name, *request.model_id) : models_.of(name));
    const auto key = key_of(request, *subject, *predictor);
    auto known = cache_.find(key);
    if (known) {
        ++cache_hits_;
    } else if (outer_cache_ && (known = outer_cache_->find(key))) {
        ++outer_cache_hits_;
        cache_.put(key, known);
    }
    if (known) {
        Prediction prediction = *known;
        prediction.cached = true;
        return prediction;
    }
    ++cache_misses_;
    PGANALYTICS_ASSIGN(auto prediction, make(request, *subject, *predictor));
    const auto shared = std::make_shared<const Prediction>(prediction);
    cache_.put(key, shared);
    if (outer_cache_) outer_cache_->put(key, shared);
    return prediction;
}

prediction::CacheKey PredictionService::key_of(const PredictionRequest& request, const PredictionSubject& subject,
                                               const DatabasePredictor& predictor) const {
    std::string all;
    // Lengths keep neighbours apart.
    const auto add = [&all](std::string_view part) { all += fmt::format("{}:{}\n", part.size(), part); };
    const auto& model = predictor.model();
    add(model ? fmt::format("{} {}", base::to_integer(model->id), model->content_sha256) : predictor.version());
    add(fmt::format("{} {} {}", base::to_integer(subject.target), base::to_integer(subject.query_hash),
                    prediction::feature_version()));
    add(subject.database_name);
    add(subject.as_asked ? subject.text : std::string());
    add(fmt::format("{} {}", subject.plan_shape, subject.captured_at.time_since_epoch().count()));
    add(fmt::format("{} {}", prediction::to_string(request.scenario), request.level));
    add(request.scenario == Scenario::optimized ? subject.proposals_version : std::string());
    for (const auto& [parameter, literal] : request.parameters) {
        add(parameter);
        add(literal);
    }
    const auto digest = base::sha256_hex(all);
    return {from_hex(std::string_view(digest).substr(0, 16)), from_hex(std::string_view(digest).substr(16, 16))};
}

base::Result<plan::PlannedStatement> PredictionService::ask_target(const PredictionSubject& subject,
                                                                   const std::string& text,
                                                                   const plan::WhatIf& what_if) {
    ++plans_;
    return planners_.plan(subject.target, subject.database_name, text, what_if);
}

base::Status PredictionService::plan_present(const PredictionRequest& request, const PredictionSubject& subject,
                                             Planned& planned) {
    const bool captured_will_do = subject.plan && !subject.as_asked && request.parameters.empty();
    if (captured_will_do) {
        planned.before = subject.plan;
        return {};
    }
    const auto bound = bind_parameters(subject.text, request.parameters);
    auto made = ask_target(subject, bound.text);
    if (made) {
        note_unused(bound, planned.notes);
        planned.before = keep(std::move(made->plan));
        return {};
    }
    if (subject.plan) {
        planned.notes.push_back(fmt::format("The target could not plan it now ({}); its plan of {} is used.",
                                            made.error().message, base::to_rfc3339(subject.captured_at)));
        planned.before = subject.plan;
        return {};
    }
    auto error = std::move(made).error();
    // The words are the statement's, and a statement known by its hash has none to be mended.
    if (error.code == base::ErrorCode::fix_input && !subject.as_asked) error.code = base::ErrorCode::unprocessable;
    if (error.code == base::ErrorCode::fix_input && error.field.empty()) error.field = "query_text";
    return error;
}

base::Status PredictionService::plan_optimized(const PredictionRequest& request, const PredictionSubject& subject,
                                               Planned& planned) {
    auto change = apply_proposals(subject.text, subject.proposals);
    for (auto& sentence : change.left_out) planned.notes.push_back(std::move(sentence));
    if (!change.changes_anything()) {
        planned.notes.emplace_back("No open recommendation changes this statement: the time is that of today.");
        return {};
    }
    // Another text may number its parameters in another way.
    const bool same_text = change.text == subject.text;
    const auto text = same_text ? bind_parameters(subject.text, request.parameters).text : change.text;
    if (!same_text && !request.parameters.empty()) {
        planned.notes.emplace_back("The rewritten statement is planned for any parameters.");
    }
    auto made = ask_target(subject, text, change.what_if);
    const bool others = !same_text || !change.what_if.settings.empty();
    if (!made && made.error().code == base::ErrorCode::install_extension && others) {
        planned.notes.push_back(fmt::format("Indexes are left out: {}", made.error().message));
        change.what_if.hypothetical_indexes.clear();
        made = ask_target(subject, text, change.what_if);
    }
    if (!made) return std::move(made).error();
    for (const auto& title : change.applied) planned.notes.push_back(fmt::format("Applied: {}.", title));
    planned.after = keep(std::move(made->plan));
    planned.work_mem = change.work_mem;
    return {};
}

base::Result<PredictionService::Planned> PredictionService::plan(const PredictionRequest& request,
                                                                 const PredictionSubject& subject) {
    Planned planned;
    PGANALYTICS_RETURN_IF_ERROR(plan_present(request, subject, planned));
    if (request.scenario == Scenario::optimized) {
        PGANALYTICS_RETURN_IF_ERROR(plan_optimized(request, subject, planned));
    }
    return planned;
}

base::Result<Prediction> PredictionService::make(const PredictionRequest& request, const PredictionSubject& subject,
                                                 const DatabasePredictor& predictor) {
    auto planned = plan(request, subject);
    if (!planned) return make_without_plan(request, subject, std::move(planned).error());
    const StatementIdentity statement{subject.has_run ? std::optional(subject.query_hash) : std::nullopt,
                                      subject.group};
    const auto now = clock_.now();
    const auto spoken = planned->after ? predictor.say_changed(statement, *planned->before, *planned->after, now,
                                                               request.level, planned->work_mem)
                                       : predictor.say(statement, *planned->before, now, request.level);
    Prediction prediction = prediction_of(request, subject, spoken.time, now);
    if (predictor.model()) prediction.model_id = predictor.model()->id;
    prediction.model_version = predictor.version();
    prediction.source = spoken.source;
    prediction.parts = prediction::parts_in_ms(spoken.contributions, spoken.time.center);
    prediction.why = prediction::why_slow(planned->after ? *planned->after : *planned->before, prediction.parts);
    prediction.notes = std::move(planned->notes);
    for (const auto& refusal : predictor.refused()) prediction.notes.push_back(refusal);
    const auto definitions = prediction::feature_definitions();
    for (std::size_t i = 0; i < spoken.features.size(); ++i) {
        if (std::isfinite(spoken.features[i]))
            prediction.features.emplace_back(definitions[i].name, spoken.features[i]);
    }
    prediction.prediction_id = prediction::sign(prediction::claim_of(prediction), signing_key_);
    return prediction;
}

base::Result<Prediction> PredictionService::make_without_plan(const PredictionRequest& request,
                                                              const PredictionSubject& subject,
                                                              base::Error why_no_plan) {
    // Where it has a plan, only what was asked for could not be planned; its past is that of another plan.
    const bool changes = request.scenario == Scenario::optimized && !subject.proposals.empty();
    if (!subject.has_run || subject.plan || changes || request.model_id) return why_no_plan;
    const auto now = clock_.now();
    PGANALYTICS_ASSIGN(const auto past, subjects_.past_of(subject, {now - own_past_lookback, now}));
    const auto time = predict_from_own_past(past, request.level);
    if (!time) return why_no_plan;
    Prediction prediction = prediction_of(request, subject, *time, now);
    prediction.model_version = "own past";
    prediction.source =
        prediction::too_wide(*time) ? prediction::PredictionSource::unknown : prediction::PredictionSource::history;
    const prediction::Contribution base{"", 0, time->center};
    prediction.parts = prediction::parts_in_ms(std::span(&base, 1), time->center);
    prediction.why = "It has no plan to explain it by: the time is the median of its own intervals.";
    prediction.notes.push_back(
        fmt::format("Only its own times of the last 7 days are known: {}.", base::one_line(why_no_plan.message, 200)));
    if (!request.parameters.empty())
        prediction.notes.emplace_back("Without a plan parameters make no difference; the time is that of any.");
    prediction.prediction_id = prediction::sign(prediction::claim_of(prediction), signing_key_);
    return prediction;
}

base::Result<PredictionService::Validated> PredictionService::validate(std::string_view prediction_id,
                                                                       std::optional<base::QueryHash> query_hash,
                                                                       double actual_ms) {
    if (!(actual_ms > 0) || !std::isfinite(actual_ms)) {
        return base::Error{base::ErrorCode::fix_input, "The actual time must be above 0 milliseconds",
                           "Leave executions out that took no measurable time.", "actual_execution_time_ms"};
    }
    PGANALYTICS_ASSIGN(auto claim, prediction::verify(prediction_id, signing_key_));
    if (query_hash && *query_hash != claim.query_hash) {
        return base::Error{base::ErrorCode::fix_input, "This prediction was made for another statement",
                           fmt::format("It is of query {}.", base::to_integer(claim.query_hash)), "query_hash"};
    }
    const auto result = prediction::validate(claim, actual_ms);
    ++validated_;
    accuracy_sum_ += result.accuracy_score;
    return Validated{std::move(claim), result};
}

PredictionCounters PredictionService::counters() const {
    PredictionCounters counters;
    for (std::size_t i = 0; i < by_source_.size(); ++i) counters.by_source[i] = by_source_[i];
    counters.failed = failed_;
    counters.cache_hits = cache_hits_;
    counters.outer_cache_hits = outer_cache_hits_;
    counters.cache_misses = cache_misses_;
    counters.plans = plans_;
    counters.validated = validated_;
    counters.accuracy_sum = accuracy_sum_;
    return counters;
}

}  // namespace pganalytics::workflow
