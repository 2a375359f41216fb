#include "sql/parse.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "sql/ast.hpp"
#include "sql/identity.hpp"
#include "sql/walk.hpp"

namespace pganalytics::sql {
namespace {

using base::ErrorCode;

std::string repeat(std::string_view piece, std::size_t times) {
    std::string out;
    out.reserve(piece.size() * times);
    for (std::size_t i = 0; i < times; ++i) out += piece;
    return out;
}

ErrorCode failure(const std::string& text, const Caps& caps = {}) {
    return parse(text, caps).error().code;
}

TEST(Parse, GivesTheTree) {
    const auto tree = parse("SELECT a FROM t");
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->statement_count(), 1U);
    EXPECT_TRUE(tree->statement().has_select_stmt());
    EXPECT_EQ(kind_of(*tree), StatementKind::select);
    EXPECT_EQ(kind_of(*parse("DELETE FROM t")), StatementKind::delete_);
    EXPECT_EQ(kind_of(*parse("VACUUM t")), StatementKind::utility);
    EXPECT_EQ(parse("SELECT 1; SELECT 2")->statement_count(), 2U);
    EXPECT_EQ(parse("")->statement_count(), 0U);
}

TEST(Parse, SaysWhatIsWrong) {
    const auto failed = parse("SELECT FROM WHERE");
    EXPECT_EQ(failed.error().code, ErrorCode::fix_input);
    EXPECT_NE(failed.error().hint.find("character"), std::string::npos);
    EXPECT_EQ(failure("SELECT 'x\xff'"), ErrorCode::unsupported);
    EXPECT_EQ(failure(std::string("SELECT 1\0", 9)), ErrorCode::unsupported);
}

// Each of these crashes the library when it gets it unguarded.
TEST(Parse, RefusesHostileText) {
    EXPECT_EQ(failure("SELECT 1" + repeat(" + 1", 50000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT " + repeat("(", 100000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT 1" + repeat(" - -", 60000) + "1"), ErrorCode::too_large);
    EXPECT_EQ(failure(repeat("SELECT (", 20000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT 1" + repeat(" UNION SELECT 1, 2", 10000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT " + repeat("CASE WHEN a THEN ", 9000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT " + repeat("NOT ", 9000) + "a"), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT a" + repeat("::int", 9000)), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT '" + std::string(600000, 'x') + "'"), ErrorCode::too_large);
    EXPECT_EQ(failure("SELECT 'unclosed"), ErrorCode::fix_input);
    EXPECT_EQ(failure("SELECT \"unclosed"), ErrorCode::fix_input);
    EXPECT_EQ(failure("SELECT /* unclosed"), ErrorCode::fix_input);
    EXPECT_EQ(failure("SELECT $$ unclosed"), ErrorCode::fix_input);
}

// What lies just under the caps must survive parsing, writing out and comparing.
TEST(Parse, SurvivesTheCaps) {
    const Caps caps;
    const std::vector<std::string> texts = {
        "SELECT 1" + repeat(" + 1", caps.max_operator_chain - 10),
        "SELECT a" + repeat(" OR a = 1", 20000),
        "SELECT " + repeat("(", caps.max_nesting - 10) + "1" + repeat(")", caps.max_nesting - 10),
        repeat("SELECT (", caps.max_nesting - 10) + "SELECT 1" + repeat(")", caps.max_nesting - 10),
        "SELECT * FROM t WHERE a IN (1" + repeat(",1", 50000) + ")",
        "SELECT 1" + repeat(" UNION ALL SELECT 1", 950),
        "SELECT a FROM t" + repeat(" JOIN t USING (a)", 900),
        repeat("SELECT * FROM (", 480) + "SELECT 1" + repeat(") s", 480),
    };
    for (const auto& text : texts) {
        const auto tree = parse(text);
        ASSERT_TRUE(tree) << text.substr(0, 60) << ": " << tree.error().to_string();
        const auto written = deparse(tree->message());
        ASSERT_TRUE(written) << text.substr(0, 60) << ": " << written.error().to_string();
        const auto copy = tree->clone_message();
        EXPECT_TRUE(equal_apart_from_locations(tree->message(), *copy));
    }
}

// What the fuzzer (fuzz/sql_fuzz.cpp) starts from and what it has found.
TEST(Sql, SurvivesTheFuzzersCorpus) {
    std::size_t files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(PGANALYTICS_SOURCE_DIR) / "fuzz/corpus/sql")) {
        ++files;
        std::ifstream stream(entry.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), {}};
        EXPECT_GT(base::to_integer(query_hash(text)), 0) << entry.path();
        for (const auto& part : split_script(text)) EXPECT_LT(part.offset, text.size()) << entry.path();
        const auto tree = parse(text);
        if (!tree) continue;
        const auto written = deparse(tree->message());
        if (written) {
            EXPECT_TRUE(equal_apart_from_locations(tree->message(), parse(*written)->message())) << entry.path();
        }
        const auto shape = analyze(*tree);
        EXPECT_TRUE(shape || shape.error().code != ErrorCode::internal) << entry.path();
    }
    EXPECT_GT(files, 10U);
}

TEST(Compare, IgnoresLocationsOnly) {
    const auto a = parse("SELECT a, b FROM t WHERE c = 1");
    const auto b = parse("select  a,   b\nfrom t where c = 1");
    const auto c = parse("SELECT b, a FROM t WHERE c = 1");
    const auto d = parse("SELECT a, b FROM t WHERE c = 2");
    EXPECT_TRUE(equal_apart_from_locations(a->message(), b->message()));
    EXPECT_FALSE(equal_apart_from_locations(a->message(), c->message()));
    EXPECT_FALSE(equal_apart_from_locations(a->message(), d->message()));
}

std::string expression(int depth);
std::string list(int depth) {
    std::string out = expression(depth);
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) out += ", " + expression(depth);
    return out;
}
std::string expression(int depth) {
    if (depth <= 0)
        return *rc::gen::element<std::string>("a", "t.b", "1", "'x'", "$1", "NULL", "true", "-3.5", "now()");
    switch (*rc::gen::inRange(0, 9)) {
        case 0:
            return expression(depth - 1) + *rc::gen::element<std::string>(" + ", " = ", " || ", " < ", " AND ") +
                   expression(0);
        case 1:
            return "(" + expression(depth - 1) + ")";
        case 2:
            return "CASE WHEN " + expression(depth - 1) + " THEN 1 ELSE " + expression(0) + " END";
        case 3:
            return "f(" + list(depth - 1) + ")";
        case 4:
            return "a IN (" + list(depth - 1) + ")";
        case 5:
            return "EXISTS (SELECT 1 FROM u WHERE " + expression(depth - 1) + ")";
        case 6:
            return "CAST(" + expression(depth - 1) + " AS text)";
        case 7:
            return "ARRAY[" + list(depth - 1) + "]";
        default:
            return "a IS NOT NULL";
    }
}

TEST(Deparse, WritesWhatTheTreeSays) {
    EXPECT_EQ(deparse(parse("select  a FROM t -- note")->message()).value(), "SELECT a FROM t");
    // Bugs of libpg_query 15's deparser: refused, never given out.
    for (const char* text : {"SELECT 1 FROM t FOR UPDATE OF t NOWAIT", "SELECT (a AND b) = c"}) {
        const auto tree = parse(text);
        const auto written = deparse(tree->message());
        if (written) {
            EXPECT_TRUE(equal_apart_from_locations(tree->message(), parse(*written)->message())) << *written;
        } else {
            EXPECT_EQ(written.error().code, ErrorCode::unsupported) << text;
        }
    }
}

RC_GTEST_PROP(DeparseProperty, GivesTheSameTreeOrNone, ()) {
    const int depth = *rc::gen::inRange(0, 4);
    const std::string text = "SELECT " + list(depth) + " FROM t LEFT JOIN u ON t.a = u.a WHERE " + expression(depth) +
                             *rc::gen::element<std::string>("", " ORDER BY 1 DESC NULLS LAST", " LIMIT 10 OFFSET 2");
    const auto tree = parse(text);
    RC_PRE(tree.has_value());
    const auto written = deparse(tree->message());
    if (!written) {
        RC_ASSERT(written.error().code == ErrorCode::unsupported);
        return;
    }
    const auto again = parse(*written);
    RC_ASSERT(again.has_value());
    RC_ASSERT(equal_apart_from_locations(tree->message(), again->message()));
}

RC_GTEST_PROP(ParseProperty, NeverCrashesOnArbitraryBytes, (const std::string& bytes)) {
    if (const auto tree = parse(bytes)) RC_ASSERT(equal_apart_from_locations(tree->message(), *tree->clone_message()));
}

}  // namespace
}  // namespace pganalytics::sql
