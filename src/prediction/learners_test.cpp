// Cost fit, ridge, trees, and the walker against XGBoost itself.

#include <gtest/gtest.h>
#include <xgboost/c_api.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "prediction/cost_fit.hpp"
#include "prediction/ridge.hpp"
#include "prediction/test_support.hpp"
#include "prediction/training.hpp"

namespace pganalytics::prediction {
namespace {

/// Random rows with missing values, and a target that depends on them.
struct Problem {
    Matrix rows;
    std::vector<double> target, weight;
};
Problem problem(std::uint32_t seed, std::size_t count, std::size_t columns) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Problem made{Matrix(columns), {}, {}};
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<double> row;
        for (std::size_t j = 0; j < columns; ++j)
            row.push_back(random() % 7 == 0 ? std::nan("") : std::exp(3 * normal(random)));
        const double first = std::isnan(row[0]) ? 2 : std::log(row[0]);
        made.target.push_back(first * (row[1] > 1 ? 2 : -1) + 0.1 * normal(random));
        made.weight.push_back(1 + static_cast<double>(random() % 3));
        made.rows.add_row(row);
    }
    return made;
}

/// XGBoost's own model and prediction, by its C interface.
class Reference {
  public:
    explicit Reference(const Problem& made) {
        const float missing = std::numeric_limits<float>::quiet_NaN();
        EXPECT_EQ(XGDMatrixCreateFromMat(made.rows.data(), made.rows.rows(), made.rows.columns(), missing, &data_), 0);
        const std::vector<float> labels(made.target.begin(), made.target.end());
        EXPECT_EQ(XGDMatrixSetFloatInfo(data_, "label", labels.data(), labels.size()), 0);
        EXPECT_EQ(XGBoosterCreate(&data_, 1, &booster_), 0);
    }
    ~Reference() {
        XGBoosterFree(booster_);
        XGDMatrixFree(data_);
    }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;

    void set(const char* name, const std::string& value) {
        EXPECT_EQ(XGBoosterSetParam(booster_, name, value.c_str()), 0);
    }
    std::string train(int rounds) {
        for (int round = 0; round < rounds; ++round) EXPECT_EQ(XGBoosterUpdateOneIter(booster_, round, data_), 0);
        bst_ulong length = 0;
        const char* bytes = nullptr;
        EXPECT_EQ(XGBoosterSaveModelToBuffer(booster_, R"({"format":"json"})", &length, &bytes), 0);
        return {bytes, length};
    }
    std::vector<float> predict(const Matrix& rows) {
        const nlohmann::json array{{"data", {reinterpret_cast<std::size_t>(rows.data()), true}},
                                   {"shape", {rows.rows(), rows.columns()}},
                                   {"typestr", "<f4"},
                                   {"version", 3}};
        const char* config =
            R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})";
        const bst_ulong* shape = nullptr;
        bst_ulong dimensions = 0;
        const float* values = nullptr;
        EXPECT_EQ(
            XGBoosterPredictFromDense(booster_, array.dump().c_str(), config, nullptr, &shape, &dimensions, &values), 0)
            << XGBGetLastError();
        return {values, values + rows.rows()};
    }

  private:
    DMatrixHandle data_ = nullptr;
    BoosterHandle booster_ = nullptr;
};

TEST(FlatTreesTest, PredictsAsXgboostDoes) {
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        const std::size_t columns = 3 + seed;
        Reference reference(problem(seed, 120 + 10 * seed, columns));
        reference.set("tree_method", seed % 2 == 0 ? "hist" : "exact");
        reference.set("max_depth", std::to_string(1 + seed % 7));
        reference.set("num_parallel_tree", seed % 3 == 0 ? "4" : "1");
        reference.set("base_score", seed % 4 == 0 ? "0.5" : "-1.25");
        reference.set("nthread", "1");
        reference.set("seed", std::to_string(seed));
        const auto flat = FlatTrees::from_xgboost_json(reference.train(static_cast<int>(1 + 3 * seed))).value();
        const auto stored = FlatTrees::from_json(flat.to_json(), columns).value();
        const auto unseen = problem(seed + 100, 300, columns);
        const auto expected = reference.predict(unseen.rows);
        for (std::size_t i = 0; i < unseen.rows.rows(); ++i) {
            const double close = 1e-5 * std::max(1.0, std::abs(static_cast<double>(expected[i])));
            ASSERT_NEAR(flat.predict(unseen.rows.row(i)), expected[i], close) << "seed " << seed << ", row " << i;
            ASSERT_EQ(stored.predict(unseen.rows.row(i)), flat.predict(unseen.rows.row(i)));
        }
    }
}

