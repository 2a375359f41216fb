#include "workflow/model_watch.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "workflow/model_upkeep.hpp"

namespace pganalytics::workflow {
namespace {

using namespace std::chrono_literals;

prediction::LogPrediction said(double center) {
    return {center, center - 0.4, center + 0.4, 0.2, 0.6};
}

base::Timestamp minute(int number) {
    return base::Timestamp(std::chrono::hours(500'000)) + std::chrono::minutes(number);
}

/// Intervals in which four statements take what the model says, and from `shifted` on one of them twice as long.
ModelWatch watched(int intervals, int shifted) {
    std::mt19937 random(7);
    std::normal_distribution<double> normal(0, 0.15);
    ModelWatch watch;
    for (int i = 0; i < intervals; ++i) {
        for (int statement = 0; statement < 4; ++statement) {
            const double moved = statement == 2 && i >= shifted ? std::log(2.0) : 0;
            const auto name = std::to_string(statement) + "/1";
            const auto shift = watch.observe(name, said(1), 1 + moved + normal(random), minute(i));
            if (shift) watch.note(MovedErrors{name, base::QueryHash{statement}, std::exp(*shift), minute(i), {}});
        }
    }
    return watch;
}

TEST(ModelWatchTest, CallsAStableModelStable) {
    const auto watch = watched(300, 1000);
    const auto summary = watch.summary(minute(300));
    EXPECT_EQ(summary["status"], "stable") << summary.dump(2);
    EXPECT_EQ(summary["intervals"], 1200);
    EXPECT_GT(summary["accuracy_score"].get<double>(), 0.8);
    EXPECT_NEAR(summary["coverage"].get<double>(), 0.9, 0.05);
    EXPECT_TRUE(watch.reasons(minute(300)).empty());
}

TEST(ModelWatchTest, NamesTheStatementWhoseTimesDoubled) {
    const auto watch = watched(300, 200);
    const auto summary = watch.summary(minute(300));
    ASSERT_EQ(summary["errors"].size(), 1U) << summary.dump(2);
    EXPECT_EQ(summary["errors"][0]["query_hash"], 2);
    EXPECT_NEAR(summary["errors"][0]["factor"].get<double>(), 2, 0.4);
    EXPECT_EQ(summary["status"], "drifting");
    EXPECT_TRUE(watch.reasons(minute(300 + 3 * 1440)).empty()) << "what moved days ago is normal by now";
}

TEST(ModelWatchTest, AnInputCountsOnlyWhereItMatters) {
    ModelWatch watch;
    watch.note({MovedInput{"index_count", 0.5, 0.2, 0.001}}, minute(0));
    EXPECT_TRUE(watch.reasons(minute(1)).empty());
    watch.note({MovedInput{"root_total_cost", 0.5, 0.2, 0.4}}, minute(0));
    EXPECT_EQ(watch.reasons(minute(1)).size(), 1U);
}

TEST(ModelWatchTest, IsTheSameAfterStoring) {
    const auto watch = watched(300, 200);
    const auto read = ModelWatch::from_json(nlohmann::json::parse(watch.to_json().dump()), 0.9);
    EXPECT_EQ(read.to_json(), watch.to_json());
    EXPECT_EQ(ModelWatch::from_json("nonsense", 0.9).to_json(), ModelWatch().to_json());
}

TEST(ModelUpkeepTest, TrainsForAReasonAndNeverInHaste) {
    const UpkeepOptions options;
    EXPECT_EQ(reason_to_train({false, 1000h, false, true}, options), "first");
    EXPECT_EQ(reason_to_train({false, 1000h, false, false}, options), "");
    EXPECT_EQ(reason_to_train({true, 7h, true, false}, options), "drift");
    EXPECT_EQ(reason_to_train({true, 5h, true, false}, options), "");
    EXPECT_EQ(reason_to_train({true, 167h, false, false}, options), "");
    EXPECT_EQ(reason_to_train({true, 168h, false, false}, options), "age");
    UpkeepOptions by_hand;
    by_hand.train_every = 0h;
    by_hand.train_on_drift = false;
    EXPECT_EQ(reason_to_train({true, 9000h, true, true}, by_hand), "");
}

}  // namespace
}  // namespace pganalytics::workflow
