#pragma once
// How errors of unseen samples lie around the predictions, in units of the error expected of each (standardised): what
// turns a prediction and its expected error into an interval and a probability. Value type; thread-safe.
//
// Split conformal (Lei et al. 2018): the quantile is taken with the mass that the next unit may lie anywhere, where a
// unit is what repeats independently (a group), not a row.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "prediction/confidence_scale.hpp"

namespace pganalytics::prediction {

class ErrorDistribution {
  public:
    /// Knows nothing: its intervals are infinite.
    ErrorDistribution() = default;
    /// `ratios` are error / expected size of error, error = actual − predicted.
    ErrorDistribution(std::span<const double> ratios, std::span<const double> weights, double units);

    /// How many expected errors to go down and up for this coverage; infinite where so much cannot be promised.
    struct Reach {
        double down = 0, up = 0;
    };
    [[nodiscard]] Reach reach(double level) const;
    /// Share of ratios in [low, high], linear between those known.
    [[nodiscard]] double share_within(double low, double high) const;
    /// The probability of an error in [low, high]: the share of ratios there, corrected by how often such shares came
    /// true once that was learned.
    [[nodiscard]] double probability_within(double low, double high) const;
    void calibrate(ConfidenceScale confidence) { confidence_ = std::move(confidence); }
    [[nodiscard]] double units() const { return units_; }

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is no distribution.
    [[nodiscard]] static base::Result<ErrorDistribution> from_json(const nlohmann::json& json);

  private:
    [[nodiscard]] double quantile_of(double probability) const;
    [[nodiscard]] double share_below(double ratio) const;

    std::vector<double> ratio_;    ///< rising
    std::vector<double> reached_;  ///< cumulative weight, to 1
    double units_ = 0;
    ConfidenceScale confidence_;
};

}  // namespace pganalytics::prediction
