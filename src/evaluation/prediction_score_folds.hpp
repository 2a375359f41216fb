#pragma once
// What to learn from and what to score, by the folds asked for; and the simple predictors that scores are held against.
// Internal to `prediction_score`.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "evaluation/prediction_score.hpp"
#include "prediction/dataset.hpp"

namespace pganalytics::evaluation {

/// Positions.
struct Split {
    std::vector<std::size_t> learn, score;
};

struct Splits {
    std::vector<Split> parts;
    std::string words;  ///< how it was split
};

/// Leaving groups out: each group a fold of its own up to 40 folds (12 of large data), several groups a fold beyond.
/// Where there is one group only, its statements are left out instead. fix_input where nothing can be split.
[[nodiscard]] base::Result<Splits> make_splits(const prediction::Dataset& data, const PredictionFolds& folds,
                                               std::uint32_t seed);

/// What simple means say of each sample to score, in log milliseconds.
struct SimplePredictions {
    std::vector<double> cost_fit, statement_median, template_median, boosted_trees;
};
/// Medians: of the same statement and of the same group; of the next wider where that never ran. Boosted trees:
/// XGBoost's own defaults on log time, what a weekend's work would reach.
[[nodiscard]] base::Result<SimplePredictions> predict_simply(const prediction::Dataset& learn,
                                                             const prediction::Dataset& score, std::uint32_t seed);

}  // namespace pganalytics::evaluation
