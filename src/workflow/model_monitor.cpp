#include "workflow/model_monitor.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "prediction/quantiles.hpp"
#include "workflow/model_content.hpp"
#include "workflow/model_watch.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

using namespace std::chrono_literals;

/// What is younger may still be on its way from the collector.
constexpr auto settling = 2min;
constexpr auto longest_look = 48h;
constexpr auto inputs_period = 6h;
constexpr auto inputs_span = 7 * 24h;
constexpr std::size_t most_intervals = 50'000;
constexpr std::size_t most_inputs = 5'000;
/// The newest intervals of a statement against those before.
constexpr std::size_t newest_runs = 20;
constexpr std::size_t most_features_named = 5;
/// An input that moves a prediction by less is not why it is wrong.
constexpr double least_effect = 0.02;

ModelWatch watch_of(const std::optional<store::ModelStore::Watch>& stored, double level) {
    if (!stored) return ModelWatch(level);
    return ModelWatch::from_json(nlohmann::json::parse(stored->state_json, nullptr, false), level);
}

prediction::FeatureVector typical(const std::vector<const prediction::Sample*>& runs, std::size_t from,
                                  std::size_t to) {
    prediction::FeatureVector medians;
    for (std::size_t feature = 0; feature < prediction::feature_definitions().size(); ++feature) {
        std::vector<double> known;
        for (std::size_t i = from; i < to; ++i) {
            if (!std::isnan(runs[i]->features[feature])) known.push_back(runs[i]->features[feature]);
        }
        medians.push_back(2 * known.size() > to - from ? prediction::median(known) : std::nan(""));
    }
    return medians;
}

/// Inputs of the statement that are others now than before, those that move the prediction most first.
std::vector<std::string> features_that_moved(const prediction::Model& model, const prediction::Dataset& data,
                                             const std::string& statement) {
    std::vector<const prediction::Sample*> runs;
    for (const auto& sample : data) {
        if (sample.id == statement) runs.push_back(&sample);
    }
    if (runs.size() < 2) return {};
    const std::size_t cut = runs.size() - std::min(newest_runs, runs.size() / 2);
    std::map<std::string, double> effect;
    for (const auto& part : model.explain(typical(runs, cut, runs.size()))) effect[part.feature] += part.log_factor;
    for (const auto& part : model.explain(typical(runs, 0, cut))) effect[part.feature] -= part.log_factor;
    std::vector<std::pair<double, std::string>> ordered;
    for (const auto& [feature, moved] : effect) {
        if (!feature.empty() && std::abs(moved) >= least_effect) ordered.emplace_back(-std::abs(moved), feature);
    }
    std::sort(ordered.begin(), ordered.end());
    std::vector<std::string> names;
    for (const auto& [order, name] : ordered) {
        if (names.size() < most_features_named) names.push_back(name);
    }
    return names;
}

class Look {
  public:
    Look(store::Repository& repository, const store::StoredModel& stored, const LoadedModel& model, ModelWatch& watch)
        : repository_(repository), stored_(stored), model_(model), watch_(watch) {}

    /// Gives the number of intervals.
    base::Result<std::size_t> run(base::Timestamp from, base::Timestamp to) {
        PGANALYTICS_ASSIGN(const auto samples, samples_of(from, to, most_intervals));
        std::vector<MovedErrors> moved;
        for (std::size_t i = 0; i < samples.data.size(); ++i) {
            const auto& sample = samples.data[i];
            const auto said = model_.answer(sample.id, sample.group, sample.features, sample.at).prediction;
            const auto shift = watch_.observe(sample.id, said, std::log(sample.runtime_ms), sample.at);
            if (shift) moved.push_back({sample.id, samples.query_hashes[i], std::exp(*shift), sample.at, {}});
        }
        const bool look_at_inputs = !watch_.inputs_looked_at() || to - *watch_.inputs_looked_at() >= inputs_period;
        if (moved.empty() && !look_at_inputs) return samples.data.size();
        PGANALYTICS_ASSIGN(const auto latest, samples_of(to - inputs_span, to, most_inputs));
        for (auto& each : moved) {
            each.features = features_that_moved(model_.model(), latest.data, each.statement);
            watch_.note(std::move(each));
        }
        if (look_at_inputs) note_inputs(latest.data, to);
        return samples.data.size();
    }

  private:
    [[nodiscard]] base::Result<TrainingSamples> samples_of(base::Timestamp from, base::Timestamp to,
                                                           std::size_t most) const {
        return collect_training_samples(repository_, {*stored_.target_id, stored_.database_name, {from, to}, most});
    }

    void note_inputs(const prediction::Dataset& latest, base::Timestamp at) {
        // Too few to tell from chance whatever they show.
        if (latest.size() < fewest_training_samples) return;
        const auto importance = model_.model().importance();
        std::vector<MovedInput> moved;
        for (const auto& drift : model_.spread().drifted(latest)) {
            const auto position = prediction::find_feature(drift.feature);
            moved.push_back({drift.feature, drift.index, drift.threshold, position ? importance[*position] : 0.0});
        }
        watch_.note(std::move(moved), at);
    }

    store::Repository& repository_;
    const store::StoredModel& stored_;
    const LoadedModel& model_;
    ModelWatch& watch_;
};

}  // namespace

prediction::AdaptiveInterval adaptive_interval_of(const std::optional<store::ModelStore::Watch>& watch, double level) {
    return watch_of(watch, level).interval();
}

base::Result<WatchReport> ModelMonitor::watch(const store::StoredModel& model, base::Timestamp now) {
    WatchReport report{model.id, model.target_id.value_or(base::TargetId{}), model.database_name, 0, {}};
    if (!model.target_id) return report;
    auto loaded = load_model(*repository_, model);
    if (!loaded) {
        if (loaded.error().code == base::ErrorCode::retry_later) return std::move(loaded).error();
        report.drifts.push_back(loaded.error().to_string());
        return report;
    }
    store::ModelStore models(*repository_);
    PGANALYTICS_ASSIGN(const auto stored, models.watch(model.id));
    auto state = watch_of(stored, 0.9);
    const base::Timestamp to = std::chrono::floor<std::chrono::minutes>(now) - settling;
    const base::Timestamp begun = stored ? stored->watched_to : model.activated_at.value_or(now);
    const base::Timestamp from = std::max<base::Timestamp>(begun, now - longest_look);
    if (from >= to) {
        report.drifts = state.reasons(now);
        return report;
    }
    PGANALYTICS_ASSIGN(report.intervals, Look(*repository_, model, **loaded, state).run(from, to));
    report.drifts = state.reasons(now);
    const auto before = stored ? std::optional(stored->watched_to) : std::nullopt;
    PGANALYTICS_RETURN_IF_ERROR(models.set_watch(model.id, {to, state.to_json().dump()}, before));
    PGANALYTICS_RETURN_IF_ERROR(models.set_drift(model.id, state.summary(to).dump()));
    return report;
}

base::Result<std::vector<WatchReport>> ModelMonitor::run(base::Timestamp now) {
    store::ModelStore models(*repository_);
    PGANALYTICS_ASSIGN(const auto active, models.active_models());
    std::vector<WatchReport> reports;
    for (const auto& each : active) {
        PGANALYTICS_ASSIGN(const auto model, models.find(each.id));
        auto report = watch(model, now);
        // Another worker was quicker, or nothing is collected of that database any more.
        if (!report && report.error().code != base::ErrorCode::conflict &&
            report.error().code != base::ErrorCode::not_found) {
            return std::move(report).error();
        }
        if (report) reports.push_back(std::move(*report));
    }
    return reports;
}

}  // namespace pganalytics::workflow
