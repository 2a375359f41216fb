#include "rewrite/rewrite.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "rewrite/registry.hpp"
#include "sql/identity.hpp"
#include "sql/parse.hpp"
#include "support/case_catalog.hpp"
#include "support/case_file.hpp"

namespace pganalytics::rewrite {
namespace {

namespace fs = std::filesystem;
const fs::path source_folder = PGANALYTICS_SOURCE_DIR;

/// The port's double: plans what parses. `refuses` is answered for statements that hold an array, `loses_index` plans
/// those by a sequential scan.
class ParsingPlanner : public plan::Planner {
  public:
    std::optional<base::Error> refuses;
    bool loses_index = false;

    base::Result<plan::PlannedStatement> plan(std::string_view statement, const plan::WhatIf&) override {
        PGANALYTICS_RETURN_IF_ERROR(parsed(statement));
        const bool has_array = statement.find("[]") != std::string_view::npos;
        if (has_array && refuses) return *refuses;
        plan::PlannedStatement planned;
        planned.plan.root.type = has_array && loses_index ? plan::NodeType::seq_scan : plan::NodeType::index_scan;
        planned.plan.root.type_name = std::string(plan::to_string(planned.plan.root.type));
        planned.plan.root.relation = "orders";
        planned.planned_text = statement;
        return planned;
    }
    base::Status can_hypothesize() override { return {}; }

