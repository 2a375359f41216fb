// Advice about the workload held against simulated histories: what is planted is found, and nothing where nothing is
// planted. One seed of each scenario, or as many as PGANALYTICS_SEEDS says.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "simulation/history_score.hpp"
#include "simulation/workload_score.hpp"

namespace pganalytics::simulation {
namespace {

/// Fresh ones each day, the same all day: a failure can be looked at again.
std::uint64_t first_seed() {
    const auto today = std::chrono::floor<std::chrono::days>(base::SystemClock().now());
    return static_cast<std::uint64_t>(today.time_since_epoch().count()) * 100;
}

std::uint64_t seeds() {
    const char* asked = std::getenv("PGANALYTICS_SEEDS");
    return asked == nullptr ? 1 : std::strtoull(asked, nullptr, 10);
}

class WorkloadAdvice : public testing::TestWithParam<std::string> {};

TEST_P(WorkloadAdvice, FindsWhatIsPlantedAndNothingElse) {
    WorkloadScore all;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + seeds(); ++seed) {
        const auto scenario = parse_scenario(builtin_scenario(GetParam()), seed);
        ASSERT_TRUE(scenario) << scenario.error().to_string();
        HistoryOptions options;
        options.seed = seed;
        options.ends = std::chrono::floor<std::chrono::hours>(base::SystemClock().now());
        auto simulator = HistorySimulator::make(*scenario, options);
        ASSERT_TRUE(simulator) << simulator.error().to_string();
        const auto history = roll_up(*simulator);
        const auto advised = advise_on(*scenario, options, history, patterns::detect_patterns(history));
        ASSERT_TRUE(advised) << advised.error().to_string();
        for (const auto& advice : *advised) {
            EXPECT_EQ(advice.source, advice::SourceType::workload);
            EXPECT_GT(advice.estimated_improvement_percent, 0);
            EXPECT_FALSE(advice.served.empty());
            EXPECT_FALSE(advice.evidence.facts.empty());
        }
        all += score_workload(simulator->truth(), *advised);
    }
    RecordProperty("precision", std::to_string(all.precision()));
    RecordProperty("recall", std::to_string(all.recall()));
    std::cout << "precision " << all.precision() << ", recall " << all.recall() << " over " << seeds() << " seeds\n";
    SCOPED_TRACE("first seed " + std::to_string(first_seed()) + "\n" + all.to_json().dump(2));
    EXPECT_GE(all.recall(), 0.9);
    if (all.planted > 0) {
        EXPECT_GE(all.precision(), 0.95);
    } else {
        EXPECT_EQ(all.invented, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(All, WorkloadAdvice, testing::ValuesIn(builtin_scenario_names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace pganalytics::simulation
