#include "prediction/model.hpp"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <cmath>

#include "prediction/test_support.hpp"

namespace pganalytics::prediction {
namespace {

using test::made_up;

constexpr ModelType all_types[] = {ModelType::linear_regression, ModelType::decision_tree, ModelType::random_forest,
                                   ModelType::gradient_boosting};

TrainOptions options_for(ModelType type, std::uint32_t seed = 1) {
    TrainOptions options;
    options.type = type;
    options.seed = seed;
    return options;
}

Model small_model(ModelType type = ModelType::gradient_boosting) {
    return Model::train(made_up({12, 8, 0.4, 0.2, 3}), options_for(type)).value();
}

class EveryModelTest : public ::testing::TestWithParam<ModelType> {};

TEST_P(EveryModelTest, SameDataAndSeedGiveTheSameBytes) {
    const auto data = made_up({10, 6, 0.4, 0.2, 5});
    EXPECT_EQ(Model::train(data, options_for(GetParam())).value().to_bytes(),
              Model::train(data, options_for(GetParam())).value().to_bytes());
}

TEST_P(EveryModelTest, PredictsTheSameAfterStoring) {
    const auto model = small_model(GetParam());
    const auto again = Model::from_bytes(model.to_bytes()).value();
    EXPECT_EQ(again.to_bytes(), model.to_bytes());
    EXPECT_EQ(again.type(), GetParam());
    for (const auto& sample : made_up({5, 4, 0.4, 0.2, 9})) {
        const auto before = model.predict(sample.features), after = again.predict(sample.features);
        EXPECT_EQ(before.center, after.center);
        EXPECT_EQ(before.lower, after.lower);
        EXPECT_EQ(before.upper, after.upper);
        EXPECT_EQ(before.within_30_percent, after.within_30_percent);
    }
}

TEST_P(EveryModelTest, NeverFallsWithCost) {
    const auto model = small_model(GetParam());
    for (auto& sample : made_up({4, 3, 0.4, 0.2, 13})) {
        double before = -INFINITY;
        for (double cost = 0.1; cost < 1e9; cost *= 1.7) {
            sample.features[total_cost_feature()] = cost;
            const double now = model.predict(sample.features).center;
            ASSERT_GE(now, before - 1e-5) << cost;
            before = now;
        }
    }
}

TEST_P(EveryModelTest, ContributionsAddUpToThePrediction) {
    const auto model = small_model(GetParam());
    for (const auto& sample : made_up({6, 4, 0.4, 0.2, 11})) {
        double sum = 0;
        for (const auto& part : model.explain(sample.features)) sum += part.log_factor;
        EXPECT_NEAR(sum, model.predict(sample.features).center, 1e-4);
    }
}

TEST_P(EveryModelTest, IsBetterThanTheCostFitOnUnseenGroups) {
    const auto learn = made_up({40, 8, 0.2, 0.2, 1}), unseen = made_up({40, 8, 0.2, 0.2, 2});
    const auto model = Model::train(learn, options_for(GetParam())).value();
    double ours = 0, cost_fit = 0;
    for (const auto& sample : unseen) {
        const double actual = std::log(sample.runtime_ms);
        ours += std::abs(actual - model.predict(sample.features).center);
        cost_fit += std::abs(actual - model.cost_fit().log_ms(sample.features[total_cost_feature()]));
    }
    EXPECT_LT(ours, 0.75 * cost_fit);
}

INSTANTIATE_TEST_SUITE_P(Types, EveryModelTest, ::testing::ValuesIn(all_types),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST(ModelTest, IntervalsOfUnseenGroupsCoverWhatTheyPromise) {
    double inside = 0, count = 0, calibration = 0;
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        const auto model =
            Model::train(made_up({60, 6, 0.4, 0.2, seed}), options_for(ModelType::linear_regression)).value();
        for (const auto& sample : made_up({60, 6, 0.4, 0.2, 1000 + seed})) {
            const auto said = model.predict(sample.features);
            const double actual = std::log(sample.runtime_ms), ratio = std::exp(actual - said.center);
            inside += actual >= said.lower && actual <= said.upper ? 1 : 0;
            calibration += said.within_30_percent - (ratio >= 0.7 && ratio <= 1.3 ? 1 : 0);
            ++count;
        }
    }
    EXPECT_NEAR(inside / count, 0.9, 0.025);
    EXPECT_NEAR(calibration / count, 0, 0.05);
}

TEST(ModelTest, AFewGroupsPromiseNothing) {
    const auto model = Model::train(made_up({5, 8, 0.4, 0.2, 1}), options_for(ModelType::linear_regression)).value();
    const auto said = model.predict(made_up({1, 1, 0, 0, 1}).front().features);
    EXPECT_FALSE(std::isfinite(said.upper)) << "90 % of 5 groups cannot be told";
    EXPECT_TRUE(too_wide(said));
}

TEST(ModelTest, UnseenSaysWhatTheModelWouldHaveSaid) {
    const auto data = made_up({20, 6, 0.8, 0.1, 4});
    const auto training = train_model(data, options_for(ModelType::gradient_boosting)).value();
    ASSERT_EQ(training.unseen.size(), data.size());
    double seen = 0, unseen = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
        const double actual = std::log(data[i].runtime_ms);
        seen += std::abs(actual - training.model.predict(data[i].features).center);
        unseen += std::abs(actual - training.unseen[i].center);
    }
    EXPECT_LT(seen, unseen) << "errors of what was learned flatter the model";
}

TEST(ModelTest, CanBeCancelledAndSaysHowFarItIs) {
    auto options = options_for(ModelType::linear_regression);
    double last = 0;
    options.go_on = [&](std::string_view, double progress) {
        EXPECT_GE(progress, last);
        last = progress;
        return true;
    };
    EXPECT_TRUE(Model::train(made_up({6, 6}), options));
    EXPECT_GT(last, 0.5);
    options.go_on = [](std::string_view stage, double) { return stage != "calibrating"; };
    EXPECT_EQ(Model::train(made_up({6, 6}), options).error().code, base::ErrorCode::conflict);
    EXPECT_EQ(Model::train(made_up({3, 3}), {}).error().code, base::ErrorCode::unprocessable);
}

TEST(ModelTest, ALevelShiftMovesEveryPrediction) {
    const auto model = small_model();
    const auto features = made_up({1, 1}).front().features;
    EXPECT_NEAR(model.with_level_shift(0.7).predict(features).center, model.predict(features).center + 0.7, 1e-9);
}

TEST(StoredModelTest, EveryDamageIsRefused) {
    const std::string bytes = small_model(ModelType::decision_tree).to_bytes();
    for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 200)
        EXPECT_FALSE(Model::from_bytes(bytes.substr(0, length))) << length;
    EXPECT_FALSE(Model::from_bytes(bytes + "x"));
    std::mt19937 random(1);
    for (int i = 0; i < 300; ++i) {
        std::string damaged = bytes;
        damaged[random() % damaged.size()] ^= static_cast<char>(1U << random() % 8);
        const auto read = Model::from_bytes(damaged);
        ASSERT_FALSE(read);
        EXPECT_FALSE(read.error().hint.empty());
    }
}

TEST(StoredModelTest, AnotherVersionIsNotDamage) {
    std::string bytes = small_model(ModelType::linear_regression).to_bytes();
    bytes.replace(bytes.find(' ') + 1, 1, "9");
    EXPECT_EQ(Model::from_bytes(bytes).error().code, base::ErrorCode::unsupported);
}

RC_GTEST_PROP(StoredModelTest, AnyBytesAreReadOrRefused, (const std::string& bytes)) {
    RC_ASSERT(!Model::from_bytes(bytes));
    RC_ASSERT(!Model::from_bytes("pganalytics-model " + bytes));
}

}  // namespace
}  // namespace pganalytics::prediction
