#include "postgres/type_search.hpp"

#include <gtest/gtest.h>

namespace pganalytics::postgres {
namespace {

constexpr std::uint32_t int4 = 23;
constexpr std::uint32_t text = 25;

TEST(TypeSearch, GivesTheNamedParameterAType) {
    int tries = 0;
    const TryTypes server = [&](const std::vector<std::uint32_t>& types) -> std::optional<ServerError> {
        ++tries;
        if (types[1] == 0) return ServerError{"42P18", "could not determine data type of parameter $2", "", "", 0};
        return std::nullopt;
    };
    const auto found =
        search_types("SELECT concat($1::text, $2)", 2,
                     {"42P18", "konnte Datentyp von Parameter $2 nicht ermitteln", "", "", 0}, server, 50);
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)[0], 0U);
    EXPECT_NE((*found)[1], 0U);
    EXPECT_EQ(tries, 1);
}

TEST(TypeSearch, GoesOnFromTheTroubleThatMoved) {
    // lower($1) wants text at 8, $2 + 1 an integer at 22.
    const std::string_view statement = "SELECT lower($1), abs($2)";
    const TryTypes server = [&](const std::vector<std::uint32_t>& types) -> std::optional<ServerError> {
        if (types[0] != text) return ServerError{"42725", "lower", "", "", 8};
        if (types[1] != int4) return ServerError{"42725", "abs", "", "", 19};
        return std::nullopt;
    };
    const auto found = search_types(statement, 2, {"42725", "lower", "", "", 8}, server, 50);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, (std::vector<std::uint32_t>{text, int4}));
}

TEST(TypeSearch, SeveralThatMustChangeAtOnceAreTriedAlike) {
    const TryTypes server = [&](const std::vector<std::uint32_t>& types) -> std::optional<ServerError> {
        if (types[0] == int4 && types[1] == int4) return std::nullopt;
        return ServerError{"42883", "operator does not exist", "", "", 30};
    };
    const auto found = search_types("SELECT $1, $2 UNION SELECT b, a + b FROM f", 2,
                                    {"42883", "operator does not exist", "", "", 30}, server, 100);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, (std::vector<std::uint32_t>{int4, int4}));
}

TEST(TypeSearch, GivesUpWithinItsTries) {
    int tries = 0;
    const TryTypes server = [&](const std::vector<std::uint32_t>&) -> std::optional<ServerError> {
        ++tries;
        return ServerError{"42883", "never", "", "", 8};
    };
    EXPECT_FALSE(search_types("SELECT f($1, $2, $3)", 3, {"42883", "never", "", "", 8}, server, 40));
    EXPECT_LE(tries, 40);
}

TEST(TypeSearch, OtherErrorsAreNotItsBusiness) {
    int tries = 0;
    const TryTypes server = [&](const std::vector<std::uint32_t>&) -> std::optional<ServerError> {
        ++tries;
        return std::nullopt;
    };
    EXPECT_FALSE(search_types("SELECT $1 FROM nowhere", 1, {"42P01", "no such table", "", "", 16}, server, 40));
    EXPECT_EQ(tries, 0);
}

}  // namespace
}  // namespace pganalytics::postgres
