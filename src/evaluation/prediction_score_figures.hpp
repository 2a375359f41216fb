#pragma once
// Figures of one predictor over scored samples, and their group-bootstrap intervals. Internal to `prediction_score`.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace pganalytics::evaluation {

/// What one predictor said of each scored sample, in the order of the samples; log milliseconds.
struct Predictions {
    std::string name;
    std::vector<double> center;
    std::vector<double> lower, upper, within_30_percent;  ///< empty where the predictor has no intervals
    bool only_order = false;                              ///< `center` is no time (planner cost)
};

/// The truth they are held against.
struct ScoredSamples {
    std::vector<double> log_ms;
    std::vector<int> group;  ///< 0 … groups - 1
    int groups = 0;
};

class PredictionFigures {
  public:
    PredictionFigures(const ScoredSamples& truth, int bootstraps, std::uint32_t seed);

    /// Figures and "interval" as documented at score_predictions.
    [[nodiscard]] nlohmann::json of(const Predictions& predictions) const;
    /// Mean of |log error| of `ours` minus that of `theirs`, below 0 where ours is better.
    [[nodiscard]] nlohmann::json paired(const Predictions& ours, const Predictions& theirs) const;

  private:
    const ScoredSamples& truth_;
    std::vector<std::size_t> by_actual_;
    std::vector<std::vector<int>> times_drawn_;  ///< by bootstrap and sample
};

}  // namespace pganalytics::evaluation
