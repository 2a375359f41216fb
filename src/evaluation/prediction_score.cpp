#include "evaluation/prediction_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "evaluation/prediction_score_figures.hpp"
#include "prediction/cost_fit.hpp"
#include "prediction/history.hpp"
#include "prediction/quantiles.hpp"
#include "prediction/tree_learner.hpp"

namespace pganalytics::evaluation {
namespace {

using prediction::Dataset;

constexpr int time_parts = 5;
/// More groups than these share parts: each still is predicted by what never saw it, and a corpus of hundreds of
/// templates does not take hundreds of trainings.
constexpr int most_group_parts = 40;

/// What to learn from and what to score, as positions.
struct Split {
    std::vector<std::size_t> learn, score;
};

base::Error cannot_split(std::string_view what, std::string_view hint) {
    return {base::ErrorCode::fix_input, std::string(what), std::string(hint), "folds"};
}

std::vector<Split> splits_by(const std::vector<int>& part, int parts, bool only_past) {
    std::vector<Split> splits;
    for (int scored = only_past ? 1 : 0; scored < parts; ++scored) {
        Split split;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] == scored) split.score.push_back(i);
            if (only_past ? part[i] < scored : part[i] != scored) split.learn.push_back(i);
        }
        if (!split.score.empty()) splits.push_back(std::move(split));
    }
    return splits;
}

base::Result<std::vector<Split>> make_splits(const Dataset& data, const PredictionFolds& folds, std::uint32_t seed) {
    std::vector<int> part(data.size());
    switch (folds.kind) {
        case PredictionFolds::Kind::leave_group_out: {
            std::map<std::string, int> number;
            for (const auto& sample : data) number.try_emplace(sample.group, static_cast<int>(number.size()));
            if (number.size() < 2)
                return cannot_split("all samples are of one group", "Give --group another field, or --folds a number.");
            const int parts = std::min(static_cast<int>(number.size()), most_group_parts);
            for (std::size_t i = 0; i < data.size(); ++i) part[i] = number.at(data[i].group) % parts;
            return splits_by(part, parts, false);
        }
        case PredictionFolds::Kind::spread: {
            std::vector<std::size_t> order(data.size());
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::mt19937 random(seed);
            // Fisher and Yates by hand: std::shuffle draws differently in each library.
            for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
            for (std::size_t k = 0; k < order.size(); ++k)
                part[order[k]] = static_cast<int>(k % static_cast<std::size_t>(folds.count));
            return splits_by(part, folds.count, false);
        }
        case PredictionFolds::Kind::time:
            break;
    }
    std::vector<std::size_t> order(data.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return data[a].at < data[b].at; });
    if (data[order.front()].at == data[order.back()].at)
        return cannot_split("the samples do not say when they ran", R"(Give each line "at", an RFC 3339 time.)");
    for (std::size_t k = 0; k < order.size(); ++k) part[order[k]] = static_cast<int>(time_parts * k / order.size());
    return splits_by(part, time_parts, true);
}

/// Medians of log time by key, with those of wider keys behind them.
class Medians {
  public:
    void add(const std::string& key, double log_ms) { values_[key].push_back(log_ms); }
    [[nodiscard]] std::optional<double> of(const std::string& key) const {
        const auto found = values_.find(key);
        if (found == values_.end()) return std::nullopt;
        return prediction::median(found->second);
    }

  private:
    std::map<std::string, std::vector<double>> values_;
};

/// XGBoost's own defaults on log time: what a weekend's work would reach.
base::Result<std::vector<double>> plain_boosted_trees(const Dataset& learn, const Dataset& score, std::uint32_t seed) {
    prediction::Matrix rows(prediction::feature_definitions().size());
    std::vector<double> target, weight;
    double mean = 0;
    for (const auto& sample : learn) {
        rows.add_row(sample.features);
        target.push_back(std::log(sample.runtime_ms));
        weight.push_back(1);
        mean += target.back() / static_cast<double>(learn.size());
    }
    for (auto& value : target) value -= mean;
    prediction::TreeParameters defaults;
    defaults.rounds = 100;
    defaults.depth = 6;
    defaults.learning_rate = 0.3;
    defaults.row_share = defaults.column_share = defaults.min_child_weight = defaults.l2 = 1;
    defaults.seed = seed;
    PGANALYTICS_ASSIGN(const auto trees, prediction::learn_trees(rows, target, weight, defaults));
    std::vector<double> predicted;
    for (const auto& sample : score) {
        const std::vector<float> row(sample.features.begin(), sample.features.end());
        predicted.push_back(mean + trees.predict(row));
    }
    return predicted;
}

/// All predictors side by side, over the scored samples of all folds.
struct Run {
    Predictions ours, model_alone, cost_fit, template_median, boosted_trees, planner_cost;
    ScoredSamples truth;
    std::map<std::string, int> group_number;
};

void add_truth(const Dataset& score, Run& run) {
    for (const auto& sample : score) {
        run.truth.log_ms.push_back(std::log(sample.runtime_ms));
        const auto size = static_cast<int>(run.group_number.size());
        run.truth.group.push_back(run.group_number.try_emplace(sample.group, size).first->second);
        run.planner_cost.center.push_back(std::log1p(sample.features[prediction::total_cost_feature()]));
    }
    run.truth.groups = static_cast<int>(run.group_number.size());
}

