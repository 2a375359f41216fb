#include "simulation/shop_truth.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "simulation/shop.hpp"
#include "sql/parse.hpp"

namespace pganalytics::simulation {
namespace {

TEST(ShopTruthTest, SurvivesItsFile) {
    auto truth = shop_truth(5, 0.2).value();
    truth.alternatives.push_back({truth.statements[0].query_hashes[0], "t", {"a", "b"}, 10, 2.5});
    truth.alternatives_established = true;
    const auto again = ShopTruth::from_text(truth.to_text());
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_EQ(again->to_text(), truth.to_text());
    EXPECT_EQ(again->faults.size(), truth.faults.size());
    EXPECT_EQ(again->seed, 5U);
}

TEST(ShopTruthTest, AnythingElseIsRefused) {
    for (const auto* text : {"", "nonsense", "{}", "[]", R"({"version": 1})"}) {
        const auto read = ShopTruth::from_text(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, base::ErrorCode::fix_input);
    }
}

TEST(ShopTruthTest, EveryKindOfFaultIsPlantedWithARemedy) {
    const auto truth = shop_truth(0, 1).value();
    std::map<std::string, int> kinds;
    for (const auto& fault : truth.faults) {
        ++kinds[fault.kind];
        EXPECT_FALSE(fault.remedies.empty()) << fault.id;
        for (const auto& remedy : fault.remedies) {
            const bool shape = !remedy.table.empty() && (!remedy.keys.empty() || !remedy.index.empty());
            EXPECT_TRUE(shape || !remedy.rules.empty()) << fault.id;
        }
    }
    for (const auto* kind :
         {"missing_index", "missing_composite_index", "missing_partial_index", "missing_expression_index",
          "missing_covering_index", "missing_gin_index", "foreign_key_without_index", "redundant_index", "unused_index",
          "inefficient_join", "correlated_subquery", "not_in_subquery", "n_plus_one", "varying_in_list", "sort_spill",
          "unbounded_list", "single_row_loop", "nightly_batch", "office_hours"}) {
        EXPECT_GE(kinds[kind], 1) << kind;
    }
    EXPECT_GE(kinds["missing_composite_index"], 2);
    EXPECT_GE(kinds["varying_in_list"], 2);
}

TEST(ShopTruthTest, RemediesAreStatementsThatParse) {
    for (const std::uint64_t seed : {0ULL, 3ULL, 17ULL}) {
        const auto truth = shop_truth(seed, 1).value();
        for (const auto& fault : truth.faults) {
            for (const auto& remedy : fault.remedies) {
                if (remedy.statement.empty()) continue;
                EXPECT_TRUE(sql::parse(remedy.statement)) << remedy.statement;
            }
        }
    }
}

TEST(ShopTruthTest, NoTwoStatementsShareAHash) {
    const auto truth = shop_truth(11, 1).value();
    std::set<base::QueryHash> seen;
    for (const auto& statement : truth.statements) {
        for (const auto hash : statement.query_hashes) {
            EXPECT_TRUE(seen.insert(hash).second) << statement.name;
            EXPECT_EQ(truth.find(hash)->name, statement.name);
        }
    }
    EXPECT_EQ(truth.find(base::QueryHash{1}), nullptr);
}

TEST(ShopTruthTest, HashesDifferBetweenSeeds) {
    const auto one = shop_truth(1, 1).value();
    const auto two = shop_truth(2, 1).value();
    int same = 0;
    for (std::size_t i = 0; i < one.statements.size(); ++i) {
        if (one.statements[i].query_hashes == two.statements[i].query_hashes) ++same;
    }
    EXPECT_LT(same, static_cast<int>(one.statements.size()) / 4);
}

}  // namespace
}  // namespace pganalytics::simulation
