#include "simulation/shop_workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "simulation/shop_values.hpp"
#include "sql/parse.hpp"

namespace pganalytics::simulation {
namespace {

TEST(ShopWorkload, ReadsEveryProperty) {
    const auto plans =
        parse_workload(
            "-- a comment\n"
            "-- statement: one\n-- healthy\n-- rate: 2.5\n-- repeat: 3\n-- $1: a[key x]\n"
            "select 1\nfrom t where a = $1;\n"
            "-- statement: two\n-- follows: one column 2\nselect 2;\n"
            "-- statement: three\n-- rate: 1\n-- list: 2 5 [key x]\n-- send: literals\nselect 3 where id in ([list]);\n"
            "-- statement: four\n-- when: 02:30\nselect 4;\n")
            .value();
    ASSERT_EQ(plans.size(), 4U);
    EXPECT_EQ(plans[0].text, "select 1\nfrom t where a = $1");
    EXPECT_TRUE(plans[0].healthy);
    EXPECT_EQ(plans[0].rate, 2.5);
    EXPECT_EQ(plans[0].repeat, 3);
    EXPECT_EQ(plans[0].parameters, std::vector<std::string>{"a[key x]"});
    EXPECT_EQ(plans[1].follows, "one");
    EXPECT_EQ(plans[1].followed_column, 1);
    EXPECT_TRUE(plans[2].send_literals);
    EXPECT_EQ(plans[2].text_of_length(3), "select 3 where id in ($1, $2, $3)");
    EXPECT_EQ(plans[2].text_with_values({"7", "8"}), "select 3 where id in (7, 8)");
    EXPECT_EQ(plans[3].when->hour, 2);
    EXPECT_EQ(plans[3].when->minute, 30);
}

TEST(ShopWorkload, RefusesWhatIsNotWellFormed) {
    for (const auto* text :
         {"select 1;", "-- statement: x\n-- rate: 0\nselect 1;", "-- statement: x\n-- rate: 1\n",
          "-- statement: x\nselect 1;", "-- statement: x\n-- colour: red\nselect 1;",
          "-- statement: x\n-- rate: 1\n-- $2: a\nselect $2;", "-- statement: x\n-- when: 25:00\nselect 1;",
          "-- statement: x\n-- rate: 1\n-- list: 5 2 a\nselect [list];",
          "-- statement: x\n-- rate: 1\nselect [list];"}) {
        EXPECT_FALSE(parse_workload(text)) << text;
    }
}

TEST(ShopWorkload, EveryStatementParsesAndHasItsValues) {
    for (const std::uint64_t seed : {0ULL, 1ULL, 2ULL, 99ULL}) {
        const auto names = ShopNames::make(seed, 1).value();
        const auto plans = shop_workload(names).value();
        std::set<std::string> known;
        ShopValues values(names, 1);
        for (const auto& plan : plans) {
            EXPECT_TRUE(known.insert(plan.name).second) << plan.name << " stands twice";
            const auto parsed = sql::parse(plan.text_of_length(3));
            ASSERT_TRUE(parsed) << plan.name << ": " << parsed.error().to_string();
            const auto made = values.make_all(plan.parameters);
            ASSERT_TRUE(made) << plan.name << ": " << made.error().to_string();
            EXPECT_TRUE(plan.follows.empty() || known.contains(plan.follows)) << plan.follows;
        }
        EXPECT_GE(std::count_if(plans.begin(), plans.end(), [](const auto& plan) { return plan.healthy; }), 12);
    }
}

}  // namespace
}  // namespace pganalytics::simulation