TEST(FlatTreesTest, ContributionsAndSumsAddUp) {
    const auto made = problem(5, 200, 6), other = problem(6, 200, 6);
    TreeParameters parameters;
    parameters.rounds = 20;
    const auto trees = learn_trees(made.rows, made.target, made.weight, parameters).value();
    const auto more = learn_trees(other.rows, other.target, other.weight, parameters).value();
    auto both = trees;
    both.add(more, 0.25);
    EXPECT_EQ(both.tree_count(), trees.tree_count() + more.tree_count());
    for (std::size_t i = 0; i < 50; ++i) {
        const auto row = other.rows.row(i);
        EXPECT_NEAR(both.predict(row), trees.predict(row) + 0.25 * more.predict(row), 1e-5);
        std::vector<double> parts(6, 0.0);
        double sum = both.contribute(row, parts);
        for (const double part : parts) sum += part;
        EXPECT_NEAR(sum, both.predict(row), 1e-4);
    }
    double importance = 0;
    for (const double share : both.importance(6)) importance += share;
    EXPECT_NEAR(importance, 1, 1e-9);
}

TEST(FlatTreesTest, RefusesNodesThatPointOutside) {
    const auto made = problem(7, 100, 4);
    auto json = learn_trees(made.rows, made.target, made.weight, {}).value().to_json();
    EXPECT_TRUE(FlatTrees::from_json(json, 4));
    EXPECT_FALSE(FlatTrees::from_json(json, 1)) << "features it does not know";
    auto circle = json;
    circle["left"][0] = 0;
    EXPECT_FALSE(FlatTrees::from_json(circle, 4));
    auto outside = json;
    outside["roots"][0] = 1'000'000;
    EXPECT_FALSE(FlatTrees::from_json(outside, 4));
    json["cover"].erase(0);
    EXPECT_FALSE(FlatTrees::from_json(json, 4));
    EXPECT_FALSE(FlatTrees::from_xgboost_json("{}"));
    EXPECT_FALSE(FlatTrees::from_xgboost_json("x"));
}

TEST(TreeLearnerTest, RisesWithAFeatureThatIsToldTo) {
    auto made = problem(9, 300, 4);
    for (std::size_t i = 0; i < made.target.size(); ++i) {
        const float value = made.rows.row(i)[2];
        if (!std::isnan(value)) made.target[i] += std::sin(static_cast<double>(value));
    }
    TreeParameters parameters;
    parameters.monotone = {0, 0, 1, 0};
    const auto trees = learn_trees(made.rows, made.target, made.weight, parameters).value();
    for (std::size_t i = 0; i < 40; ++i) {
        std::vector<float> row(made.rows.row(i).begin(), made.rows.row(i).end());
        double before = -INFINITY;
        for (float value = 0.01F; value < 1000; value *= 1.3F) {
            row[2] = value;
            const double now = trees.predict(row);
            ASSERT_GE(now, before - 1e-5);
            before = now;
        }
    }
}

TEST(CostFitTest, FindsTheLineThroughWildOutliers) {
    std::mt19937 random(2);
    std::normal_distribution<double> normal;
    std::vector<double> costs, times, weights;
    for (int i = 0; i < 200; ++i) {
        const double log_cost = 5 + 2 * normal(random);
        costs.push_back(std::expm1(log_cost));
        times.push_back(0.8 * log_cost - 2 + 0.1 * normal(random) + (i % 12 == 0 ? 8 : 0));
        weights.push_back(1);
    }
    const auto fit = fit_cost(costs, times, weights);
    EXPECT_NEAR(fit.slope, 0.8, 0.05);
    EXPECT_NEAR(fit.level, -2, 0.3);
}

