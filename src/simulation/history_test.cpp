#include "simulation/history.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "simulation/history_score.hpp"

namespace pganalytics::simulation {
namespace {

const base::Timestamp end = base::parse_rfc3339("2026-11-22T12:00:00Z").value();

HistorySimulator simulator(std::string_view text, std::uint64_t seed, int days) {
    const auto scenario = parse_scenario(text, seed);
    EXPECT_TRUE(scenario) << scenario.error().to_string();
    HistoryOptions options;
    options.days = days;
    options.seed = seed;
    options.ends = end;
    auto history = HistorySimulator::make(*scenario, options);
    EXPECT_TRUE(history) << history.error().to_string();
    return std::move(*history);
}

const PlantedPattern* find(const HistoryTruth& truth, std::string_view type) {
    for (const auto& pattern : truth.patterns) {
        if (pattern.pattern_type == type) return &pattern;
    }
    return nullptr;
}

constexpr std::string_view nightly = R"(
name = "nightly"
traffic = ["product_card", "order_count"]
[[batch]]
name = "job"
sql = ["select count(*) from {orders} where {orders.total} > $1"]
start = "02:15"
duration_minutes = 12
calls = 60
[noise]
minutes = 0.05
)";

TEST(History, IsTheSameForTheSameSeedAndAnotherForAnother) {
    auto first = simulator(nightly, 3, 1);
    auto again = simulator(nightly, 3, 1);
    auto other = simulator(nightly, 4, 1);
    bool differs = false;
    std::size_t minutes = 0;
    while (const auto interval = first.next()) {
        const auto same = again.next();
        const auto unlike = other.next();
        ASSERT_TRUE(same && unlike);
        ASSERT_EQ(interval->begins, same->begins);
        ASSERT_EQ(interval->statements.size(), same->statements.size());
        for (std::size_t i = 0; i < interval->statements.size(); ++i) {
            ASSERT_EQ(interval->statements[i].delta, same->statements[i].delta);
        }
        differs = differs || interval->statements.size() != unlike->statements.size() ||
                  !(interval->statements[0].delta == unlike->statements[0].delta);
        ++minutes;
    }
    EXPECT_EQ(minutes, 1440U);
    EXPECT_TRUE(differs);
}

TEST(History, AJobRunsInItsWindowAndNowhereElse) {
    auto history = simulator(nightly, 1, 3);
    const PlantedPattern* job = find(history.truth(), "batch_job");
    ASSERT_NE(job, nullptr);
    EXPECT_EQ(job->start_minute, 135);
    ASSERT_EQ(job->query_hashes.size(), 1U);
    const auto& statements = history.statements();
    const auto own = std::find_if(statements.begin(), statements.end(),
                                  [&](const auto& each) { return each.query_hash == job->query_hashes[0]; });
    ASSERT_NE(own, statements.end());
    double time_ms = 0;
    while (const auto interval = history.next()) {
        for (const auto& statement : interval->statements) {
            if (!(statement.key == own->key)) continue;
            const auto minute =
                (interval->begins - std::chrono::floor<std::chrono::days>(interval->begins)) / std::chrono::minutes{1};
            EXPECT_GE(minute, 135);
            EXPECT_LT(minute, 155);
            time_ms += statement.delta.total_exec_time_ms;
        }
    }
    // Three nights of twelve minutes, busy for the most part.
    EXPECT_NEAR(time_ms, 3 * 12 * 60'000 * 0.8, 0.35 * 3 * 12 * 60'000 * 0.8);
}

TEST(History, OutagesAreNotSeenAndAreInTheTruth) {
    constexpr std::string_view text = "name = \"x\"\ntraffic = [\"product_card\"]\n[noise]\noutages_per_week = 20\n";
    auto history = simulator(text, 5, 7);
    ASSERT_FALSE(history.truth().outages.empty());
    std::size_t seen = 0;
    while (const auto interval = history.next()) {
        ++seen;
        for (const auto& outage : history.truth().outages) {
            EXPECT_FALSE(interval->begins >= outage.begins && interval->begins < outage.ends);
        }
    }
    EXPECT_LT(seen, 7U * 1440U);
}

TEST(History, TheTruthOfNothingIsNothing) {
    const auto history = simulator(builtin_scenario("flat"), 2, 30);
    EXPECT_TRUE(history.truth().patterns.empty());
    const auto json = history.truth().to_json();
    EXPECT_EQ(json["scenario"], "flat");
    EXPECT_EQ(json["ends"], "2026-11-22T12:00:00Z");
}

TEST(History, AnUnknownStatementIsNamed) {
    const auto scenario = parse_scenario("name = \"x\"\ntraffic = [\"product_crad\"]\n", 1);
    ASSERT_TRUE(scenario);
    HistoryOptions options;
    options.ends = end;
    const auto history = HistorySimulator::make(*scenario, options);
    ASSERT_FALSE(history);
    EXPECT_NE(history.error().hint.find("product_card"), std::string::npos) << history.error().hint;
}

TEST(HistoryScore, CountsFoundMissedAndInvented) {
    const auto history = simulator(nightly, 1, 30);
    patterns::Detection found;
    EXPECT_EQ(score_detection(history.truth(), found).planted, 1U);
    EXPECT_EQ(score_detection(history.truth(), found).f1(), 0);

    patterns::Pattern job;
    job.type = patterns::PatternType::batch_job;
    job.metadata.period_hours = 24;
    job.metadata.start_minute = 139;
    job.metadata.affected_queries = find(history.truth(), "batch_job")->query_hashes;
    found.patterns = {job};
    EXPECT_EQ(score_detection(history.truth(), found).f1(), 1);
    EXPECT_EQ(score_detection(history.truth(), found).start_errors, std::vector<double>{4});

    found.patterns[0].metadata.start_minute = 141;
    EXPECT_EQ(score_detection(history.truth(), found).found, 0U);
    EXPECT_EQ(score_detection(history.truth(), found).invented, 1U);
}

}  // namespace
}  // namespace pganalytics::simulation
