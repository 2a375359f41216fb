#include "evaluation/prediction_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "evaluation/prediction_score_figures.hpp"
#include "evaluation/prediction_score_folds.hpp"
#include "prediction/history.hpp"
#include "prediction/level_fit.hpp"

namespace pganalytics::evaluation {
namespace {

using prediction::Dataset;

/// All predictors side by side, over the scored samples of one fold, or of all.
struct Run {
    Predictions ours{"overall", {}, {}, {}, {}, false}, model_alone{"model_alone", {}, {}, {}, {}, false},
        cost_fit{"cost_fit", {}, {}, {}, {}, false}, statement_median{"statement_median", {}, {}, {}, {}, false},
        template_median{"template_median", {}, {}, {}, {}, false},
        boosted_trees{"boosted_trees", {}, {}, {}, {}, false}, planner_cost{"planner_cost", {}, {}, {}, {}, true};
    Predictions level_known{"overall", {}, {}, {}, {}, false};  ///< of the model, before its level is moved
    std::vector<std::string> group, statement;
    std::vector<double> log_ms;
};

constexpr std::array all_predictors{
    &Run::ours,          &Run::model_alone,  &Run::cost_fit,   &Run::statement_median, &Run::template_median,
    &Run::boosted_trees, &Run::planner_cost, &Run::level_known};

template <typename Item>
void append(std::vector<Item>& to, const std::vector<Item>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

void append(Run& all, const Run& fold) {
    for (const auto member : all_predictors) {
        append((all.*member).center, (fold.*member).center);
        append((all.*member).lower, (fold.*member).lower);
        append((all.*member).upper, (fold.*member).upper);
        append((all.*member).within_30_percent, (fold.*member).within_30_percent);
    }
    append(all.group, fold.group);
    append(all.statement, fold.statement);
    append(all.log_ms, fold.log_ms);
}

void add_prediction(const prediction::LogPrediction& said, Predictions& into) {
    into.center.push_back(said.center);
    into.lower.push_back(said.lower);
    into.upper.push_back(said.upper);
    into.within_30_percent.push_back(said.within_30_percent);
}

base::Status add_ours(const Dataset& learn, const Dataset& score, const PredictionScoreOptions& options, Run& run) {
    prediction::TrainOptions training;
    training.type = options.type;
    training.seed = options.seed;
    PGANALYTICS_ASSIGN(const auto trained, prediction::train_model(learn, training));
    std::vector<prediction::PastRun> past;
    for (std::size_t i = 0; i < learn.size(); ++i) {
        past.push_back({learn[i].id, learn[i].group, std::log(learn[i].runtime_ms),
                        trained.model.predict(learn[i].features).center, trained.unseen[i], learn[i].at,
                        prediction::ran_cold(learn[i].features)});
    }
    const auto history = prediction::History::learn(past, training.level);
    const auto with_level = trained.model.with_level_shift(0);
    for (const auto& sample : score) {
        const auto said = trained.model.predict(sample.features);
        add_prediction(said, run.model_alone);
        add_prediction(
            history.answer(sample.id, sample.group, said, sample.at, {}, prediction::ran_cold(sample.features))
                .prediction,
            run.ours);
        add_prediction(with_level.predict(sample.features), run.level_known);
    }
    return {};
}

base::Result<Run> run_fold(const Dataset& learn, const Dataset& score, const PredictionScoreOptions& options) {
    Run run;
    PGANALYTICS_ASSIGN(const auto simple, predict_simply(learn, score, options.seed));
    run.cost_fit.center = simple.cost_fit;
    run.statement_median.center = simple.statement_median;
    run.template_median.center = simple.template_median;
    run.boosted_trees.center = simple.boosted_trees;
    for (const auto& sample : score) {
        run.log_ms.push_back(std::log(sample.runtime_ms));
        run.group.push_back(sample.group);
        run.statement.push_back(sample.template_id);
        run.planner_cost.center.push_back(std::log1p(sample.features[prediction::total_cost_feature()]));
    }
    if (learn.size() >= prediction::Model::fewest_samples) {
        PGANALYTICS_RETURN_IF_ERROR(add_ours(learn, score, options, run));
        return run;
    }
    // Too few to train on: what the program itself falls back to, promising nothing.
    constexpr double infinite = std::numeric_limits<double>::infinity();
    for (const double center : run.cost_fit.center) {
        for (auto* into : {&run.ours, &run.model_alone, &run.level_known})
            add_prediction({center, -infinite, infinite, 0, 0}, *into);
    }
    return run;
}

Dataset chosen(const Dataset& data, const std::vector<std::size_t>& positions) {
    Dataset part;
    part.reserve(positions.size());
    for (const auto i : positions) part.push_back(data[i]);
    return part;
}

/// Folds on as many threads as the machine has; the order of the answer is the folds'.
base::Result<Run> run_folds(const Dataset& data, const std::vector<Split>& splits,
                            const PredictionScoreOptions& options) {
    std::vector<std::optional<base::Result<Run>>> done(splits.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&](bool reports) {
        for (std::size_t s = next++; s < splits.size(); s = next++) {
            if (reports && options.progress) options.progress(static_cast<int>(s), static_cast<int>(splits.size()));
            done[s] = run_fold(chosen(data, splits[s].learn), chosen(data, splits[s].score), options);
        }
    };
    std::vector<std::jthread> helpers;
    const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, splits.size());
    for (std::size_t t = 1; t < threads; ++t) helpers.emplace_back(work, false);
    work(true);
    helpers.clear();
    Run all;
    for (const auto& fold : done) {
        if (!*fold) return fold->error();
        append(all, **fold);
    }
    return all;
}

ScoredSamples truth_of(const Run& run) {
    ScoredSamples truth{run.log_ms, {}, 0};
    std::map<std::string, int> number;
    for (const auto& group : run.group)
        truth.group.push_back(number.try_emplace(group, static_cast<int>(number.size())).first->second);
    truth.groups = static_cast<int>(number.size());
    return truth;
}

/// Each group's level from the mean times of half of its statements, on the other half, and the other way round.
Predictions with_level_fitted(const Run& run, Predictions predictions, std::uint32_t seed) {
    std::vector<prediction::LevelledRun> runs;
    for (std::size_t i = 0; i < run.log_ms.size(); ++i)
        runs.push_back({run.group[i], run.statement[i], run.log_ms[i], predictions.center[i]});
    const auto shifts = prediction::shifts_of_other_half(runs, seed);
    for (std::size_t i = 0; i < shifts.size(); ++i) {
        predictions.center[i] += shifts[i];
        if (predictions.lower.empty()) continue;
        predictions.lower[i] += shifts[i];
        predictions.upper[i] += shifts[i];
    }
    return predictions;
}

/// Whether any group has statements enough to tell its level by.
bool has_levels(const Run& run) {
    std::map<std::string, std::set<std::string>> statements;
    for (std::size_t i = 0; i < run.group.size(); ++i) statements[run.group[i]].insert(run.statement[i]);
    return std::any_of(statements.begin(), statements.end(), [](const auto& group) {
        return group.second.size() >= prediction::fewest_statements_for_level;
    });
}

nlohmann::json compare(const PredictionFigures& figures, const Predictions& ours,
                       const std::vector<const Predictions*>& baselines) {
    nlohmann::json result{{"overall", figures.of(ours)}};
    for (const auto* baseline : baselines) {
        result["baselines"][baseline->name] = figures.of(*baseline);
        if (!baseline->only_order) result["paired_log_error"][baseline->name] = figures.paired(ours, *baseline);
    }
    return result;
}

}  // namespace

base::Result<PredictionLevel> parse_prediction_level(std::string_view words) {
    if (words == "unseen") return PredictionLevel::unseen;
    if (words == "fitted") return PredictionLevel::fitted;
    return base::Error{base::ErrorCode::fix_input, fmt::format("\"{}\" is no way to set the level", words),
                       "Choose unseen or fitted.", "level"};
}

base::Result<nlohmann::json> score_predictions(const Dataset& data, const std::optional<Dataset>& test,
                                               const PredictionScoreOptions& options) {
    Run run;
    std::string words = "test";
    if (test) {
        PGANALYTICS_ASSIGN(run, run_fold(data, *test, options));
    } else {
        PGANALYTICS_ASSIGN(const auto splits, make_splits(data, options.folds, options.seed));
        words = splits.words;
        PGANALYTICS_ASSIGN(run, run_folds(data, splits.parts, options));
    }
    const ScoredSamples truth = truth_of(run);
    const PredictionFigures figures(truth, options.bootstraps, options.seed);
    nlohmann::json result;
    if (options.level == PredictionLevel::fitted) {
        if (!has_levels(run))
            return base::Error{base::ErrorCode::fix_input, "No group has the four templates that a level is fitted to",
                               R"(Give each line "template", and --group a wider field, as schema.)", "level"};
        std::vector<Predictions> levelled;
        for (const auto member : {&Run::level_known, &Run::cost_fit, &Run::template_median, &Run::boosted_trees})
            levelled.push_back(with_level_fitted(run, run.*member, options.seed));
        result = compare(figures, levelled[0], {&levelled[1], &levelled[2], &levelled[3], &run.planner_cost});
    } else {
        std::vector<const Predictions*> baselines{&run.cost_fit, &run.template_median, &run.boosted_trees,
                                                  &run.planner_cost};
        // Where no group is repeated, history is silent and the model alone is what was scored.
        if (run.model_alone.center != run.ours.center) {
            baselines.push_back(&run.statement_median);
            baselines.push_back(&run.model_alone);
        }
        result = compare(figures, run.ours, baselines);
    }
    result["model_type"] = prediction::to_string(options.type);
    result["samples"] = truth.log_ms.size();
    result["groups"] = truth.groups;
    result["folds"] = words;
    result["level"] = options.level == PredictionLevel::fitted ? "fitted" : "unseen";
    return result;
}

}  // namespace pganalytics::evaluation
