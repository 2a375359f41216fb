#include "postgres/plannable_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pganalytics::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string repaired_text(std::string_view text, int version = 150000) {
    const auto edited = repaired(text, version);
    return edited ? edited->text : "error: " + edited.error().message;
}

std::string select_text(std::string_view text) {
    const auto edited = as_select(text);
    return edited ? edited->text : "error: " + edited.error().message;
}

TEST(PlannableText, CountsParametersOutsideOfStringsAndComments) {
    EXPECT_EQ(parameter_count("SELECT $2, '$9', $1 -- $7"), 2);
    EXPECT_EQ(parameter_count("SELECT 1"), 0);
}

TEST(PlannableText, TypedLiteralsBecomeCasts) {
    EXPECT_EQ(deparsed("SELECT date $1 + interval $2 day")->text, "SELECT $1::date + $2::interval day");
}

TEST(PlannableText, ExtractBecomesACall) {
    EXPECT_EQ(repaired_text("SELECT extract($1 FROM d) FROM t"), "SELECT pg_catalog.\"extract\"($1::text, d) FROM t");
    EXPECT_EQ(repaired_text("SELECT extract($1 FROM d) FROM t", 130010),
              "SELECT pg_catalog.date_part($1::text, d) FROM t");
}

TEST(PlannableText, TheConstantThatGroupByKeptComesBack) {
    EXPECT_EQ(repaired_text("SELECT date_trunc($1, d), count(*) FROM t WHERE a = $2 GROUP BY date_trunc('month', d)"),
              "SELECT date_trunc('month', d), count(*) FROM t WHERE a = $1 GROUP BY date_trunc('month', d)");
    EXPECT_EQ(repaired_text("SELECT DISTINCT lower(left(n, $1)) FROM t ORDER BY lower(left(n, 2))"),
              "SELECT DISTINCT lower(\"left\"(n, 2)) FROM t ORDER BY lower(\"left\"(n, 2))");
    EXPECT_THAT(repaired_text("SELECT f($1, d) FROM t GROUP BY ROLLUP (f('x', d), c)"), HasSubstr("SELECT f('x', d)"));
}

TEST(PlannableText, OtherExpressionsKeepTheirParameters) {
    const auto edited = repaired("SELECT date_trunc($1, e), d FROM t GROUP BY date_trunc('month', d), e", 150000);
    ASSERT_TRUE(edited);
    EXPECT_THAT(edited->text, HasSubstr("date_trunc($1, e)"));
    EXPECT_TRUE(edited->repairs.empty());
}

TEST(PlannableText, UtilityStatementsHaveNoPlan) {
    for (const auto* text : {"VACUUM t", "SET x = 1", "COPY t FROM STDIN", "BEGIN"}) {
        const auto edited = deparsed(text);
        ASSERT_FALSE(edited) << text;
        EXPECT_EQ(edited.error().field, not_plannable) << text;
    }
}

TEST(PlannableText, WritesBecomeTheSelectThatFindsTheirRows) {
    EXPECT_EQ(select_text("UPDATE t SET a = b + $1 FROM u WHERE u.id = t.id AND t.c = $2"),
              "SELECT b + $1 FROM t, u WHERE u.id = t.id AND t.c = $2");
    EXPECT_EQ(select_text("DELETE FROM t x USING u WHERE x.id = u.id RETURNING x.id"),
              "SELECT x.id FROM t x, u WHERE x.id = u.id");
    EXPECT_EQ(select_text("INSERT INTO t (a, b) SELECT a, $1 FROM u ON CONFLICT DO NOTHING"), "SELECT a, $1 FROM u");
    EXPECT_EQ(select_text("INSERT INTO t VALUES ($1, DEFAULT)"), "VALUES ($1, NULL)");
    EXPECT_EQ(select_text("WITH a AS (SELECT 1) INSERT INTO t WITH b AS (SELECT 2) SELECT * FROM a, b"),
              "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b");
    EXPECT_EQ(select_text("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE"),
              "SELECT 1 FROM s LEFT JOIN t ON t.a = s.a");
    EXPECT_EQ(select_text("WITH d AS (DELETE FROM t RETURNING id) SELECT id FROM d FOR UPDATE"),
              "WITH d AS (SELECT id FROM t) SELECT id FROM d");
}

TEST(PlannableText, ParametersOfWhatFellAwayLeaveNoGap) {
    EXPECT_EQ(select_text("INSERT INTO t SELECT a FROM u WHERE b = $1 ON CONFLICT (a) DO UPDATE SET b = $2"),
              "SELECT a FROM u WHERE b = $1");
    EXPECT_EQ(select_text("UPDATE t SET (a, b) = ($1, $2) WHERE c = $3"), "SELECT 1 FROM t WHERE c = $1");
}

TEST(PlannableText, AnInsertWhoseResultIsUsedHasNoSelect) {
    EXPECT_THAT(select_text("WITH i AS (INSERT INTO t VALUES (1) RETURNING id) SELECT id FROM i"), HasSubstr("error"));
}

}  // namespace
}  // namespace pganalytics::postgres
