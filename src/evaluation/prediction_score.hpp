#pragma once
// Predictions scored on a file of plans and their times, as `evaluate prediction --samples file.jsonl` prints it,
// beside what simpler means reach on the same folds. Needs no database. The same data and seed give the same figures.
// Thread-safe.
//
// q-error (Moerkotte et al. 2009) is max(predicted / actual, actual / predicted). Intervals of figures are percentile
// bootstraps over whole groups, because samples of a group are not independent (Cameron, Gelbach & Miller 2008).

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "prediction/dataset.hpp"
#include "prediction/model.hpp"

namespace pganalytics::evaluation {

/// How samples are told apart into those to learn from and those to score.
struct PredictionFolds {
    enum class Kind {
        leave_group_out,  ///< each group is predicted by what never saw it
        spread,           ///< `count` parts at random: statements are repeated
        time,             ///< each fifth of the time is predicted from what was before it
    };
    Kind kind = Kind::leave_group_out;
    int count = 0;
};
/// "leave-group-out", "time" or a number from 2.
[[nodiscard]] base::Result<PredictionFolds> parse_prediction_folds(std::string_view words);

struct PredictionScoreOptions {
    prediction::ModelType type = prediction::ModelType::gradient_boosting;
    PredictionFolds folds;
    std::uint32_t seed = 1;
    int bootstraps = 300;
    std::function<void(int done, int total)> progress;  ///< of folds
};

/// {"overall": {"q_error": {"p50", "p90", "p95", "mean"}, "r_squared", "rmse", "mae" (milliseconds), "r_squared_log",
///  "rmse_log", "mae_log" (of log ms), "coverage", "coverage_lowest_decile", "coverage_by_decile", "width_p50"
///  (upper / lower), "infinite_share", "unknown_share", "ranking_accuracy", "calibration_error", "interval": {the same
///  names: [low, high] at 95 %}}, "baselines": {"cost_fit", "template_median", "boosted_trees", "planner_cost": {…}},
///  (and "model_alone", the model without history, where statements or templates are repeated),
///  "paired_log_error": {baseline: {"difference", "interval", "better"}}, "model_type", "samples", "groups", "folds"}.
/// A figure that does not exist is null. With `test` everything learns from `data` and is scored on `test`.
/// fix_input where the data cannot be split so; unprocessable where a part is too small to learn from.
[[nodiscard]] base::Result<nlohmann::json> score_predictions(const prediction::Dataset& data,
                                                             const std::optional<prediction::Dataset>& test,
                                                             const PredictionScoreOptions& options);

}  // namespace pganalytics::evaluation
