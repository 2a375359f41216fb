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
        leave_group_out,  ///< each group is predicted by what never saw it; many groups share folds
        spread,           ///< `count` parts at random: statements are repeated
        time,             ///< each fifth of the time is predicted from what was before it
    };
    Kind kind = Kind::leave_group_out;
    int count = 0;
};
/// "leave-group-out", "time" or a number from 2.
[[nodiscard]] base::Result<PredictionFolds> parse_prediction_folds(std::string_view words);

/// What is known of a group that was left out.
enum class PredictionLevel {
    unseen,  ///< nothing
    fitted,  ///< the mean times of half of its templates, as its server counts them: they set the level for the others
};
/// "unseen" or "fitted".
[[nodiscard]] base::Result<PredictionLevel> parse_prediction_level(std::string_view words);

struct PredictionScoreOptions {
    prediction::ModelType type = prediction::ModelType::gradient_boosting;
    PredictionFolds folds;
    PredictionLevel level = PredictionLevel::unseen;
    std::uint32_t seed = 1;
    int bootstraps = 300;
    std::function<void(int done, int total)> progress;  ///< of folds, from the calling thread
};

/// {"overall": {"q_error": {"p50", "p90", "p95", "mean"}, "r_squared", "rmse", "mae" (milliseconds), "r_squared_log",
///  "rmse_log", "mae_log" (of log ms), "coverage", "coverage_lowest_decile", "coverage_by_decile", "width_p50"
///  (upper / lower), "infinite_share", "unknown_share", "ranking_accuracy", "calibration_error", "interval": {the same
///  names: [low, high] at 95 %}}, "baselines": {"cost_fit", "template_median", "boosted_trees", "planner_cost": {…}},
///  (and, where statements or templates are repeated, "statement_median" of the same statement's past runs and
///  "model_alone", the model without history),
///  "paired_log_error": {baseline: {"difference", "interval", "better"}}, "model_type", "samples", "groups", "folds",
///  "level"}.
/// A figure that does not exist is null. With the level fitted, it is fitted for every predictor alike. With `test`
/// everything learns from `data` and is scored on `test`. Parts too small to learn from are predicted by the cost fit,
/// with infinite intervals. fix_input where the data cannot be split so.
[[nodiscard]] base::Result<nlohmann::json> score_predictions(const prediction::Dataset& data,
                                                             const std::optional<prediction::Dataset>& test,
                                                             const PredictionScoreOptions& options);

}  // namespace pganalytics::evaluation
