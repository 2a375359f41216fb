#pragma once
// A trained model: cost fit and sum of work + linear part + trees in log milliseconds, a second model of how large its
// errors are, and the quantiles that make an interval of both. Method and sources: docs/prediction.md.
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
#include "prediction/error_distribution.hpp"
#include "prediction/flat_trees.hpp"
#include "prediction/ridge.hpp"
#include "prediction/spread_scale.hpp"
#include "prediction/work_fit.hpp"

namespace pganalytics::prediction {

enum class ModelType { linear_regression, decision_tree, random_forest, gradient_boosting };
[[nodiscard]] std::string_view to_string(ModelType type);
[[nodiscard]] base::Result<ModelType> parse_model_type(std::string_view name);

struct TrainOptions {
    ModelType type = ModelType::gradient_boosting;
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

/// The interval and probability of a prediction whose expected error is `spread`.
[[nodiscard]] LogPrediction around(double center, double spread, const ErrorDistribution& errors, double level);

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
    /// `level` of the interval; absent: the one it was trained for.
    [[nodiscard]] LogPrediction predict(std::span<const double> features, std::optional<double> level = {}) const;
    /// Largest first; base time first with an empty feature name.
    [[nodiscard]] std::vector<Contribution> explain(std::span<const double> features) const;
    /// By feature, summing to 1.
    [[nodiscard]] std::vector<double> importance() const;

    [[nodiscard]] ModelType type() const { return type_; }
    [[nodiscard]] const CostFit& cost_fit() const { return cost_fit_; }
    /// The same model with its level moved to that of a database it was not trained on (level_fit.hpp), and with the
    /// intervals that hold once the level is known.
    [[nodiscard]] Model with_level_shift(double log_ms) const;
    /// What tuning chose, for the model's page: "depth 6, 200 rounds, …".
    [[nodiscard]] const std::string& chosen() const { return chosen_; }

    /// CBOR with a checksum and the feature version in front.
    [[nodiscard]] std::string to_bytes() const;
    /// fix_input (damaged), unsupported (another feature or format version).
    [[nodiscard]] static base::Result<Model> from_bytes(std::string_view bytes);

  private:
    friend class Trainer;
    ModelType type_ = ModelType::gradient_boosting;
    CostFit cost_fit_;
    WorkFit work_;
    double work_share_ = 0;  ///< of the base; the rest is the cost fit
    double level_shift_ = 0;
    Ridge linear_;
    FlatTrees trees_;
    Ridge spread_linear_;  ///< log of the expected absolute error
    double spread_floor_ = 0.01;
    SpreadScale spread_scale_;
    ErrorDistribution errors_;
    ErrorDistribution levelled_errors_;  ///< of groups whose level was fitted; may be empty
    double level_ = 0.9;
    std::string chosen_;
};

/// A model with what its like said of each sample without having seen the sample's group: the honest figures of the
/// model, and what history is weighed against.
struct Training {
    Model model;
    std::vector<LogPrediction> unseen;  ///< in the order of the samples
};
/// As Model::train.
[[nodiscard]] base::Result<Training> train_model(const Dataset& data, const TrainOptions& options);

}  // namespace pganalytics::prediction