TEST(CostFitTest, NeverFallsWithCostAndSurvivesTheDegenerate) {
    const std::vector<double> falling{10, 100, 1000, 1e4, 1e5, 1e6}, times{6, 5, 4, 3, 2, 1}, ones(6, 1.0);
    EXPECT_GT(fit_cost(falling, times, ones).slope, 0);
    const std::vector<double> same(6, 50.0);
    EXPECT_TRUE(std::isfinite(fit_cost(same, times, ones).log_ms(50)));
    const std::vector<double> one_cost{7}, one_time{2}, one{1};
    EXPECT_NEAR(fit_cost(one_cost, one_time, one).log_ms(7), 2, 1e-9);
    const CostFit fit{1, 0.5};
    EXPECT_NEAR(fit.with_level_of(one_cost, one_time).log_ms(7), 2, 1e-9);
    EXPECT_EQ(fit.with_level_of({}, {}).level, 1);
}

TEST(RidgeTest, FindsWhatTheTimeDependsOnAndHoldsBeyondIt) {
    const auto data = test::made_up({40, 6, 0.0, 0.01, 2});
    Matrix rows(feature_definitions().size());
    std::vector<double> target;
    for (const auto& sample : data) {
        rows.add_row(sample.features);
        target.push_back(std::log(sample.runtime_ms));
    }
    const std::vector<double> weight(target.size(), 1.0);
    const auto ridge = Ridge::fit(rows, target, weight, 1e-4);
    for (std::size_t i = 0; i < rows.rows(); ++i) EXPECT_NEAR(ridge.predict(rows.row(i)), target[i], 0.3);
    const auto importance = ridge.importance(rows.columns());
    EXPECT_GT(importance[total_cost_feature()], 0.6);
    std::vector<float> far(rows.row(0).begin(), rows.row(0).end());
    far[total_cost_feature()] = 1e20F;
    const double held = ridge.predict(far);
    far[total_cost_feature()] = 1e30F;
    EXPECT_EQ(ridge.predict(far), held);
    const auto again = Ridge::from_json(ridge.to_json(), rows.columns()).value();
    EXPECT_EQ(again.predict(far), held);
    auto doubled = ridge;
    doubled.add(ridge, 1);
    EXPECT_NEAR(doubled.predict(far), 2 * held, 1e-9);
    EXPECT_FALSE(Ridge::from_json(ridge.to_json(), 1));
}

TEST(GroupFoldsTest, KeepGroupsWholeAndFoldsAlike) {
    std::vector<std::string> groups;
    for (int i = 0; i < 200; ++i) groups.push_back("g" + std::to_string(i % 23));
    const auto folds = group_folds(groups, 5, 1);
    std::map<std::string, int> of_group;
    std::map<int, int> sizes;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        EXPECT_EQ(of_group.try_emplace(groups[i], folds[i]).first->second, folds[i]);
        ++sizes[folds[i]];
    }
    EXPECT_EQ(sizes.size(), 5U);
    for (const auto& [fold, size] : sizes) EXPECT_NEAR(size, 40, 12);
}

TEST(BlendTest, PrefersTheBetterAndLeavesNoiseOut) {
    std::mt19937 random(4);
    std::normal_distribution<double> normal;
    std::vector<double> residual, good, noise, weight(300, 1.0);
    for (int i = 0; i < 300; ++i) {
        residual.push_back(normal(random));
        good.push_back(residual.back() + 0.2 * normal(random));
        noise.push_back(normal(random));
    }
    const auto blend = blend_weights({good, noise}, residual, weight, 3);
    EXPECT_GT(blend[0], 0.8);
    EXPECT_LT(blend[1], 0.15);
    EXPECT_LE(blend[0] + blend[1], 1 + 1e-9);
    EXPECT_LT(blend_weights({noise}, residual, weight, 1).front(), 0.2) << "what does not help is held back";
}

}  // namespace
}  // namespace pganalytics::prediction
