#include "simulation/scenario.hpp"

#include <gtest/gtest.h>

#include <set>

namespace pganalytics::simulation {
namespace {

TEST(Scenario, EveryBuiltInOneIsRead) {
    const auto names = builtin_scenario_names();
    EXPECT_EQ(names.size(), 7U);
    for (const auto& name : names) {
        for (const std::uint64_t seed : {0U, 1U, 77U}) {
            const auto scenario = parse_scenario(builtin_scenario(name), seed);
            ASSERT_TRUE(scenario) << name << ": " << scenario.error().to_string();
            EXPECT_EQ(scenario->name, name);
            EXPECT_FALSE(scenario->description.empty()) << name;
        }
    }
    EXPECT_TRUE(builtin_scenario("nothing").empty());
}

TEST(Scenario, ASeedDrawsFromRanges) {
    constexpr std::string_view text = R"(
name = "x"
[[peak]]
hour = [3, 6]
factor = [2.0, 4.0]
[[batch]]
name = "b"
sql = ["select 1"]
start = ["01:00", "01:30"]
)";
    std::set<int> hours;
    std::set<int> starts;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const auto scenario = parse_scenario(text, seed);
        ASSERT_TRUE(scenario) << scenario.error().to_string();
        const auto again = parse_scenario(text, seed);
        EXPECT_EQ(scenario->peaks[0].factor, again->peaks[0].factor);
        EXPECT_GE(scenario->peaks[0].factor, 2.0);
        EXPECT_LE(scenario->peaks[0].factor, 4.0);
        hours.insert(scenario->peaks[0].hour);
        starts.insert(scenario->batches[0].start_minute);
    }
    EXPECT_EQ(hours, (std::set<int>{3, 4, 5, 6}));
    EXPECT_GE(*starts.begin(), 60);
    EXPECT_LE(*starts.rbegin(), 90);
    EXPECT_GT(starts.size(), 10U);
}

TEST(Scenario, AnotherKeyMovesNoOtherDraw) {
    const auto before = parse_scenario("name = \"x\"\n[noise]\nminutes = [0.0, 1.0]\n", 9);
    const auto after =
        parse_scenario("name = \"x\"\nload = [1, 5]\n[noise]\ndays = [0.0, 1.0]\nminutes = [0.0, 1.0]\n", 9);
    ASSERT_TRUE(before && after);
    EXPECT_EQ(before->noise.minutes, after->noise.minutes);
}

TEST(Scenario, ShiftedHoursTurnRound) {
    const auto scenario = parse_scenario(R"(
name = "x"
[profile]
hours = [9,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]
shift_hours = -2
)",
                                         1);
    ASSERT_TRUE(scenario) << scenario.error().to_string();
    EXPECT_EQ(scenario->hours[22], 9);
    EXPECT_EQ(scenario->hours[0], 1);
}

TEST(Scenario, FaultsNameTheKey) {
    const struct {
        std::string_view text, key, words;
    } cases[] = {
        {"", "name", "is missing"},
        {"name = \"x\"\nlaod = 2\n", "laod", "did you mean \"load\""},
        {"name = \"x\"\nload = \"much\"\n", "load", "number"},
        {"name = \"x\"\nload = [3, 1]\n", "load", "range"},
        {"name = \"x\"\n[profile]\nhours = [1, 2]\n", "profile.hours", "24"},
        {"name = \"x\"\n[[peak]]\nhour = 24\n", "peak[0].hour", "between"},
        {"name = \"x\"\n[[peak]]\nweekdays = [\"noday\"]\n", "peak[0].weekdays", "noday"},
        {"name = \"x\"\n[[batch]]\nname = \"b\"\nsql = [\"select 1\"]\nstart = \"25:00\"\n", "batch[0].start", "hh:mm"},
        {"name = \"x\"\n[[batch]]\nname = \"b\"\nsql = [\"select 1\"]\nstart = \"01:00\"\nevery_minutes = 7\n",
         "batch[0].every_minutes", "divide"},
    };
    for (const auto& each : cases) {
        const auto scenario = parse_scenario(each.text, 1);
        ASSERT_FALSE(scenario) << each.text;
        EXPECT_EQ(scenario.error().code, base::ErrorCode::fix_input);
        EXPECT_EQ(scenario.error().field, each.key);
        EXPECT_NE(scenario.error().message.find(each.words), std::string::npos) << scenario.error().message;
    }
    const auto broken = parse_scenario("name = \n", 1);
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("line 1"), std::string::npos) << broken.error().message;
}

}  // namespace
}  // namespace pganalytics::simulation
