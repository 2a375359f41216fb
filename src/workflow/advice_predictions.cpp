#include "workflow/advice_predictions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "workflow/statement_change.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

/// Further ones have a small share of the benefit, and each costs two plans.
constexpr std::size_t most_statements = 5;

struct PredictedChange {
    SpokenTime before, after;
};

bool usable(const SpokenTime& time) {
    return time.source == prediction::PredictionSource::model || time.source == prediction::PredictionSource::history;
}

/// Nothing where it cannot be planned or known.
std::optional<PredictedChange> predict_change(const workload::ObservedStatement& statement, const Proposal& proposal,
                                              plan::Planner& planner, const DatabasePredictor& predictor,
                                              base::Timestamp now) {
    const auto change = apply_proposals(statement.text, std::span(&proposal, 1));
    if (!change.changes_anything()) return std::nullopt;
    const auto before = planner.plan(statement.text);
    const auto after = planner.plan(change.text, change.what_if);
    if (!before || !after) return std::nullopt;
    const StatementIdentity identity{statement.query_hash,
                                     template_key(statement.query_hash, statement.fingerprint_hash)};
    PredictedChange predicted{predictor.say(identity, before->plan, now),
                              predictor.say_changed(identity, before->plan, after->plan, now, 0.9, change.work_mem)};
    if (!usable(predicted.before) || !usable(predicted.after)) return std::nullopt;
    return predicted;
}

bool judged_by_cost(const advice::Evidence& evidence) {
    return evidence.basis == advice::Basis::planner_cost || evidence.basis == advice::Basis::modelled_cost;
}

/// Whether anything was added.
bool add_to(RankedAdvice& ranked, const workload::Workload& workload, plan::Planner& planner,
            const DatabasePredictor& predictor, base::Timestamp now) {
    auto& advice = ranked.advice;
    Proposal proposal{advice.title, std::string(advice::to_string(advice.source)), advice.statement, {}, {}};
    if (ranked.parameter) {
        proposal.parameter_name = ranked.parameter->name;
        proposal.recommended_value = ranked.parameter->recommended_value;
    }
    double weight_before = 0, weight_after = 0;
    bool all_gain = true, first = true;
    for (std::size_t i = 0; i < std::min(advice.served.size(), most_statements); ++i) {
        const auto& served = advice.served[i];
        const auto statement = std::find_if(workload.statements.begin(), workload.statements.end(),
                                            [&](const auto& one) { return one.query_hash == served.query_hash; });
        if (statement == workload.statements.end()) continue;
        const auto change = predict_change(*statement, proposal, planner, predictor, now);
        if (!change) {
            all_gain = false;
            if (first) return false;
            continue;
        }
        const double before_ms = std::exp(change->before.time.center);
        const double after_ms = std::exp(change->after.time.center);
        if (first) {
            advice.evidence.predicted_ms_before = before_ms;
            advice.evidence.predicted_ms_after = after_ms;
            if (const double lower = std::exp(change->after.time.lower); std::isfinite(lower))
                advice.evidence.predicted_ms_lower = lower;
            if (const double upper = std::exp(change->after.time.upper); std::isfinite(upper))
                advice.evidence.predicted_ms_upper = upper;
            advice.evidence.checked.push_back(fmt::format(
                "Times predicted by {}: {} now, {} with it", predictor.version(),
                base::to_words(base::Milliseconds{before_ms}), base::to_words(base::Milliseconds{after_ms})));
            first = false;
        }
        const double calls = std::max(served.calls_per_minute, 1e-9);
        weight_before += calls * before_ms;
        weight_after += calls * after_ms;
        all_gain = all_gain && after_ms < before_ms;
    }
    if (first) return false;
    // Work spared by fewer statements, or measured, is not a matter of one plan against another.
    if (all_gain && weight_before > 0 && judged_by_cost(advice.evidence)) {
        advice.estimated_improvement_percent = 100 * (1 - weight_after / weight_before);
        advice.evidence.basis = advice::Basis::predicted_time;
    }
    return true;
}

}  // namespace

void add_predicted_times(Analysis& analysis, const workload::Workload& workload, plan::Planner& planner,
                         const DatabasePredictor& predictor, base::Timestamp now) {
    if (!predictor.model()) return;
    for (auto& ranked : analysis.advice) {
        if (!add_to(ranked, workload, planner, predictor, now)) continue;
        auto parameter = std::move(ranked.parameter);
        ranked = rank(std::move(ranked.advice));
        ranked.parameter = std::move(parameter);
    }
    std::stable_sort(analysis.advice.begin(), analysis.advice.end(), [](const RankedAdvice& a, const RankedAdvice& b) {
        if (a.roi_score != b.roi_score) return a.roi_score > b.roi_score;
        return a.cost_saved_per_minute > b.cost_saved_per_minute;
    });
}

}  // namespace pganalytics::workflow
