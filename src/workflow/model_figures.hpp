#pragma once
// How good answers were, once it is known what happened. Log times are natural logarithms of milliseconds. Pure
// functions, thread-safe.

#include <span>
#include <vector>

#include "prediction/model.hpp"
#include "store/models.hpp"

namespace pganalytics::workflow {

struct AnsweredTime {
    prediction::LogPrediction said;
    double log_ms = 0;  ///< what happened
};

/// All absent for no answers; r_squared for times that are all the same.
[[nodiscard]] store::ModelFigures figures_of(std::span<const AnsweredTime> answers);
/// Mean of |log(said / happened)|, infinity for no answers: what champion and challenger are compared by.
[[nodiscard]] double mean_log_error(std::span<const AnsweredTime> answers);
/// Mean of accuracy_score: max(0, 1 − |said − happened| / happened).
[[nodiscard]] double mean_accuracy(std::span<const AnsweredTime> answers);

}  // namespace pganalytics::workflow