  private:
    static base::Status parsed(std::string_view statement) {
        const auto tree = sql::parse(statement);
        return tree ? base::Status{} : base::Status{tree.error()};
    }
};

workload::Workload workload_of(const std::string& script, bool literals) {
    workload::Workload workload;
    workload.database_name = "shop";
    workload.window = base::Minutes{60};
    std::int64_t query_id = 100;
    for (const auto& part : sql::split_script(script)) {
        workload::ObservedStatement statement;
        statement.text = part.text;
        statement.query_hash = sql::query_hash(part.text);
        statement.has_literals = literals;
        statement.database_name = "shop";
        if (!literals) statement.query_ids = {base::QueryId{query_id++}};
        statement.sum.calls = literals ? 0 : 60;
        statement.sum.total_exec_time_ms = literals ? 0 : 30;
        workload.statements.push_back(std::move(statement));
    }
    return workload;
}

std::string printed(const Findings& findings) {
    std::string out;
    for (const auto& advice : findings.advice) {
        out += fmt::format("rule: {}\ntitle: {}\nrewrite: {}\n", advice.rule, advice.title, advice.statement);
        for (const auto& alternative : advice.alternatives) out += fmt::format("alternative: {}\n", alternative);
        out += fmt::format("improvement: {:.1f} % by {}, {}\n", advice.estimated_improvement_percent,
                           advice::to_string(advice.evidence.basis), advice::to_string(advice.evidence.equivalence));
        for (const auto& gap : advice.evidence.not_checked) out += fmt::format("not checked: {}\n", gap);
    }
    for (const auto& refusal : findings.refused) out += fmt::format("refused: {}: {}\n", refusal.rule, refusal.reason);
    return out.empty() ? "nothing" : out;
}

std::string run(const test_support::Case& one) {
    auto fields = one.fields();
    auto database = test_support::catalog_of(fields["schema"]);
    if (fields.contains("version")) database.version.number = std::stoi(fields["version"]) * 10000;
    ParsingPlanner planner;
    if (fields["planner"] == "refuses") {
        planner.refuses = base::Error{base::ErrorCode::fix_input, "operator does not exist", "", ""};
    }
    if (fields["planner"] == "no privilege") {
        planner.refuses = base::Error{base::ErrorCode::grant_access, "permission denied for table orders",
                                      "GRANT pg_read_all_data TO watcher", ""};
    }
    planner.loses_index = fields["planner"] == "loses the index";
    const auto workload = workload_of(fields["sql"], fields.contains("literals"));
    return printed(suggest_rewrites({workload, database, planner}));
}

TEST(RewriteCases, GiveWhatTheySay) {
    test_support::run_case_folder(source_folder / "tests/cases/rewrite", run);
}

TEST(Registry, HoldsEachRuleToItsCaseAndItsPage) {
    const auto rules = registered_rules();
    ASSERT_FALSE(rules.empty());
    for (const auto& rule : rules) {
        const std::string name(rule->file_name());
        EXPECT_TRUE(fs::exists(source_folder / "tests/cases/rewrite" / (name + ".case")))
            << name << " has no case file";
        EXPECT_TRUE(fs::exists(source_folder / "docs/rules" / (name + ".md"))) << name << " has no page";
        EXPECT_TRUE(advice::rule_prior(rule->name())) << rule->name() << " has no prior";
    }
}

TEST(InVsAny, CarriesItsEvidence) {
    const auto database = test_support::catalog_of("orders(id int primary key, buyer int not null)");
    ParsingPlanner planner;
    auto workload = workload_of(
        "SELECT id FROM orders WHERE buyer IN ($1); SELECT id FROM orders WHERE buyer IN ($1,$2);"
        "SELECT id FROM orders WHERE buyer IN ($1,$2,$3)",
        false);
    workload.statements[2].sum.calls = 600;
    for (auto& statement : workload.statements) statement.sum.total_plan_time_ms = 10;
    const auto findings = suggest_rewrites({workload, database, planner});
    ASSERT_EQ(findings.advice.size(), 1U);
    const auto& advice = findings.advice.front();
    EXPECT_EQ(advice.evidence.basis, advice::Basis::statement_count);
    EXPECT_EQ(advice.served.size(), 3U);
    EXPECT_EQ(advice.served.front().query_hash, workload.statements[2].query_hash);
    EXPECT_NEAR(advice.served.front().share_of_benefit, 600.0 / 720, 1e-9);
    EXPECT_NEAR(advice.confidence.mean(), 0.65, 1e-9);
    EXPECT_TRUE(std::ranges::any_of(advice.evidence.facts, [](const std::string& fact) {
        return fact.find("Planning them took 30.0 ms, 25 %") != std::string::npos;
    })) << base::join(advice.evidence.facts, "\n");
    EXPECT_EQ(advice.rollback_statement, "");
    // The same advice from another day's texts has the same name.
    std::ranges::reverse(workload.statements);
    EXPECT_EQ(suggest_rewrites({workload, database, planner}).advice.front().identity, advice.identity);
}

std::string parameters(int from, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += fmt::format("{}${}", i > 0 ? ", " : "", from + i);
    return out;
}

// Whatever the lengths, every member of the family becomes the same statement, and its parameters stay gapless.
RC_GTEST_PROP(InVsAnyProperty, MakesOneStatementOfAFamily, ()) {
    const auto database = test_support::catalog_of("orders(id int primary key, buyer int not null, seller text)");
    ParsingPlanner planner;
    std::string first_rewrite;
    const auto lengths = *rc::gen::unique<std::vector<int>>(6, rc::gen::inRange(1, 40));
    for (std::size_t start = 0; start < lengths.size(); ++start) {
        std::string script;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            const int length = lengths[(start + i) % lengths.size()];
            script += fmt::format(
                "SELECT id /* page */ FROM orders WHERE id > $1 AND buyer IN ({}) AND seller = ${} LIMIT ${};\n",
                parameters(2, length), length + 2, length + 3);
        }
        const auto findings = suggest_rewrites({workload_of(script, false), database, planner});
        RC_ASSERT(findings.advice.size() == 1U);
        const auto& text = findings.advice.front().statement;
        if (first_rewrite.empty()) first_rewrite = text;
        RC_ASSERT(text == first_rewrite);
    }
    RC_ASSERT(first_rewrite ==
              "SELECT id /* page */ FROM orders WHERE id > $1 AND buyer = ANY ($2::int4[]) AND seller = $3 LIMIT $4");
}

}  // namespace
}  // namespace pganalytics::rewrite
