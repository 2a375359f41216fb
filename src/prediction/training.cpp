#include "prediction/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "prediction/features.hpp"

namespace pganalytics::prediction {

namespace {

/// Time rises with planner cost, all else equal.
std::vector<int> monotone_in_cost(std::size_t columns) {
    std::vector<int> signs(columns, 0);
    if (total_cost_feature() < columns) signs[total_cost_feature()] = 1;
    return signs;
}

Candidate boosting(int depth, int rounds, double columns, bool linear, std::uint32_t seed, int threads) {
    Candidate candidate;
    candidate.linear = linear;
    candidate.penalty = 1;
    candidate.trees = true;
    auto& p = candidate.parameters;
    p.depth = depth;
    p.rounds = rounds;
    p.learning_rate = 0.06;
    p.column_share = columns;
    p.min_child_weight = 4;
    p.l2 = 2;
    p.seed = seed;
    p.threads = threads;
    candidate.words = fmt::format("depth {}, {} rounds{}", depth, rounds, linear ? ", on a linear part" : "");
    return candidate;
}

}  // namespace

std::vector<Candidate> candidates_for(ModelType type, std::size_t rows, std::uint32_t seed, int threads) {
    std::vector<Candidate> list;
    switch (type) {
        case ModelType::linear_regression:
            for (const double penalty : {0.3, 0.03, 1.0, 3.0, 10.0, 0.003}) {
                Candidate candidate;
                candidate.linear = true;
                candidate.penalty = penalty;
                candidate.words = fmt::format("penalty {}", penalty);
                list.push_back(candidate);
            }
            break;
        case ModelType::decision_tree:
            for (const int depth : {5, 3, 8, 2}) {
                Candidate candidate;
                candidate.trees = true;
                auto& p = candidate.parameters;
                p = {1, 1, depth, 1.0, 1.0, 1.0, rows < 500 ? 8.0 : 20.0, 1.0, 0, {}, seed, threads};
                candidate.words = fmt::format("depth {}", depth);
                list.push_back(candidate);
            }
            break;
        case ModelType::random_forest:
            for (const auto& [depth, share] : {std::pair{10, 0.33}, {6, 0.33}, {14, 0.2}}) {
                Candidate candidate;
                candidate.trees = true;
                candidate.parameters = {1, 150, depth, 1.0, 0.63, share, 3.0, 0.5, 0, {}, seed, threads};
                candidate.words = fmt::format("150 trees of depth {}", depth);
                list.push_back(candidate);
            }
            break;
        case ModelType::gradient_boosting:
            list = {boosting(4, 150, 0.5, true, seed, threads), boosting(4, 150, 0.5, false, seed, threads),
                    boosting(2, 150, 0.5, true, seed, threads), boosting(6, 300, 0.5, true, seed, threads),
                    boosting(6, 300, 0.5, false, seed, threads)};
            break;
    }
    return list;
}

std::vector<int> group_folds(const std::vector<std::string>& groups, int folds, std::uint32_t seed) {
    std::map<std::string, std::size_t> sizes;
    for (const auto& group : groups) ++sizes[group];
    std::mt19937 random(seed);
    std::vector<int> fold_of(groups.size());
    if (sizes.size() < 2) {
        for (std::size_t i = 0; i < groups.size(); ++i)
            fold_of[i] = static_cast<int>(i % static_cast<std::size_t>(folds));
        std::shuffle(fold_of.begin(), fold_of.end(), random);
        return fold_of;
    }
    std::vector<std::pair<std::string, std::size_t>> order(sizes.begin(), sizes.end());
    std::shuffle(order.begin(), order.end(), random);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::size_t> filled(
        static_cast<std::size_t>(std::min<std::size_t>(static_cast<std::size_t>(folds), order.size())), 0);
    std::map<std::string, int> fold_of_group;
    for (const auto& [group, size] : order) {
        const auto smallest = std::min_element(filled.begin(), filled.end());
        fold_of_group[group] = static_cast<int>(smallest - filled.begin());
        *smallest += size;
    }
    for (std::size_t i = 0; i < groups.size(); ++i) fold_of[i] = fold_of_group[groups[i]];
    return fold_of;
}

base::Result<Correction> learn_correction(const Candidate& candidate, const Matrix& rows,
                                          const std::vector<double>& residual, const std::vector<double>& weight) {
    Correction correction;
    std::vector<double> left = residual;
    if (candidate.linear) {
        correction.linear = Ridge::fit(rows, residual, weight, candidate.penalty);
        for (std::size_t i = 0; i < left.size(); ++i) left[i] -= correction.linear.predict(rows.row(i));
    }
    if (!candidate.trees) return correction;
    // Features that never vary teach nothing and cost time.
    std::vector<std::size_t> kept;
    for (std::size_t feature = 0; feature < rows.columns(); ++feature) {
        for (std::size_t i = 1; i < rows.rows(); ++i) {
            const float first = rows.row(0)[feature], value = rows.row(i)[feature];
            if (first != value && !(first != first && value != value)) {
                kept.push_back(feature);
                break;
            }
        }
    }
    if (kept.empty()) return correction;
    Matrix narrow(kept.size());
    std::vector<double> values(kept.size());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        for (std::size_t j = 0; j < kept.size(); ++j) values[j] = rows.row(i)[kept[j]];
        narrow.add_row(values);
    }
    TreeParameters parameters = candidate.parameters;
    const auto signs = monotone_in_cost(rows.columns());
    for (const auto feature : kept) parameters.monotone.push_back(signs[feature]);
    PGANALYTICS_ASSIGN(correction.trees, learn_trees(narrow, left, weight, parameters));
    correction.trees.rename_features(kept);
    return correction;
}

}  // namespace pganalytics::prediction
