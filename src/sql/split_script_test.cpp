#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "sql/parse.hpp"

namespace pganalytics::sql {
namespace {

std::vector<std::string> texts(std::string_view script) {
    std::vector<std::string> out;
    for (const auto& part : split_script(script)) out.push_back(part.text);
    return out;
}
using Texts = std::vector<std::string>;

TEST(SplitScript, SplitsAtTopLevelSemicolons) {
    EXPECT_EQ(texts("SELECT 1; SELECT 2"), (Texts{"SELECT 1", "SELECT 2"}));
    EXPECT_EQ(texts(";;\n -- nothing\n; SELECT 1;"), Texts{"SELECT 1"});
    EXPECT_EQ(texts(""), Texts{});
    EXPECT_EQ(texts("SELECT ';', \";\", $$;$$, $q$;$q$, E'\\';', 'it''s;' /* ; /* ; */ ; */ -- ;\n, 1; SELECT 2"),
              (Texts{"SELECT ';', \";\", $$;$$, $q$;$q$, E'\\';', 'it''s;' /* ; /* ; */ ; */ -- ;\n, 1", "SELECT 2"}));
}

TEST(SplitScript, KeepsBodiesTogether) {
    EXPECT_EQ(texts("CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3").size(), 2U);
    EXPECT_EQ(
        texts("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3")
            .size(),
        2U);
    EXPECT_EQ(texts("BEGIN; UPDATE t SET a = 1; END; SELECT 1").size(), 4U);
}

TEST(SplitScript, LeavesOutPsqlsOwnLines) {
    EXPECT_EQ(texts("\\set x 1\nSELECT 1;\n\\timing on\nSELECT 2;\n\\echo 'it''s; not sql'\n"),
              (Texts{"SELECT 1", "SELECT 2"}));
    EXPECT_EQ(texts("SELECT 1 \\gset\nSELECT 2"), (Texts{"SELECT 1", "SELECT 2"}));
    EXPECT_EQ(texts("COPY t (a) FROM stdin;\n1;\n'2\n\\.\nSELECT 1;"), (Texts{"COPY t (a) FROM stdin", "SELECT 1"}));
}

TEST(SplitScript, WorksWhereAStatementDoesNotParse) {
    EXPECT_EQ(texts("SELEC 1; SELECT 2; SELECT 'unclosed").size(), 3U);
}

TEST(SplitScript, SaysWhereEachStatementStands) {
    const std::string script = "  SELECT 1;\n\n/* two */ SELECT 2;";
    for (const auto& part : split_script(script)) EXPECT_EQ(script.substr(part.offset, part.text.size()), part.text);
}

RC_GTEST_PROP(SplitScriptProperty, GivesBackWhatWasJoined, ()) {
    const auto statements = *rc::gen::container<Texts>(rc::gen::element<std::string>(
        "SELECT 1", "SELECT ';'", "SELECT $$;$$", "UPDATE t SET a = E'\\';'", "SELECT /* ; */ 1",
        "SELECT \"a;b\" -- ;\n, 2", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"));
    std::string script;
    for (const auto& statement : statements)
        script += statement + *rc::gen::element<std::string>(";", " ;\n", ";\n-- next\n");
    const auto parts = split_script(script);
    RC_ASSERT(parts.size() == statements.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        RC_ASSERT(parts[i].text.ends_with(statements[i]));
        RC_ASSERT(script.substr(parts[i].offset, parts[i].text.size()) == parts[i].text);
    }
}

RC_GTEST_PROP(SplitScriptProperty, NeverFailsOnArbitraryBytes, (const std::string& bytes)) {
    for (const auto& part : split_script(bytes)) RC_ASSERT(part.offset < bytes.size());
}

}  // namespace
}  // namespace pganalytics::sql
