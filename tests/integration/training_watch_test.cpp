// An active model set against what happened after it was made.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "training_world.hpp"
#include "workflow/model_monitor.hpp"

namespace pganalytics::workflow {
namespace {

using namespace std::chrono_literals;
using store::expect_value;

class TrainingWatchTest : public TrainingTest {
  protected:
    /// Active for half a day, of which it has seen nothing.
    store::StoredModel model_of_this_morning() {
        const base::ManualClock earlier(clock_.now() - 12h);
        const auto model = expect_value(train_performance_model(filled(), earlier, request(), {}, {})).stored;
        run("update pganalytics.query_performance_models set activated_at = now() - interval '12 hours'");
        return expect_value(store::ModelStore(filled()).find(model.id));
    }
    nlohmann::json drift_of(base::ModelId id) {
        return nlohmann::json::parse(expect_value(store::ModelStore(filled()).find(id)).drift_json);
    }
};

TEST_F(TrainingWatchTest, SaysHowWellTheModelDidAndGoesOnWhereItStopped) {
    const auto model = model_of_this_morning();
    ModelMonitor monitor(filled());
    const auto now = clock_.now();
    const auto first = expect_value(monitor.watch(model, now - 6h));
    const auto second = expect_value(monitor.watch(model, now));
    EXPECT_GT(first.intervals, 500U);
    EXPECT_GT(second.intervals, 500U);
    EXPECT_EQ(expect_value(monitor.watch(model, now)).intervals, 0U) << "nothing counts twice";
    const auto drift = drift_of(model.id);
    EXPECT_EQ(drift["intervals"], first.intervals + second.intervals);
    EXPECT_GT(drift["accuracy_score"].get<double>(), 0.6) << drift.dump(2);
    EXPECT_GT(drift["coverage"].get<double>(), 0.85) << drift.dump(2);
    EXPECT_LT(drift["coverage"].get<double>(), 0.97) << drift.dump(2);
    EXPECT_TRUE(drift["errors"].empty()) << "nothing changed: " << drift.dump(2);
}

TEST_F(TrainingWatchTest, NamesStatementsWhoseTimesDoubled) {
    const auto model = model_of_this_morning();
    run("update pganalytics.metrics_raw set total_exec_time_ms = total_exec_time_ms * 2 "
        "where begins >= now() - interval '4 hours' and statement_id % 4 = 0");
    const auto report = expect_value(ModelMonitor(filled()).watch(model, clock_.now()));
    const auto drift = drift_of(model.id);
    ASSERT_FALSE(drift["errors"].empty()) << drift.dump(2);
    for (const auto& moved : drift["errors"]) EXPECT_NEAR(moved["factor"].get<double>(), 2, 0.8) << moved.dump();
    EXPECT_EQ(drift["status"], "drifting");
    EXPECT_THAT(report.drifts, testing::Not(testing::IsEmpty()));
}

TEST_F(TrainingWatchTest, AModelThatCannotBeReadIsAReasonToTrain) {
    const auto model = model_of_this_morning();
    run("update pganalytics.query_performance_models set format_version = 99");
    const auto reports = expect_value(ModelMonitor(filled()).run(clock_.now()));
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports.front().model, model.id);
    EXPECT_THAT(reports.front().drifts.front(), testing::HasSubstr("format 99"));
}

}  // namespace
}  // namespace pganalytics::workflow
