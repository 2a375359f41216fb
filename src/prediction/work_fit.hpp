#pragma once
// log(time) from the sum of a plan's kinds of work (plan_work.hpp), each with a price of its own that is never below
// zero: level + slope × log Σ price × work. Prices start from the planner's constants and move only as far as the data
// ask for (Gauss-Newton on log time with Huber's weights and normal priors on log prices: a maximum a posteriori fit).
// A sum extrapolates to plans and schemas that no tree has seen. Log milliseconds; value type; thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "prediction/matrix.hpp"

namespace pganalytics::prediction {

class WorkFit {
  public:
    /// No work: 0 for any plan.
    WorkFit() = default;
    /// `evidence`: how many independent observations the rows are worth, at most their number.
    [[nodiscard]] static WorkFit fit(const Matrix& rows, std::span<const double> target, std::span<const double> weight,
                                     double evidence);

    [[nodiscard]] double log_ms(std::span<const float> row) const;
    /// Adds `weight` times each feature's share into `into`; gives the base. Their sum is `weight` × log_ms.
    double contribute(std::span<const float> row, double weight, std::span<double> into) const;

    /// Each feature's mean share of the sum in training, summing to 1.
    [[nodiscard]] std::vector<double> importance(std::size_t features) const;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is none.
    [[nodiscard]] static base::Result<WorkFit> from_json(const nlohmann::json& json, std::size_t features);

  private:
    struct Price {
        std::size_t feature = 0;
        double each = 0;
        double share = 0;  ///< of the sum in training, on average
    };
    [[nodiscard]] double log_work(std::span<const float> row) const;

    std::vector<Price> prices_;
    double level_ = 0, slope_ = 1;
};

}  // namespace pganalytics::prediction
