#pragma once
// Ridge regression (Hoerl & Kennard 1970) on logarithms of the features: `linear_regression`, and the smooth part under
// the trees. Features of a unit that spans decades (cost, rows, bytes, counts) enter as log(1 + x), all are
// standardised; a missing one stands at its mean and so says nothing. Beyond the range seen in training a feature is
// held at its end, so that an unheard-of plan is extrapolated along its cost alone. Value type; thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "prediction/matrix.hpp"

namespace pganalytics::prediction {

class Ridge {
  public:
    Ridge() = default;
    /// `penalty` is relative to the number of samples: 0.1 pulls visibly, 10 strongly.
    [[nodiscard]] static Ridge fit(const Matrix& rows, std::span<const double> target, std::span<const double> weight,
                                   double penalty);
    /// Lets the prediction change by `least` at least for each unit of a feature as it enters (its logarithm).
    void bound_slope(std::size_t feature, double least);
    /// This line's prediction gains `weight` times the other's; both were fitted on the same rows.
    void add(const Ridge& other, double weight);
    [[nodiscard]] double predict(std::span<const float> row) const;
    /// As FlatTrees::contribute.
    double contribute(std::span<const float> row, std::span<double> into) const;
    /// Share of the prediction's variance in training, by feature, summing to 1.
    [[nodiscard]] std::vector<double> importance(std::size_t features) const;

    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static base::Result<Ridge> from_json(const nlohmann::json& json, std::size_t features);

  private:
    struct Term {
        std::size_t feature = 0;
        double mean = 0, scale = 1, low = 0, high = 0;  ///< of the transformed value
        double coefficient = 0;                         ///< a standard deviation
    };
    std::vector<Term> terms_;
    double intercept_ = 0;
};

}  // namespace pganalytics::prediction
