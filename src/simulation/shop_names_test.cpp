#include "simulation/shop_names.hpp"

#include <gtest/gtest.h>

#include <set>

#include "simulation/shop_files.hpp"
#include "sql/parse.hpp"

namespace pganalytics::simulation {
namespace {

constexpr std::string_view small_model =
    "prefix : - x_\n"
    "# a comment\n"
    "table orders 1000 : orders sales\n"
    "  id : id sale_no\n"
    "table kinds 60 fixed : kinds sorts\n"
    "  id : id kind_no\n"
    "texts colours 2 : red blue green\n"
    "dial skew 1 3\n";

ShopNames made(std::uint64_t seed, double scale = 1) {
    return ShopNames::make(seed, scale).value();
}

TEST(ShopNames, SeedZeroIsPlain) {
    const auto names = ShopNames::from_model(small_model, 0, 0.5).value();
    EXPECT_EQ(names.render("select {orders.id} from {orders} -- {rows:orders} {next:orders} {rows:kinds}").value(),
              "select id from orders -- 500 501 60");
    EXPECT_EQ(names.render("{texts:colours} {count:colours} {word:colours} {dial:skew} {seed}").value(),
              "array['red', 'blue'] 2 red 2.000000 0");
}

TEST(ShopNames, BracesAroundAnythingElseStay) {
    const auto names = ShopNames::from_model(small_model, 0, 1).value();
    EXPECT_EQ(names.render(R"({"a": {"b": 1}} {} {1} {)").value(), R"({"a": {"b": 1}} {} {1} {)");
}

TEST(ShopNames, UnknownPlacesAndBadScalesAreErrors) {
    const auto names = ShopNames::from_model(small_model, 0, 1).value();
    for (const auto* text : {"{nothing}", "{orders.nothing}", "{rows:nothing}", "{texts:nothing}", "{dial:nothing}"}) {
        EXPECT_FALSE(names.render(text)) << text;
    }
    EXPECT_EQ(ShopNames::make(1, 0).error().code, base::ErrorCode::fix_input);
    EXPECT_EQ(ShopNames::make(1, 1000).error().code, base::ErrorCode::fix_input);
    EXPECT_FALSE(ShopNames::from_model("table orders many : orders", 0, 1));
    EXPECT_FALSE(ShopNames::from_model("id : id", 0, 1));
}

TEST(ShopNames, SameSeedSameShopAndAnotherSeedAnother) {
    EXPECT_EQ(made(7).render(shop_files::schema()).value(), made(7).render(shop_files::schema()).value());
    std::set<std::string> schemas;
    for (std::uint64_t seed = 0; seed < 20; ++seed) schemas.insert(made(seed).render(shop_files::schema()).value());
    EXPECT_EQ(schemas.size(), 20U);
    EXPECT_NE(made(1).find_table("orders")->rows, made(2).find_table("orders")->rows);
}

TEST(ShopNames, EverySeedGivesDistinctNamesThatNeedNoQuotes) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const auto names = made(seed);
        std::set<std::string> tables;
        for (const auto& table : names.tables()) {
            EXPECT_TRUE(tables.insert(table.name).second) << seed << ": two tables are called " << table.name;
            std::set<std::string> columns;
            std::string list;
            for (const auto& [key, column] : table.columns) {
                EXPECT_TRUE(columns.insert(column).second)
                    << seed << ": " << table.name << " has two columns " << column;
                list += (list.empty() ? "" : ", ") + column;
            }
            EXPECT_TRUE(sql::parse("select " + list + " from " + table.name)) << list << " from " << table.name;
        }
    }
}

TEST(ShopNames, TheShopIsLargeEnough) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto names = made(seed);
        std::int64_t rows = 0;
        for (const auto& table : names.tables()) rows += table.rows;
        EXPECT_GE(names.tables().size(), 8U);
        EXPECT_GE(rows, 1000000) << seed;
    }
}

}  // namespace
}  // namespace pganalytics::simulation
