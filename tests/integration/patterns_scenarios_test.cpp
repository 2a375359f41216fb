// Detection held against simulated histories of every scenario: one seed, or with PGANALYTICS_SEEDS that many. Every
// pattern counts, of whatever type; where nothing is planted, nothing may be found.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "patterns/detect.hpp"
#include "simulation/history_score.hpp"

namespace pganalytics::simulation {
namespace {

std::uint64_t seeds() {
    const char* wanted = std::getenv("PGANALYTICS_SEEDS");
    return wanted == nullptr ? 1 : std::stoull(wanted);
}

/// One month, always the same, with every run; many are fresh ones each day and the same all day: a failure can be
/// looked at again.
base::Timestamp end() {
    if (seeds() > 1) return std::chrono::floor<std::chrono::hours>(base::SystemClock().now());
    return base::Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 6 / 30}};
}

std::uint64_t first_seed() {
    const auto day = std::chrono::floor<std::chrono::days>(end());
    return static_cast<std::uint64_t>(day.time_since_epoch().count()) * 100;
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, FindsThePeaksCyclesAndJobsThatArePlantedAndNoOthers) {
    HistoryScore all;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + seeds(); ++seed) {
        const auto scenario = parse_scenario(builtin_scenario(GetParam()), seed);
        ASSERT_TRUE(scenario) << scenario.error().to_string();
        HistoryOptions options;
        options.seed = seed;
        options.ends = end();
        auto history = HistorySimulator::make(*scenario, options);
        ASSERT_TRUE(history) << history.error().to_string();
        all += score_detection(history->truth(), patterns::detect_patterns(roll_up(*history)));
    }
    RecordProperty("f1", std::to_string(all.f1()));
    SCOPED_TRACE("first seed " + std::to_string(first_seed()) + "\n" + all.to_json().dump(2));
    EXPECT_EQ(all.incidents_found, all.incidents);
    for (const double error : all.start_errors) EXPECT_LE(error, start_tolerance_minutes);
    for (const double confidence : all.peak_confidences) EXPECT_GT(confidence, 0.8);
    if (all.planted > 0) {
        // Of the handful in one history a single slip is more than the bound, which is one of twenty histories.
        EXPECT_GE(all.f1(), seeds() >= 20 ? 0.95 : 0.85);
    } else {
        EXPECT_EQ(all.invented, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::ValuesIn(builtin_scenario_names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace pganalytics::simulation
