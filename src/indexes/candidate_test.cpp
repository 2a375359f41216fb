#include "indexes/candidate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "indexes/cost_model.hpp"
#include "indexes/index_size.hpp"

namespace pganalytics::indexes {
namespace {

catalog::Relation orders() {
    catalog::Relation relation;
    relation.schema = "public";
    relation.name = "orders";
    relation.rows = 100000;
    relation.pages = 1000;
    int number = 0;
    for (const char* name : {"id", "buyer", "placed"}) {
        catalog::Column column;
        column.number = ++number;
        column.name = name;
        column.base_type = "int4";
        column.type_category = "N";
        column.statistics = catalog::ColumnStatistics{};
        column.statistics->average_width = 4;
        column.statistics->distinct = -1;
        relation.columns.push_back(column);
    }
    return relation;
}

catalog::IndexKey existing_key(const std::string& column, bool descending = false) {
    catalog::IndexKey key;
    key.column = column;
    key.column_number = 1;
    key.descending = descending;
    key.nulls_first = descending;
    return key;
}

catalog::Index existing(std::vector<catalog::IndexKey> keys) {
    catalog::Index index;
    index.name = "there";
    index.method = "btree";
    index.keys = std::move(keys);
    return index;
}

TEST(KeyList, WritesOnlyWhatIsNotTheDefault) {
    const catalog::Relation relation = orders();
    EXPECT_EQ(key_list({&relation, {{"buyer", false, false, ""}, {"placed", true, true, ""}}}), "(buyer, placed DESC)");
    EXPECT_EQ(key_list({&relation, {{"buyer", true, false, ""}}}), "(buyer DESC NULLS LAST)");
    EXPECT_EQ(key_list({&relation, {{"Order", false, true, "text_pattern_ops"}}}),
              "(\"Order\" text_pattern_ops NULLS FIRST)");
}

TEST(ExistingIndex, CountsInEitherDirectionAndOnlyWhereItDoesTheSame) {
    catalog::Relation relation = orders();
    const Candidate wanted{&relation, {{"buyer", false, false, ""}, {"placed", true, true, ""}}};
    relation.indexes = {existing({existing_key("buyer", true), existing_key("placed")})};
    EXPECT_NE(existing_index_for(wanted), nullptr) << "read backwards it is the same";
    relation.indexes = {existing({existing_key("buyer"), existing_key("placed")})};
    EXPECT_EQ(existing_index_for(wanted), nullptr) << "one direction differs";
    relation.indexes = {existing({existing_key("buyer"), existing_key("placed", true), existing_key("id")})};
    EXPECT_NE(existing_index_for(wanted), nullptr) << "a prefix of what exists";
    relation.indexes.front().predicate = "(id > 5)";
    EXPECT_EQ(existing_index_for(wanted), nullptr) << "partial";
    relation.indexes.front().predicate.clear();
    relation.indexes.front().method = "hash";
    EXPECT_EQ(existing_index_for(wanted), nullptr) << "another method";
    relation.indexes.front().method = "btree";
    relation.indexes.front().valid = false;
    EXPECT_EQ(existing_index_for(wanted), nullptr);
    EXPECT_NE(invalid_index_for(wanted), nullptr);
    relation.indexes.front().valid = true;
    relation.indexes.front().keys.front().default_operator_class = false;
    EXPECT_EQ(existing_index_for(wanted), nullptr) << "another operator class";
}

TEST(SupersededBy, SparesUniqueIndexes) {
    catalog::Relation relation = orders();
    relation.indexes = {existing({existing_key("buyer")}), existing({existing_key("buyer")})};
    relation.indexes.back().unique = true;
    const Candidate wide{&relation, {{"buyer", false, false, ""}, {"placed", false, false, ""}}};
    EXPECT_EQ(superseded_by(wide).size(), 1u);
}

RC_GTEST_PROP(ChooseName, FitsIsFreeAndIsTheSameAgain, ()) {
    catalog::Relation relation;
    const auto any_name =
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', 'Z', '_', '9', '\xc3', '\xa4')));
    relation.name = *any_name;
    const Candidate candidate{&relation, {{*any_name, false, false, ""}, {*any_name, false, false, ""}}};
    std::set<std::string, std::less<>> taken, again;
    for (int i = 0; i < 12; ++i) {
        const std::string name = choose_name(candidate, taken);
        RC_ASSERT(!name.empty() && name.size() <= 63);
        RC_ASSERT(taken.size() == static_cast<std::size_t>(i) + 1);
        RC_ASSERT(choose_name(candidate, again) == name);
    }
}

TEST(ChooseName, NeverCutsACharacterAndTellsLongNamesApart) {
    catalog::Relation relation;
    for (int i = 0; i < 40; ++i) relation.name += "ä";
    std::set<std::string, std::less<>> taken;
    const std::string first = choose_name({&relation, {{"ab", false, false, ""}}}, taken);
    const std::string second = choose_name({&relation, {{"ac", false, false, ""}}}, taken);
    EXPECT_NE(first, second);
    EXPECT_TRUE(first.starts_with("ää"));
    EXPECT_EQ(first.find("_"), first.find_first_not_of("\xc3\xa4")) << first;
    EXPECT_EQ(first.find("_") % 2, 0u) << "a whole number of two-byte characters";
}

RC_GTEST_PROP(IndexSize, GrowsWithRowsAndShrinksWithRepetition, ()) {
    catalog::Relation relation = orders();
    const double rows = *rc::gen::inRange(1, 5000000);
    const Candidate candidate{&relation, {{"buyer", false, false, ""}}};
    const auto size = [&](double distinct, double of_rows) {
        relation.columns[1].statistics->distinct = distinct;
        return estimate_index_size(candidate, of_rows)->value;
    };
    RC_ASSERT(size(-1, rows) <= size(-1, rows * 2));
    RC_ASSERT(size(10, rows) <= size(-1, rows));
    RC_ASSERT(size(-1, rows) >= static_cast<std::int64_t>(rows) * 16);
    RC_ASSERT(!estimate_index_size(candidate, -1));
}

RC_GTEST_PROP(IndexScanCost, GrowsWithSelectivityAndIsBelowTheWholeTableForOneRow, ()) {
    IndexScanInput input;
    input.table_pages = *rc::gen::inRange(100, 1000000);
    input.table_rows = input.table_pages * *rc::gen::inRange(5, 100);
    input.index_pages = input.table_pages / 4;
    input.correlation = *rc::gen::inRange(-100, 101) / 100.0;
    input.lookups = *rc::gen::inRange(1, 1000);
    const CostConstants constants;
    double before = 0;
    for (const double selectivity : {1e-6, 1e-4, 1e-2, 0.1, 0.5, 1.0}) {
        input.selectivity = selectivity;
        const double cost = index_scan_cost(input, constants);
        RC_ASSERT(cost > 0);
        RC_ASSERT(cost >= before * 0.999);
        before = cost;
    }
    input.selectivity = 1 / input.table_rows;
    input.lookups = 1;
    RC_ASSERT(index_scan_cost(input, constants) < input.table_pages * constants.seq_page);
}

}  // namespace
}  // namespace pganalytics::indexes
