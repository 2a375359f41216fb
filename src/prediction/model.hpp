#pragma once
// A trained model: cost fit + share × (linear part + trees) in log milliseconds, a second model of how large its errors
// are, and the quantiles that make an interval of both. Method and sources: docs/prediction.md.
//
// Intervals are split-conformal on errors of samples whose group the model had not seen (cross-conformal by group,
// Barber et al. 2021; Lei et al. 2018), normalised by the second model. Each group weighs the same, because the next
// statement is a new group, not a new row of a large one.
//
// Immutable after training; thread-safe. The same data, options and seed give the same bytes.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "prediction/cost_fit.hpp"
#include "prediction/dataset.hpp"
#include "prediction/flat_trees.hpp"
#include "prediction/ridge.hpp"

namespace pganalytics::prediction {

enum class ModelType { linear_regression, decision_tree, random_forest, gradient_boosting };
[[nodiscard]] std::string_view to_string(ModelType type);
[[nodiscard]] base::Result<ModelType> parse_model_type(std::string_view name);

struct TrainOptions {
    ModelType type = ModelType::gradient_boosting;
    /// For tuning, in rows × rounds × trees; a measure of work, not of time, so that the same data give the same model
    /// on a slow machine.
    double tuning_work = 3e6;
    std::uint32_t seed = 1;
    int threads = 1;
    double level = 0.9;  ///< of intervals
    /// Stage and share done; false cancels (the error is `conflict`).
    std::function<bool(std::string_view stage, double progress)> go_on;
};

/// Log milliseconds.
struct LogPrediction {
    double center = 0;
    double lower = 0;  ///< −infinity where nothing can be promised
    double upper = 0;
    double spread = 0;             ///< expected absolute error
    double within_30_percent = 0;  ///< probability that the actual time is within 30 % of the prediction
};

/// An interval whose ends are further apart than a factor of 10,000 helps nobody: the answer is "unknown".
[[nodiscard]] bool too_wide(const LogPrediction& prediction);

/// One feature's part in a prediction: the time is multiplied by exp(log_factor).
struct Contribution {
    std::string feature;
    double value = 0;
    double log_factor = 0;
};

class Model {
  public:
    /// unprocessable for fewer than `fewest_samples`; conflict when cancelled.
    [[nodiscard]] static base::Result<Model> train(const Dataset& data, const TrainOptions& options);
    static constexpr std::size_t fewest_samples = 10;

    [[nodiscard]] double predict_log_ms(std::span<const float> row) const;
    [[nodiscard]] LogPrediction predict(std::span<const double> features) const;
    /// Largest first; base time first with an empty feature name.
    [[nodiscard]] std::vector<Contribution> explain(std::span<const double> features) const;
    /// By feature, summing to 1.
    [[nodiscard]] std::vector<double> importance() const;

    [[nodiscard]] ModelType type() const { return type_; }
    [[nodiscard]] const CostFit& cost_fit() const { return cost_fit_; }
    /// The same model with the level of its cost fit moved: a database it was not trained on.
    [[nodiscard]] Model with_level_shift(double log_ms) const;
    /// What tuning chose, for the model's page: "depth 6, 200 rounds, …".
    [[nodiscard]] const std::string& chosen() const { return chosen_; }

    /// CBOR with a checksum and the feature version in front.
    [[nodiscard]] std::string to_bytes() const;
    /// fix_input (damaged), unsupported (another feature or format version).
    [[nodiscard]] static base::Result<Model> from_bytes(std::string_view bytes);

  private:
    friend class Trainer;
    [[nodiscard]] double spread(std::span<const float> row, double center) const;

    ModelType type_ = ModelType::gradient_boosting;
    CostFit cost_fit_;
    double share_ = 1;  ///< of the learned correction: how far cross-validation trusts it on unseen groups
    Ridge linear_;
    FlatTrees trees_;
    Ridge spread_linear_;  ///< log of the expected absolute error
    double spread_floor_ = 0.01;
    double lower_ratio_ = 1, upper_ratio_ = 1;  ///< quantiles of signed error / spread
    std::vector<double> standardised_;          ///< sorted |error| / spread, each group weighing the same
    std::vector<double> standardised_weight_;   ///< cumulative, to 1
    double level_ = 0.9;
    std::string chosen_;
};

}  // namespace pganalytics::prediction
