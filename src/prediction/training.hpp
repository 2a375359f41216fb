#pragma once
// What training consists of: what each type of model is blended from, folds by group, and the weights of the blend.
// Internal to this module.

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "prediction/model.hpp"
#include "prediction/tree_learner.hpp"

namespace pganalytics::prediction {

/// One way to predict: the cost fit or the sum of work, and what is learned of its errors.
struct Candidate {
    std::string words;
    bool work = false;  ///< stands on the sum of work instead of the cost fit
    bool linear = false;
    double penalty = 1;
    bool trees = false;
    TreeParameters parameters;
};

/// How a type of model is made: the best of its candidates, or all of them, weighed.
struct Recipe {
    std::vector<Candidate> candidates;
    bool blended = false;
};
[[nodiscard]] Recipe recipe_for(ModelType type, std::size_t rows, std::uint32_t seed, int threads);

/// Fold of each sample, groups kept whole, folds of about the same number of samples. At least two folds, or none where
/// there is only one group (then samples are spread).
[[nodiscard]] std::vector<int> group_folds(const std::vector<std::string>& groups, int folds, std::uint32_t seed);

/// The correction that a candidate learns: target is what its base leaves over.
struct Correction {
    Ridge linear;
    FlatTrees trees;
    [[nodiscard]] double predict(std::span<const float> row) const { return linear.predict(row) + trees.predict(row); }
};
[[nodiscard]] base::Result<Correction> learn_correction(const Candidate& candidate, const Matrix& rows,
                                                        const std::vector<double>& residual,
                                                        const std::vector<double>& weight);

/// Weights of the corrections that leave the least weighted absolute error, none below 0 and 1 at most in all: stacked
/// regression (Breiman 1996) with what is missing to 1 left to the cost fit. Held towards equal weights as if by
/// `prior` further samples, because a few groups cannot tell similar learners apart.
[[nodiscard]] std::vector<double> blend_weights(const std::vector<std::vector<double>>& corrections,
                                                std::span<const double> residual, std::span<const double> weight,
                                                double prior);

}  // namespace pganalytics::prediction
