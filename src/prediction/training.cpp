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

/// Costs and rows are estimates: finer thresholds than these only follow their noise.
constexpr int thresholds = 64;

/// Costs, rows and bytes by operator stand in the kinds of work already, times how often each runs; trees that may
/// choose between both are slower and no better.
bool splits_on(std::size_t feature) {
    static const std::vector<bool> flags = [] {
        std::vector<bool> list;
        const std::size_t by_operator = find_feature("unknown_count").value();
        for (std::size_t i = 0; i < feature_definitions().size(); ++i)
            list.push_back(i < by_operator || feature_definitions()[i].name.ends_with("_count"));
        return list;
    }();
    return feature >= flags.size() || flags[feature];
}

Candidate line(double penalty) {
    Candidate candidate;
    candidate.linear = true;
    candidate.penalty = penalty;
    candidate.words = fmt::format("linear, penalty {}", penalty);
    return candidate;
}

Candidate on_work(Candidate candidate) {
    candidate.work = true;
    candidate.words = "on work: " + candidate.words;
    return candidate;
}

Candidate boosting(int depth, int rounds, std::uint32_t seed, int threads) {
    Candidate candidate;
    candidate.trees = true;
    auto& p = candidate.parameters;
    p.depth = depth;
    p.rounds = rounds;
    p.learning_rate = 0.06;
    p.column_share = 0.4;
    p.min_child_weight = 4;
    p.l2 = 2;
    p.seed = seed;
    p.threads = threads;
    p.bins = thresholds;
    candidate.words = fmt::format("{} boosted trees of depth {}", rounds, depth);
    return candidate;
}

Candidate forest(int trees, int depth, std::size_t rows, std::uint32_t seed, int threads) {
    Candidate candidate;
    candidate.trees = true;
    auto& p = candidate.parameters;
    p.rounds = 1;
    p.trees_a_round = trees;
    p.depth = depth;
    p.learning_rate = 1;
    // Each tree of a large forest learns as well from a part of the rows.
    p.row_share = std::min(0.63, 8000.0 / static_cast<double>(rows));
    p.column_share = 0.33;
    p.min_child_weight = 3;
    p.l2 = 0.5;
    p.seed = seed;
    p.threads = threads;
    p.bins = thresholds;
    candidate.words = fmt::format("forest of {} trees of depth {}", trees, depth);
    return candidate;
}

Candidate single_tree(int depth, std::size_t rows, std::uint32_t seed, int threads) {
    Candidate candidate;
    candidate.trees = true;
    candidate.parameters = {1, 1, depth, 1.0, 1.0, 1.0, rows < 500 ? 8.0 : 20.0, 1.0, 0, {}, seed, threads};
    candidate.words = fmt::format("tree of depth {}", depth);
    return candidate;
}

}  // namespace

Recipe recipe_for(ModelType type, std::size_t rows, std::uint32_t seed, int threads) {
    Candidate work;
    work.work = true;
    work.words = "sum of work";
    switch (type) {
        case ModelType::linear_regression:
            return {{work, on_work(line(0.3)), line(0.3)}, true};
        case ModelType::decision_tree:
            return {{on_work(single_tree(3, rows, seed, threads)), on_work(single_tree(5, rows, seed, threads)),
                     single_tree(4, rows, seed, threads), work},
                    false};
        case ModelType::random_forest:
            return {{on_work(forest(80, 10, rows, seed, threads)), forest(80, 10, rows, seed + 1, threads)}, true};
        case ModelType::gradient_boosting:
            break;
    }
    // Half of them on each base: of a few dozen samples the planner's own cost is as good, and folds cannot tell.
    // The sum alone as well: of a few dozen templates of one schema it is the best there is, as trees then learn what
    // is peculiar to single templates.
    return {{work, on_work(boosting(6, 100, seed, threads)), boosting(3, 100, seed + 1, threads),
             on_work(forest(60, 10, rows, seed + 2, threads)), forest(60, 10, rows, seed + 3, threads),
             on_work(line(0.3)), line(0.3)},
            true};
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
        if (!splits_on(feature)) continue;
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

std::vector<double> blend_weights(const std::vector<std::vector<double>>& corrections, std::span<const double> residual,
                                  std::span<const double> weight, double prior) {
    const std::size_t count = corrections.size();
    const double equal = 1.0 / static_cast<double>(count);
    std::vector<double> blend(count, equal), left(residual.size());
    double strength = 0;
    for (const auto& correction : corrections) {
        double squares = 0;
        for (const double value : correction) squares += value * value;
        strength += equal * squares / static_cast<double>(residual.size());
    }
    strength *= prior;
    // Absolute errors by reweighted squares, each solved a coordinate at a time.
    for (int round = 0; round < 60; ++round) {
        for (std::size_t i = 0; i < left.size(); ++i) {
            left[i] = residual[i];
            for (std::size_t c = 0; c < count; ++c) left[i] -= blend[c] * corrections[c][i];
        }
        double typical = 0;
        for (const double value : left) typical += std::abs(value) / static_cast<double>(left.size());
        for (std::size_t c = 0; c < count; ++c) {
            double moment = 0, squares = 0;
            for (std::size_t i = 0; i < left.size(); ++i) {
                const double robust = weight[i] * typical / std::max(std::abs(left[i]), 0.1 * typical + 1e-9);
                moment += robust * corrections[c][i] * (left[i] + blend[c] * corrections[c][i]);
                squares += robust * corrections[c][i] * corrections[c][i];
            }
            if (squares + strength <= 0) continue;
            const double next = std::max(0.0, (moment + strength * equal) / (squares + strength));
            for (std::size_t i = 0; i < left.size(); ++i) left[i] += (blend[c] - next) * corrections[c][i];
            blend[c] = next;
        }
    }
    double sum = 0;
    for (auto& value : blend) {
        // What hardly counts is left out: it would cost time in every prediction.
        if (value < 0.02) value = 0;
        sum += value;
    }
    if (sum > 1) {
        for (auto& value : blend) value /= sum;
    }
    return blend;
}

}  // namespace pganalytics::prediction
