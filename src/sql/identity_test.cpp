#include "sql/identity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/case_file.hpp"

namespace pganalytics::sql {
namespace {

struct Pair {
    const char* a;
    const char* b;
};

TEST(QueryHash, IsThePositiveNameOfAText) {
    EXPECT_GT(base::to_integer(query_hash("SELECT 1")), 0);
    EXPECT_GT(base::to_integer(query_hash("")), 0);
}

TEST(QueryHash, IgnoresWhatDoesNotChangeTheStatement) {
    const std::vector<Pair> same = {
        {"SELECT a FROM t WHERE b = 1", "select  A\nfrom T /* why */ where b = 'x' -- end"},
        {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = $1;"},
        {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = $17 ; ;"},
        {"SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = ?"},
        {"SELECT a FROM t WHERE b=1", "SELECT a FROM t WHERE b=?"},
        {"SELECT a FROM t WHERE b <> 1", "SELECT a FROM t WHERE b != $1"},
        {"SELECT a FROM t WHERE b = -5", "SELECT a FROM t WHERE b = $1"},
        {"SELECT a FROM t WHERE b = - 5", "SELECT a FROM t WHERE b = $1"},
        {"SELECT -5", "SELECT $1"},
        {"SELECT a - 5 FROM t", "SELECT a - $1 FROM t"},
        {"SELECT a -5 FROM t", "SELECT a -$1 FROM t"},
        {"SELECT -5::int", "SELECT -$1::int"},
        {"SELECT a FROM t WHERE ok = true", "SELECT a FROM t WHERE ok = $1"},
        {"UPDATE t SET a = NULL WHERE b = 2", "UPDATE t SET a = $1 WHERE b = $2"},
        {"SELECT interval '1 day'", "SELECT interval $1"},
        {"SELECT E'a\\'b', B'01', X'FF', U&'d!0061' UESCAPE '!'", "SELECT $1, $2, $3, $4 UESCAPE '!'"},
        {"SELECT extract(year FROM a) FROM t", "SELECT extract($1 FROM a) FROM t"},
        {"SELECT a FROM t LIMIT ALL", "SELECT a FROM t LIMIT $1"},
        {"SELECT 'x'AS y", "SELECT $1AS y"},
        {"SELECT \"a\" FROM \"t\"", "SELECT a FROM t"},
    };
    for (std::size_t i = 0; i < same.size(); ++i) {
        EXPECT_EQ(query_hash(same[i].a), query_hash(same[i].b)) << same[i].a << "\n" << same[i].b;
    }
}

// What PostgreSQL 15 made of them; integration.sql_server_form asks a server.
TEST(QueryHash, IsThatOfTheServersForm) {
    const auto file = std::filesystem::path(PGANALYTICS_SOURCE_DIR) / "tests/cases/sql/server_form.case";
    const auto cases = test_support::read_cases(file);
    ASSERT_GT(cases.size(), 100U);
    for (const auto& one : cases) EXPECT_EQ(query_hash(one.input), query_hash(one.expected)) << one.input;
}

TEST(QueryHash, TellsStatementsApart) {
    const std::vector<Pair> different = {
        {"SELECT a FROM t WHERE b IN ($1,$2)", "SELECT a FROM t WHERE b IN ($1,$2,$3)"},
        {"SELECT f(a,b) FROM t", "SELECT f(b,a) FROM t"},
        {"SELECT a FROM t WHERE b = ANY($1)", "SELECT a FROM t WHERE b = $1"},
        {"SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE b IS NOT NULL"},
        {"SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE b IS TRUE"},
        {"SELECT a FROM t", "SELECT \"A\" FROM t"},
        {"SELECT user FROM t", "SELECT \"user\" FROM t"},
        {"SELECT a - 5 FROM t", "SELECT a, - 5 FROM t"},
        {"SELECT data ? 'x' FROM t", "SELECT data , 'x' FROM t"},
        {"SELECT a FROM t ORDER BY b", "SELECT a FROM t ORDER BY b DESC"},
    };
    for (const auto& pair : different) EXPECT_NE(query_hash(pair.a), query_hash(pair.b)) << pair.a << "\n" << pair.b;
}

TEST(QueryHash, ExistsForAnyBytes) {
    const std::vector<std::string> hostile = {
        std::string(100000, '('), "SELECT 'unclosed",     "SELECT \"unclosed",     "/* unclosed",
        "\xff\xfe select",        std::string("a\0b", 3), "SELECT $abc$ unclosed", std::string(700000, 'x'),
        "SELECT 1 + \xc3"};
    for (const auto& text : hostile) EXPECT_GT(base::to_integer(query_hash(text)), 0);
    EXPECT_EQ(query_hash("select 'unclosed  "), query_hash("SELECT   'other;"));
    EXPECT_NE(query_hash("select a '"), query_hash("SELECT b '"));
}

TEST(FingerprintHash, NamesTheFamily) {
    const auto two = fingerprint_hash("SELECT a FROM t WHERE b IN (1,2)");
    const auto three = fingerprint_hash("SELECT a FROM t WHERE b IN ($1,$2,$3)");
    ASSERT_TRUE(two && three);
    EXPECT_EQ(*two, *three);
    EXPECT_GT(base::to_integer(*two), 0);
    EXPECT_EQ(fingerprint_hash("SELEC 1").error().code, base::ErrorCode::fix_input);
}

TEST(Normalise, ReplacesConstantsAndKeepsParameters) {
    EXPECT_EQ(normalise("SELECT a FROM t WHERE b = 1 AND c = 'x'").value(), "SELECT a FROM t WHERE b = $1 AND c = $2");
    EXPECT_EQ(normalise("SELECT a FROM t WHERE b = $1 AND c = 'x'").value(), "SELECT a FROM t WHERE b = $1 AND c = $2");
}

std::string spelled(const std::string& word) {
    std::string out;
    for (const char c : word) out += *rc::gen::arbitrary<bool>() ? static_cast<char>(std::toupper(c)) : c;
    return out;
}

std::string gap() {
    return *rc::gen::element<std::string>(" ", "\n", "\t ", " /* a note */ ", " -- a note\n",
                                          "  /* a /* nested */ one */");
}

std::string constant() {
    return *rc::gen::element<std::string>("1", "-7", "3.25", "'text'", "'it''s'", "E'\\n'", "$4", "$tag$x$tag$", "NULL",
                                          "true");
}

RC_GTEST_PROP(QueryHashProperty, HoldsUnderSpacingCaseCommentsAndConstants, ()) {
    const auto text = [] {
        std::string out;
        for (const char* word : {"select", "name", "from", "orders", "where", "buyer", "="})
            out += spelled(word) + gap();
        return out + constant() + gap() + "and" + gap() + "seller" + gap() + "in" + "(" + constant() + "," +
               constant() + ")";
    };
    RC_ASSERT(query_hash(text()) == query_hash(text()));
}

RC_GTEST_PROP(QueryHashProperty, NeverFailsOnArbitraryBytes, (const std::string& bytes)) {
    RC_ASSERT(base::to_integer(query_hash(bytes)) > 0);
}

}  // namespace
}  // namespace pganalytics::sql
