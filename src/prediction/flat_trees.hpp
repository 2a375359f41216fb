#pragma once
// A trained ensemble of regression trees, flattened for serving: nodes of all trees in one array, children beside each
// other. Answers are XGBoost's to 1e-5 (a property test holds them against each other). Immutable; thread-safe.
//
// Contributions follow the decision path (Saabas, "Interpreting random forests", 2014): at each split the change of the
// node's expected value is the split feature's. Additive: base + Σ contributions = prediction.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::prediction {

class FlatTrees {
  public:
    /// No tree: predicts 0.
    FlatTrees() = default;

    /// From the JSON that XGBoost 1.x to 3.x saves. unsupported where it is of another kind (linear, categorical).
    [[nodiscard]] static base::Result<FlatTrees> from_xgboost_json(std::string_view text);

    /// Feature i of the training matrix becomes feature `names[i]` of the rows to come.
    void rename_features(std::span<const std::size_t> names);

    /// This ensemble's prediction gains `weight` times the other's.
    void add(const FlatTrees& other, double weight);

    [[nodiscard]] double predict(std::span<const float> row) const;
    /// Adds each feature's contribution into `into` (one place a feature); gives the base.
    double contribute(std::span<const float> row, std::span<double> into) const;
    /// Total gain-free importance: how much of the training weight each feature splits, summing to 1.
    [[nodiscard]] std::vector<double> importance(std::size_t features) const;

    [[nodiscard]] std::size_t tree_count() const { return roots_.size(); }
    [[nodiscard]] std::size_t node_count() const { return nodes_.size(); }

    [[nodiscard]] nlohmann::json to_json() const;
    /// fix_input where a node points outside, or a number is missing.
    [[nodiscard]] static base::Result<FlatTrees> from_json(const nlohmann::json& json, std::size_t features);

  private:
    /// A split has feature >= 0: left child at `left`, right child at left + 1; missing goes left where `default_left`.
    /// A leaf has feature -1 and its value in `threshold`.
    struct Node {
        float threshold = 0;
        std::int16_t feature = -1;
        bool default_left = false;
        std::uint32_t left = 0;
    };

    [[nodiscard]] const Node& leaf_of(std::uint32_t root, std::span<const float> row) const;

    std::vector<Node> nodes_;
    std::vector<float> expected_;  ///< of each node: mean of its leaves by training weight
    std::vector<float> cover_;     ///< of each node: training weight
    std::vector<std::uint32_t> roots_;
    double base_ = 0;
};

}  // namespace pganalytics::prediction
