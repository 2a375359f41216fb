#pragma once
// What `Model::train` consists of. Internal to this module: candidates, folds by group, out-of-fold corrections.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "prediction/model.hpp"
#include "prediction/tree_learner.hpp"

namespace pganalytics::prediction {

/// One setting to try.
struct Candidate {
    std::string words;
    bool linear = false;
    double penalty = 1;
    bool trees = false;
    TreeParameters parameters;
};

/// In the order to try; the first is tried in any case.
[[nodiscard]] std::vector<Candidate> candidates_for(ModelType type, std::size_t rows, std::uint32_t seed, int threads);

/// Fold of each sample, groups kept whole, folds of about the same number of samples. At least two folds, or none where
/// there is only one group (then samples are spread).
[[nodiscard]] std::vector<int> group_folds(const std::vector<std::string>& groups, int folds, std::uint32_t seed);

/// The correction that a candidate learns: target is what the cost fit leaves over.
struct Correction {
    Ridge linear;
    FlatTrees trees;
    [[nodiscard]] double predict(std::span<const float> row) const { return linear.predict(row) + trees.predict(row); }
};
[[nodiscard]] base::Result<Correction> learn_correction(const Candidate& candidate, const Matrix& rows,
                                                        const std::vector<double>& residual,
                                                        const std::vector<double>& weight);

}  // namespace pganalytics::prediction
