#include "postgres/our_sql.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace pganalytics::postgres {
namespace {

static_assert(!std::is_constructible_v<OurSql, std::string>, "runtime text must not become our SQL");
static_assert(!std::is_constructible_v<OurSql, const char*>, "runtime text must not become our SQL");
static_assert(!std::is_constructible_v<QuotedSql, std::string>, "only the quoting functions make quoted SQL");

TEST(OurSql, FillsPlacesInOrderWithQuotedValues) {
    EXPECT_EQ(our_sql("ALTER ROLE {} PASSWORD {} CONNECTION LIMIT {}", identifier("o\"x"), literal("it's"), number(-1))
                  .text(),
              "ALTER ROLE \"o\"\"x\" PASSWORD 'it''s' CONNECTION LIMIT -1");
}

TEST(OurSql, BackslashesGiveAnEscapeLiteral) {
    EXPECT_EQ(literal("a\\'b").text(), "E'a\\\\''b'");
}

TEST(OurSql, NulBytesCannotCutAStatementShort) {
    EXPECT_EQ(identifier(std::string_view("a\0b", 3)).text(), "\"ab\"");
    EXPECT_EQ(literal(std::string_view("a\0b", 3)).text(), "'ab'");
}

TEST(OurSql, ValuesAreNotPatterns) {
    EXPECT_EQ(our_sql("{} {}", literal("{}"), literal("x")).text(), "'{}' 'x'");
}

TEST(OurSql, ScriptsFollowOneAnother) {
    EXPECT_EQ(OurSql("SELECT 1").then(OurSql("SELECT 2")).text(), "SELECT 1;\nSELECT 2");
}

TEST(OurSqlDeathTest, AMissingValueIsABug) {
    EXPECT_DEATH(static_cast<void>(our_sql("{} {}", number(1))), "more places");
}

}  // namespace
}  // namespace pganalytics::postgres
