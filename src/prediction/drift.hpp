#pragma once
// Whether the world still is what a model learned: its inputs against those of training (population stability index),
// and its errors on one query over time (Page 1954, Hinkley 1971). Units: natural logarithms of time ratios.
// Not thread-safe while observing.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "prediction/dataset.hpp"

namespace pganalytics::prediction {

/// How the features of a data set are spread: ten bins at the deciles of training, and one for missing.
class FeatureSpread {
  public:
    [[nodiscard]] static FeatureSpread learn(const Dataset& data);

    struct Drift {
        std::string feature;
        double index = 0;      ///< population stability index
        double threshold = 0;  ///< above it: drifted
    };
    /// Features whose spread in `current` is another one, the furthest first. Threshold: 0.2, the usual "moved", above
    /// what chance reaches in 99 % at these sample sizes (Yurdakul 2018).
    [[nodiscard]] std::vector<Drift> drifted(const Dataset& current) const;

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where it is none.
    [[nodiscard]] static base::Result<FeatureSpread> from_json(const nlohmann::json& json);

  private:
    struct Bins {
        std::vector<double> edges;   ///< rising; a value belongs to the first edge it does not exceed
        std::vector<double> shares;  ///< edges + 1, and missing last
    };
    [[nodiscard]] static std::vector<double> shares_of(const Bins& bins, const Dataset& data, std::size_t feature);

    std::vector<Bins> bins_;  ///< by feature
    double samples_ = 0;
};

/// Errors of one query, interval by interval: tells a lasting change of level from noise. The level and noise of normal
/// times are learned on the way (robustly, forgetting slowly), so a model that is always 20 % off is no drift.
class ErrorDrift {
  public:
    struct Options {
        double shift = 0.6931471805599453;  ///< to be found: ×2 (or ÷2)
        /// Intervals between false alarms, at least on average: 30 days of minutes are 43,200.
        double run_length = 200'000;
        std::size_t learn = 30;  ///< intervals before any alarm
    };
    ErrorDrift() : ErrorDrift(Options{}) {}
    explicit ErrorDrift(const Options& options) : options_(options) {}

    /// log(actual / predicted) of one interval; the size of the shift found, and learning starts anew after it.
    [[nodiscard]] std::optional<double> observe(double log_error);

    /// What it has learned, to go on with after a restart. fix_input where it is not that.
    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static base::Result<ErrorDrift> from_json(const nlohmann::json& json);

  private:
    void learn(double log_error);

    Options options_;
    std::vector<double> first_;  ///< until `learn` are there
    double level_ = 0, noise_ = 0, weight_ = 0;
    double above_ = 0, below_ = 0;          ///< cumulated excess, in noise
    double sum_above_ = 0, sum_below_ = 0;  ///< of errors since the excess began
    int since_above_ = 0, since_below_ = 0;
};

}  // namespace pganalytics::prediction
