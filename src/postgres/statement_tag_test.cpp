#include <gtest/gtest.h>

#include "postgres/connection_impl.hpp"

namespace pganalytics::postgres {
namespace {

TEST(StatementTag, StandsBehindTheFirstWord) {
    EXPECT_EQ(tagged("SELECT 1").text, "SELECT /* pganalytics */ 1");
    EXPECT_EQ(tagged("COMMIT").text, "COMMIT /* pganalytics */");
    EXPECT_EQ(tagged("VALUES(1)").text, "VALUES /* pganalytics */ (1)");
    EXPECT_EQ(tagged("(SELECT 1)").text, "( /* pganalytics */ SELECT 1)");
    EXPECT_EQ(tagged("  /* a /* b */ c */ -- d\n select 1").text,
              "  /* a /* b */ c */ -- d\n select /* pganalytics */ 1");
}

TEST(StatementTag, OnceIsEnough) {
    const auto once = tagged("SELECT 1");
    EXPECT_EQ(tagged(once.text).text, once.text);
    EXPECT_EQ(tagged("/* pganalytics */ SELECT 1").text, "/* pganalytics */ SELECT 1");
}

TEST(StatementTag, OwnStatementsAreRecognised) {
    EXPECT_TRUE(is_own_statement(tagged("SELECT 1").text));
    EXPECT_TRUE(is_own_statement(tagged("( SELECT 1 )").text));
    EXPECT_TRUE(is_own_statement("/* pganalytics */ SELECT 1"));
    EXPECT_FALSE(is_own_statement("SELECT 1"));
    EXPECT_FALSE(is_own_statement("SELECT '/* pganalytics */'"));
    EXPECT_FALSE(is_own_statement(""));
}

TEST(StatementTag, SurvivesTextThatIsNoSql) {
    for (const auto* text : {"", " ", "/* open", "--", "$1", "'", "/*/", "*"}) {
        const auto result = tagged(text);
        EXPECT_NE(result.text.find(statement_tag), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace pganalytics::postgres
