#include "sql/edit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "sql/ast.hpp"

namespace pganalytics::sql {
namespace {

/// LIMIT n put where `text` says LIMIT 10.
std::unique_ptr<pg_query::ParseResult> with_limit(const Tree& tree, int limit) {
    auto edited = tree.clone_message();
    auto* select = edited->mutable_stmts(0)->mutable_stmt()->mutable_select_stmt();
    select->mutable_limit_count()->mutable_a_const()->mutable_ival()->set_ival(limit);
    return edited;
}

TEST(FinishEdit, KeepsCommentsAndLayout) {
    const std::string text = "SELECT a  -- the name\nFROM   t\nLIMIT 10 /* page */";
    const auto tree = parse(text);
    const auto edited = with_limit(*tree, 20);
    const auto at = text.find("10");
    const auto result = finish_edit(*tree, *edited, {{at, at + 2, "20"}});
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->kept_formatting);
    EXPECT_EQ(result->text, "SELECT a  -- the name\nFROM   t\nLIMIT 20 /* page */");
}

TEST(FinishEdit, FallsBackToTheTreeWhereTheSpliceIsWrong) {
    const std::string text = "SELECT a -- the name\nFROM t LIMIT 10";
    const auto tree = parse(text);
    const auto edited = with_limit(*tree, 20);
    const auto at = text.find("10");
    for (const auto& splices : std::vector<std::vector<Splice>>{{{at, at + 2, "30"}},
                                                                {{at, at + 2, "20)"}},
                                                                {{at, at + 9, "20"}},
                                                                {{at, at + 2, "20"}, {at + 1, at + 2, ""}},
                                                                {}}) {
        const auto result = finish_edit(*tree, *edited, splices);
        ASSERT_TRUE(result);
        EXPECT_FALSE(result->kept_formatting);
        EXPECT_EQ(result->text, "SELECT a FROM t LIMIT 20");
    }
}

TEST(Scan, NamesTokens) {
    const auto tokens = scan("SELECT a+1 /* c */ FROM t WHERE b >= $1::int");
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->at(0).kind, TokenKind::keyword);
    EXPECT_EQ(tokens->at(1).kind, TokenKind::identifier);
    EXPECT_EQ(tokens->at(2).kind, TokenKind::operator_);
    EXPECT_EQ(tokens->at(3).kind, TokenKind::constant);
    EXPECT_EQ(tokens->at(4).kind, TokenKind::comment);
    EXPECT_EQ(tokens->at(4).text, "/* c */");
    EXPECT_EQ(tokens->at(10).text, "$1");
    EXPECT_EQ(tokens->at(10).kind, TokenKind::parameter);
    EXPECT_FALSE(scan("SELECT 'unclosed"));
}

TEST(BalancedSpan, FindsTheCloser) {
    const std::string text = "f(a, (b[1]), ')') + (c)";
    const auto tokens = scan(text);
    const auto span = balanced_span(*tokens, 0);
    ASSERT_TRUE(span);
    EXPECT_EQ(text.substr(span->first, span->second - span->first), "(a, (b[1]), ')')");
    EXPECT_EQ(balanced_span(*tokens, 17)->first, text.rfind('('));
    EXPECT_FALSE(balanced_span(*scan("f(a"), 0));
    EXPECT_FALSE(balanced_span(*scan("f(a]"), 0));
}

RC_GTEST_PROP(FinishEditProperty, SplicedAndDeparsedTextMeanTheSame, ()) {
    const auto gap = [] { return *rc::gen::element<std::string>(" ", "\n  ", " /* ( */ ", " -- '\n"); };
    const std::string text =
        "SELECT" + gap() + "a," + gap() + "'10'" + gap() + "FROM" + gap() + "t" + gap() + "LIMIT" + gap() + "10";
    const auto tree = parse(text);
    RC_ASSERT(tree.has_value());
    const int limit = *rc::gen::inRange(1, 1000000);
    const auto edited = with_limit(*tree, limit);
    const auto result = finish_edit(*tree, *edited, {{text.size() - 2, text.size(), std::to_string(limit)}});
    RC_ASSERT(result.has_value());
    RC_ASSERT(result->kept_formatting);
    RC_ASSERT(result->text == text.substr(0, text.size() - 2) + std::to_string(limit));
    RC_ASSERT(equal_apart_from_locations(parse(result->text)->message(), *edited));
}

}  // namespace
}  // namespace pganalytics::sql
