#include "simulation/shop_values.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pganalytics::simulation {
namespace {

class ShopValuesTest : public ::testing::Test {
  protected:
    ShopNames names_ = ShopNames::make(0, 0.1).value();
    ShopValues values_{names_, 1};
};

TEST_F(ShopValuesTest, KeysStayWithinTheirTable) {
    const auto rows = names_.find_table("orders")->rows;
    for (int i = 0; i < 2000; ++i) {
        for (const auto* text : {"[key orders]", "[hot orders]"}) {
            const auto value = base::parse_integer(values_.make(text, {}).value());
            ASSERT_TRUE(value);
            EXPECT_GE(*value, 1);
            EXPECT_LE(*value, rows);
        }
    }
}

TEST_F(ShopValuesTest, TextAroundGeneratorsStays) {
    EXPECT_EQ(values_.make("plain", {}).value(), "plain");
    EXPECT_EQ(values_.make(R"({"batch": [number 5 5]})", {}).value(), R"({"batch": 5})");
    EXPECT_EQ(values_.make("a[number 1 1]b[number 2 2]c", {}).value(), "a1b2c");
}

TEST_F(ShopValuesTest, LaterParametersFollowEarlierOnes) {
    EXPECT_EQ(values_.make("[wrap 1 40 25]", {"79"}).value(), "15");
    EXPECT_EQ(values_.make("[same 1 days 0.5]", {"2026-01-01T00:00:00Z"}).value(), "2026-01-01T12:00:00Z");
    const auto all = values_.make_all({"[days 2 3]", "[same 1 days 1]"}).value();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_LT(all[0], all[1]);
    EXPECT_LT(all[1], shop_now);
}

TEST_F(ShopValuesTest, SameSeedSameValues) {
    ShopValues again(names_, 1);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(values_.make("[key orders]", {}).value(), again.make("[key orders]", {}).value());
}

TEST_F(ShopValuesTest, UnknownGeneratorsAreErrors) {
    for (const auto* text : {"[]", "[key]", "[key nothing]", "[pick nothing]", "[number 1]", "[number a b]",
                             "[same 1 days]", "[wrap 3 5]", "[nothing 1 2]", "[days x 1]"}) {
        EXPECT_FALSE(values_.make(text, {})) << text;
    }
}

}  // namespace
}  // namespace pganalytics::simulation
