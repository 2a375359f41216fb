// A simulated history through a real repository: ingest, roll-ups, detection, stored patterns. The truth is the
// simulation's own.

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.hpp"
#include "integration/store_fixture.hpp"
#include "simulation/history_score.hpp"
#include "simulation/history_writer.hpp"
#include "store/patterns.hpp"
#include "workflow/pattern_job.hpp"

namespace pganalytics {
namespace {

using store::expect_value;

class PatternDetection : public store::StoreTest {
  protected:
    simulation::WrittenHistory write(std::string_view scenario_name, std::uint64_t seed, int days) {
        const auto scenario =
            expect_value(simulation::parse_scenario(simulation::builtin_scenario(scenario_name), seed));
        simulation::HistoryOptions options;
        options.days = days;
        options.seed = seed;
        options.ends = base::SystemClock().now();
        auto history = expect_value(simulation::HistorySimulator::make(scenario, options));
        auto store = targets();
        const auto written =
            expect_value(simulation::write_history(repository(), store, std::string(scenario_name), history));
        truth_ = history.truth();
        return written;
    }

    workflow::DetectedDatabase detect(base::TargetId target) {
        auto store = targets();
        workflow::PatternRequest request;
        request.target = target;
        auto found =
            expect_value(workflow::detect_workload_patterns(repository(), store, base::SystemClock(), request, {}));
        if (found.size() != 1) throw std::runtime_error("not one database");
        return std::move(found[0]);
    }

    simulation::HistoryTruth truth_;
};

TEST_F(PatternDetection, FindsWhatIsPlantedAndKeepsItsRows) {
    const auto written = write("office", 1, 28);
    EXPECT_GT(written.intervals, 40'000U);
    const auto first = detect(written.target_id);
    EXPECT_NEAR(first.days_observed, 28, 0.6);
    const auto score = simulation::score_detection(truth_, first.found);
    EXPECT_EQ(score.found, score.planted) << score.to_json().dump(2);
    for (const double error : score.start_errors) EXPECT_LE(error, simulation::start_tolerance_minutes);
    for (const double confidence : score.peak_confidences) EXPECT_GT(confidence, 0.8);
    EXPECT_GE(first.saved.added, score.planted);

    store::PatternFilter filter;
    filter.limit = 1;
    filter.database_name = truth_.database_name;
    store::PatternStore patterns(repository());
    std::set<std::int64_t> ids;
    for (;;) {
        const auto page = expect_value(patterns.list(filter));
        for (const auto& pattern : page.items) ids.insert(base::to_integer(pattern.id));
        if (!page.next_cursor) break;
        filter.cursor = page.next_cursor;
    }
    EXPECT_EQ(ids.size(), first.saved.added);

    // Found again: the same rows.
    const auto again = detect(written.target_id);
    EXPECT_EQ(again.saved.added, 0U);
    EXPECT_EQ(again.saved.updated, first.saved.added);
    EXPECT_EQ(again.saved.stale, 0U);
    EXPECT_EQ(value("select count(*) from pganalytics.workload_patterns where not is_stale"),
              std::to_string(first.saved.added));
}

TEST_F(PatternDetection, WritingAgainCountsNothingTwiceAndARealTargetIsNotTouched) {
    const auto first = write("incident", 3, 2);
    EXPECT_GT(first.rows, 0U);
    (void)add_target("real");
    auto store = targets();
    const auto scenario = expect_value(simulation::parse_scenario(simulation::builtin_scenario("flat"), 1));
    simulation::HistoryOptions options;
    options.days = 1;
    options.ends = truth_.ends;
    auto history = expect_value(simulation::HistorySimulator::make(scenario, options));
    const auto refused = simulation::write_history(repository(), store, "real", history);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::conflict);
    auto same = expect_value(simulation::HistorySimulator::make(scenario, options));
    EXPECT_EQ(expect_value(simulation::write_history(repository(), store, "incident", same)).intervals, 0U);
}

TEST_F(PatternDetection, AMovedJobKeepsItsRow) {
    const auto target = add_target();
    patterns::Pattern job;
    job.type = patterns::PatternType::batch_job;
    job.metadata.period_hours = 24;
    job.metadata.affected_queries = {base::QueryHash{9}, base::QueryHash{4}};
    job.metadata.start_minute = 150;
    const auto name = workflow::pattern_identity(job);
    job.metadata.start_minute = 300;
    job.metadata.affected_queries = {base::QueryHash{4}, base::QueryHash{9}};
    EXPECT_EQ(workflow::pattern_identity(job), name);

    const std::vector<store::PatternToSave> rows{{name, "batch_job", R"({"start_minute": 150})", "A job", 2}};
    store::PatternStore patterns(repository());
    const auto now = base::SystemClock().now();
    EXPECT_EQ(expect_value(patterns.save(target, "shop", rows, now)).added, 1U);
    EXPECT_EQ(expect_value(patterns.save(target, "shop", rows, now)).updated, 1U);
    EXPECT_EQ(expect_value(patterns.save(target, "shop", {}, now)).stale, 1U);
    EXPECT_TRUE(expect_value(patterns.list({})).items.empty());
}

TEST_F(PatternDetection, ARequestIsReadAsTheSqlFunctionWritesIt) {
    (void)value("select count(*) from pganalytics.detect_workload_patterns('shop', 14)");
    const auto request = expect_value(workflow::read_pattern_request(
        value("select payload from pganalytics.jobs where kind = 'detect_workload_patterns'")));
    EXPECT_EQ(request.database_name, "shop");
    EXPECT_EQ(request.lookback_days, 14);
    EXPECT_FALSE(request.target);
    EXPECT_FALSE(workflow::read_pattern_request(R"({"lookback_days": 3})"));
    EXPECT_FALSE(workflow::read_pattern_request("[]"));
}

TEST_F(PatternDetection, AnUnknownDatabaseIsNotFound) {
    auto store = targets();
    workflow::PatternRequest request;
    request.database_name = "nowhere";
    const auto found = workflow::detect_workload_patterns(repository(), store, base::SystemClock(), request, {});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, base::ErrorCode::not_found);
}

}  // namespace
}  // namespace pganalytics
