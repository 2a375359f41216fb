#include "workflow/workload_files.hpp"

#include <gtest/gtest.h>

#include "sql/parse.hpp"

namespace pganalytics::workflow {
namespace {

FileWorkload read(std::string_view script) {
    FileWorkload result;
    add_script(result, script, "test.sql");
    return result;
}

TEST(WorkloadFiles, SeveralStatementsAndComments) {
    const auto files = read("-- one\nselect 1 from a; /* two; */ select 2 from b where x = 'a;b';\n\n;");
    ASSERT_EQ(files.workload.statements.size(), 2U);
    EXPECT_TRUE(files.workload.statements[0].has_literals);
    EXPECT_TRUE(files.skipped.empty());
}

TEST(WorkloadFiles, TheSameStatementCountsOnceWithItsExamples) {
    const auto files = read("select * from a where x = 1; select * from a where x = 2;");
    ASSERT_EQ(files.workload.statements.size(), 1U);
    EXPECT_EQ(files.workload.statements[0].sum.calls, 2);
    EXPECT_EQ(files.workload.statements[0].example_texts.size(), 1U);
    EXPECT_EQ(files.origins.size(), 2U);
}

TEST(WorkloadFiles, AMistakeIsReportedWithItsLineAndTheRestGoesOn) {
    const auto files = read("select 1 from a;\nselec 2;\nselect 3 from b;");
    EXPECT_EQ(files.workload.statements.size(), 2U);
    ASSERT_EQ(files.skipped.size(), 1U);
    EXPECT_EQ(files.skipped[0].line, 2);
    EXPECT_FALSE(files.skipped[0].harmless);
}

TEST(WorkloadFiles, StatementsWithoutAPlanAreHarmless) {
    const auto files = read("begin; set work_mem = '4MB'; create table t (a int); commit;");
    EXPECT_TRUE(files.workload.statements.empty());
    ASSERT_EQ(files.skipped.size(), 4U);
    for (const auto& skipped : files.skipped) EXPECT_TRUE(skipped.harmless) << skipped.reason;
}

TEST(WorkloadFiles, AViewOfTheScriptBecomesACte) {
    const auto files = read(R"(
        create view revenue (supplier, total) as select s, sum(x) from line group by s;
        select * from supplier, revenue where id = supplier and total = (select max(total) from revenue);
        drop view revenue;
        select * from revenue;)");
    ASSERT_EQ(files.workload.statements.size(), 2U) << files.skipped.size();
    const auto& text = files.workload.statements[0].text;
    EXPECT_NE(text.find("\"revenue\" (\"supplier\", \"total\") AS NOT MATERIALIZED ("), std::string::npos) << text;
    EXPECT_TRUE(sql::parse(text)) << text;
    EXPECT_EQ(files.workload.statements[1].text.find("WITH"), std::string::npos);
}

TEST(WorkloadFiles, ViewsOnViewsAndStatementsWithTheirOwnCtes) {
    const auto files = read(R"(
        create view a as select 1 as x;
        create view b as select x from a;
        create view unused as select 2 as y;
        /* note */ with recursive c as (select x from b) select * from c;)");
    ASSERT_EQ(files.workload.statements.size(), 1U);
    const auto& text = files.workload.statements[0].text;
    EXPECT_TRUE(sql::parse(text)) << text;
    EXPECT_LT(text.find("\"a\" AS"), text.find("\"b\" AS")) << text;
    EXPECT_EQ(text.find("unused"), std::string::npos) << text;
}

TEST(WorkloadFiles, ExplainIsTakenOff) {
    const auto files = read("explain (analyze) select * from a where x = 1;");
    ASSERT_EQ(files.workload.statements.size(), 1U);
    EXPECT_EQ(files.workload.statements[0].text.find("EXPLAIN"), std::string::npos);
}

TEST(WorkloadFiles, AFolderWithoutScriptsAndAMissingFileAreErrors) {
    EXPECT_EQ(read_workload_files("/nonexistent.sql", "db").error().code, base::ErrorCode::fix_input);
    EXPECT_EQ(read_workload_files(PGANALYTICS_SOURCE_DIR "/cmake", "db").error().code, base::ErrorCode::fix_input);
}

}  // namespace
}  // namespace pganalytics::workflow
