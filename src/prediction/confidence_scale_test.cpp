#include "prediction/confidence_scale.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace pganalytics::prediction {
namespace {

/// Said evenly from 0.1 to 0.9; true as often as `truth` says.
template <typename Truth>
ConfidenceScale learned(double units, const Truth& truth) {
    std::mt19937 random(5);
    std::uniform_real_distribution<double> uniform;
    std::vector<double> said, hits, weights(20'000, 1.0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        said.push_back(0.1 + 0.8 * uniform(random));
        hits.push_back(uniform(random) < truth(said.back()) ? 1 : 0);
    }
    return ConfidenceScale::fit(said, hits, weights, units);
}

TEST(ConfidenceScaleTest, SaysWhatCameTrue) {
    const auto scale = learned(2000, [](double said) { return said * said; });
    for (const double said : {0.2, 0.4, 0.6, 0.8}) EXPECT_NEAR(scale.at(said), said * said, 0.05) << said;
    for (double said = 0.05; said <= 1; said += 0.05) EXPECT_GE(scale.at(said), scale.at(said - 0.05)) << said;
    EXPECT_EQ(scale.at(0), 0);
    EXPECT_EQ(scale.at(1), 1);
}

TEST(ConfidenceScaleTest, LeavesAloneWhatTooFewUnitsTell) {
    EXPECT_EQ(learned(20, [](double) { return 0.0; }).at(0.7), 0.7);
    const auto held = learned(60, [](double) { return 0.0; });
    EXPECT_GT(held.at(0.7), 0.05) << "held towards what was said";
    EXPECT_LT(held.at(0.7), 0.4);
}

TEST(ConfidenceScaleTest, IsStoredWholeOrRefused) {
    const auto scale = learned(2000, [](double said) { return said * said; });
    const auto stored = scale.to_json();
    const auto again = ConfidenceScale::from_json(stored);
    ASSERT_TRUE(again) << again.error().message;
    for (const double said : {0.0, 0.33, 0.7, 1.0}) EXPECT_EQ(again->at(said), scale.at(said));
    auto damaged = stored;
    damaged["said"][1] = damaged["said"][0];
    EXPECT_FALSE(ConfidenceScale::from_json(damaged)) << "two knots in one place";
    damaged = stored;
    damaged["came_true"].push_back(2);
    EXPECT_FALSE(ConfidenceScale::from_json(damaged));
}

}  // namespace
}  // namespace pganalytics::prediction
