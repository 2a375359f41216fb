#pragma once
// Learns trees with XGBoost, the only place of that library; what is learned is a FlatTrees and needs it no more. One
// thread by default: OpenMP's spinning makes two slower than one on a busy machine. Same seed and data, same trees.
// Errors: internal where XGBoost refuses (its message, in the hint). Thread-safe.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "prediction/flat_trees.hpp"
#include "prediction/matrix.hpp"

namespace pganalytics::prediction {

struct TreeParameters {
    int rounds = 200;
    int trees_a_round = 1;  ///< over 1: a random forest (rounds = 1, learning_rate = 1)
    int depth = 6;
    double learning_rate = 0.05;
    double row_share = 0.8;     ///< of rows, drawn for each tree
    double column_share = 0.5;  ///< of features, drawn for each tree (boosting) or split (forest)
    double min_child_weight = 3;
    double l2 = 1;
    double absolute_error_delta = 0;  ///< over 0: pseudo-Huber loss with this slope, robust against outliers
    std::vector<int> monotone;        ///< by feature: 1 rising, 0 free; empty: all free
    std::uint32_t seed = 1;
    int threads = 1;
    int bins = 256;  ///< thresholds tried for each feature; fewer are faster
};

[[nodiscard]] base::Result<FlatTrees> learn_trees(const Matrix& rows, std::span<const double> target,
                                                  std::span<const double> weight, const TreeParameters& parameters);

}  // namespace pganalytics::prediction
