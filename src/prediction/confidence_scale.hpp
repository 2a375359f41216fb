#pragma once
// Corrects probabilities by how often they came true: isotonic regression of hits on the probability said (Zadrozny &
// Elkan 2002) over bins of equal size, held towards what was said where there is little evidence, linear in between.
// The model's expected errors tell well which predictions are better, and less well by how much. Value type;
// thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::prediction {

class ConfidenceScale {
  public:
    /// Corrects nothing.
    ConfidenceScale() = default;
    /// `hits` is 1 where what was said with probability `said` came true, else 0; `units` as in ErrorDistribution.
    [[nodiscard]] static ConfidenceScale fit(std::span<const double> said, std::span<const double> hits,
                                             std::span<const double> weights, double units);
    /// Rises with `said`; 0 … 1.
    [[nodiscard]] double at(double said) const;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is none.
    [[nodiscard]] static base::Result<ConfidenceScale> from_json(const nlohmann::json& json);

  private:
    std::vector<double> said_, came_true_;  ///< knots, both rising, from 0 to 1
};

}  // namespace pganalytics::prediction