void add_simple(const Dataset& learn, const Dataset& score, Run& run) {
    std::vector<double> costs, times;
    Medians statements, groups;
    for (const auto& sample : learn) {
        costs.push_back(sample.features[prediction::total_cost_feature()]);
        times.push_back(std::log(sample.runtime_ms));
        statements.add(sample.id, times.back());
        groups.add(sample.group, times.back());
    }
    const auto fit = prediction::fit_cost(costs, times, std::vector<double>(costs.size(), 1.0));
    const double middle = prediction::median(times);
    for (const auto& sample : score) {
        run.cost_fit.center.push_back(fit.log_ms(sample.features[prediction::total_cost_feature()]));
        const auto statement = sample.id.empty() ? std::nullopt : statements.of(sample.id);
        run.template_median.center.push_back(statement ? *statement : groups.of(sample.group).value_or(middle));
    }
}

void add_prediction(const prediction::LogPrediction& said, Predictions& into) {
    into.center.push_back(said.center);
    into.lower.push_back(said.lower);
    into.upper.push_back(said.upper);
    into.within_30_percent.push_back(said.within_30_percent);
}

base::Status add_fold(const Dataset& learn, const Dataset& score, const PredictionScoreOptions& options, Run& run) {
    prediction::TrainOptions training;
    training.type = options.type;
    training.seed = options.seed;
    PGANALYTICS_ASSIGN(const auto trained, prediction::train_model(learn, training));
    std::vector<prediction::PastRun> past;
    for (std::size_t i = 0; i < learn.size(); ++i) {
        past.push_back({learn[i].id, learn[i].group, std::log(learn[i].runtime_ms),
                        trained.model.predict(learn[i].features).center, trained.unseen[i], learn[i].at});
    }
    const auto history = prediction::History::learn(past, training.level);
    for (const auto& sample : score) {
        const auto said = trained.model.predict(sample.features);
        add_prediction(said, run.model_alone);
        add_prediction(history.answer(sample.id, sample.group, said, sample.at).prediction, run.ours);
    }
    PGANALYTICS_ASSIGN(const auto boosted, plain_boosted_trees(learn, score, options.seed));
    run.boosted_trees.center.insert(run.boosted_trees.center.end(), boosted.begin(), boosted.end());
    add_simple(learn, score, run);
    add_truth(score, run);
    return {};
}

Dataset chosen(const Dataset& data, const std::vector<std::size_t>& positions) {
    Dataset part;
    part.reserve(positions.size());
    for (const auto i : positions) part.push_back(data[i]);
    return part;
}

std::string folds_words(const PredictionScoreOptions& options, bool test) {
    if (test) return "test";
    switch (options.folds.kind) {
        case PredictionFolds::Kind::leave_group_out:
            return "leave-group-out";
        case PredictionFolds::Kind::time:
            return "time";
        case PredictionFolds::Kind::spread:
            break;
    }
    return std::to_string(options.folds.count);
}

}  // namespace

base::Result<PredictionFolds> parse_prediction_folds(std::string_view words) {
    if (words == "leave-group-out") return PredictionFolds{};
    if (words == "time") return PredictionFolds{PredictionFolds::Kind::time, 0};
    const auto number = base::parse_number(words);
    if (number && *number >= 2 && *number <= 1000 && *number == std::floor(*number))
        return PredictionFolds{PredictionFolds::Kind::spread, static_cast<int>(*number)};
    return base::Error{base::ErrorCode::fix_input, fmt::format("\"{}\" is no way to split samples", words),
                       "Choose leave-group-out, time or a number from 2 to 1000.", "folds"};
}

base::Result<nlohmann::json> score_predictions(const Dataset& data, const std::optional<Dataset>& test,
                                               const PredictionScoreOptions& options) {
    Run run;
    run.model_alone.name = "model_alone";
    run.cost_fit.name = "cost_fit";
    run.template_median.name = "template_median";
    run.boosted_trees.name = "boosted_trees";
    run.planner_cost.name = "planner_cost";
    run.planner_cost.only_order = true;
    if (test) {
        PGANALYTICS_RETURN_IF_ERROR(add_fold(data, *test, options, run));
    } else {
        PGANALYTICS_ASSIGN(const auto splits, make_splits(data, options.folds, options.seed));
        for (std::size_t s = 0; s < splits.size(); ++s) {
            if (options.progress) options.progress(static_cast<int>(s), static_cast<int>(splits.size()));
            PGANALYTICS_RETURN_IF_ERROR(
                add_fold(chosen(data, splits[s].learn), chosen(data, splits[s].score), options, run));
        }
    }
    const PredictionFigures figures(run.truth, options.bootstraps, options.seed);
    nlohmann::json result{{"overall", figures.of(run.ours)},
                          {"model_type", prediction::to_string(options.type)},
                          {"samples", run.truth.log_ms.size()},
                          {"groups", run.truth.groups},
                          {"folds", folds_words(options, test.has_value())}};
    std::vector<const Predictions*> baselines{&run.cost_fit, &run.template_median, &run.boosted_trees,
                                              &run.planner_cost};
    // Where no group is repeated, history is silent and the model alone is what was scored.
    if (run.model_alone.center != run.ours.center) baselines.push_back(&run.model_alone);
    for (const auto* baseline : baselines) {
        result["baselines"][baseline->name] = figures.of(*baseline);
        if (!baseline->only_order) result["paired_log_error"][baseline->name] = figures.paired(run.ours, *baseline);
    }
    return result;
}

}  // namespace pganalytics::evaluation
