#pragma once
// Intervals that stay honest when what they were calibrated on no longer holds: adaptive conformal inference (Gibbs &
// Candès 2021) over a window of the latest errors. The miss rate asked for falls after a miss, so that the next
// interval is wider, and rises after a hit; over time the share of misses is the target's, whatever the data do.
//
// One for a model and database. Not thread-safe: its owner locks it.

#include <cstddef>
#include <deque>
#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "prediction/model.hpp"

namespace pganalytics::prediction {

class AdaptiveInterval {
  public:
    /// `step`: how fast the miss rate moves; `window`: latest errors kept.
    explicit AdaptiveInterval(double level = 0.9, double step = 0.02, std::size_t window = 50);

    /// The model's prediction with its interval as wide as recent errors ask for; unchanged while there are too few.
    [[nodiscard]] LogPrediction adjust(const LogPrediction& of_model) const;
    /// What really happened where the model said `of_model` (before `adjust`).
    void observe(const LogPrediction& of_model, double actual_log_ms);

    /// Asked for at present; below 0 where even the largest recent error is too narrow.
    [[nodiscard]] double miss_rate() const { return miss_rate_; }

    /// What it has seen, to go on with after a restart. fix_input where it is not that.
    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static base::Result<AdaptiveInterval> from_json(const nlohmann::json& json);

  private:
    double target_, miss_rate_, step_;
    std::size_t window_;
    std::deque<double> errors_;  ///< in parts of the model's own reach to that side: 1 lies on the interval's end
};

}  // namespace pganalytics::prediction
