#pragma once
// Corrects expected errors by how long the prediction is: where errors in units of the expected one are larger than
// elsewhere (tiny times, mostly), the expectation is raised until intervals of every duration cover alike (Mondrian
// conformal prediction, Vovk et al. 2005, with linear interpolation between bins). Value type; thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::prediction {

class SpreadScale {
  public:
    /// Scales nothing.
    SpreadScale() = default;
    /// `ratios` are error / expected size of error of samples predicted at `centers`; `units` as in ErrorDistribution.
    [[nodiscard]] static SpreadScale fit(std::span<const double> centers, std::span<const double> ratios,
                                         std::span<const double> weights, double units, double level);
    [[nodiscard]] double at(double center) const;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is none.
    [[nodiscard]] static base::Result<SpreadScale> from_json(const nlohmann::json& json);

  private:
    std::vector<double> center_, factor_;  ///< knots, centers rising
};

}  // namespace pganalytics::prediction
