#include "catalog/catalog.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace pganalytics::catalog {
namespace {

Relation relation(std::string schema, std::string name) {
    Relation result;
    result.schema = std::move(schema);
    result.name = std::move(name);
    return result;
}

TEST(QuoteIdentifier, LeavesPlainNamesAlone) {
    EXPECT_EQ(quote_identifier("orders"), "orders");
    EXPECT_EQ(quote_identifier("_x9"), "_x9");
    EXPECT_EQ(quote_identifier("name"), "name");  // unreserved keyword
}

TEST(QuoteIdentifier, QuotesWhatWouldReadDifferently) {
    EXPECT_EQ(quote_identifier("Order"), "\"Order\"");
    EXPECT_EQ(quote_identifier("order"), "\"order\"");
    EXPECT_EQ(quote_identifier("user"), "\"user\"");
    EXPECT_EQ(quote_identifier("values"), "\"values\"");
    EXPECT_EQ(quote_identifier("json_table"), "\"json_table\"");  // from 17
    EXPECT_EQ(quote_identifier("a b"), "\"a b\"");
    EXPECT_EQ(quote_identifier("1st"), "\"1st\"");
    EXPECT_EQ(quote_identifier("a$b"), "\"a$b\"");
    EXPECT_EQ(quote_identifier("größe"), "\"größe\"");
    EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
    EXPECT_EQ(quote_identifier(""), "\"\"");
}

TEST(QuoteLiteral, DoublesQuotesAndMarksBackslashes) {
    EXPECT_EQ(quote_literal("O'Hara"), "'O''Hara'");
    EXPECT_EQ(quote_literal("c:\\x"), "E'c:\\\\x'");
    EXPECT_EQ(quote_literal(""), "''");
}

RC_GTEST_PROP(QuoteIdentifier, UnquotingGivesTheNameBack, (const std::string& name)) {
    const std::string quoted = quote_identifier(name);
    if (quoted == name) return;
    RC_ASSERT(quoted.front() == '"' && quoted.back() == '"');
    std::string inner;
    for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
        if (quoted[i] == '"') {
            RC_ASSERT(quoted[i + 1] == '"' && i + 2 < quoted.size());
            ++i;
        }
        inner += quoted[i];
    }
    RC_ASSERT(inner == name);
}

TEST(FindRelation, FollowsTheSearchPathThenUniqueness) {
    Database database;
    database.search_path = {"app", "public"};
    database.relations = {relation("public", "t"), relation("app", "t"), relation("archive", "old"),
                          relation("x", "twice"), relation("y", "twice")};
    EXPECT_EQ(database.find_relation("", "t")->schema, "app");
    EXPECT_EQ(database.find_relation("public", "t")->schema, "public");
    EXPECT_EQ(database.find_relation("", "old")->schema, "archive");
    EXPECT_EQ(database.find_relation("", "twice"), nullptr);
    EXPECT_EQ(database.find_relation("nowhere", "t"), nullptr);
    EXPECT_EQ(database.find_relation("", "T"), nullptr);
}

TEST(Settings, ReadMemoryInTheSettingsOwnUnit) {
    Database database;
    database.settings["work_mem"] = {"work_mem", "4MB", "kB", "default"};
    database.settings["effective_cache_size"] = {"effective_cache_size", "524288", "8kB", "default"};
    database.settings["random_page_cost"] = {"random_page_cost", "1.1", "", "default"};
    EXPECT_EQ(database.memory_setting("work_mem")->value, 4 << 20);
    EXPECT_EQ(database.memory_setting("effective_cache_size")->value, std::int64_t{524288} * 8192);
    EXPECT_DOUBLE_EQ(*database.number_setting("random_page_cost"), 1.1);
    EXPECT_FALSE(database.number_setting("work_mem"));
    EXPECT_FALSE(database.memory_setting("absent"));
}

TEST(Relation, NamesItselfQuoted) {
    EXPECT_EQ(relation("public", "Order Lines").qualified_name(), "public.\"Order Lines\"");
}

TEST(ColumnStatistics, CountsDistinctValuesEitherWay) {
    ColumnStatistics statistics;
    statistics.distinct = 40;
    EXPECT_DOUBLE_EQ(statistics.distinct_count(1000), 40);
    statistics.distinct = -0.5;
    EXPECT_DOUBLE_EQ(statistics.distinct_count(1000), 500);
}

}  // namespace
}  // namespace pganalytics::catalog
