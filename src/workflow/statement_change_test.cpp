#include "workflow/statement_change.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

TEST(StatementChange, CollectsWhatPlanningCanShow) {
    const std::vector<Proposal> proposals{
        {"An index", "index", "CREATE INDEX CONCURRENTLY i ON orders\n (customer_id);", "", ""},
        {"More memory", "parameter", "SET LOCAL work_mem = '24MB'", "work_mem", "24MB"},
        {"Still more", "parameter", "SET LOCAL work_mem = '16MB'", "sort_mem", "16MB"},
        {"A rewrite", "rewrite", "SELECT * FROM orders WHERE id = ANY ($1)", "", ""},
        {"A page", "parameter", "SELECT * FROM orders LIMIT 100", "LIMIT", "100"},
        {"Drop one", "index", "DROP INDEX CONCURRENTLY old", "", ""},
        {"Batches", "parameter", "INSERT INTO t VALUES ($1), ($2)", "batch_size", "100"}};
    const auto change = apply_proposals("SELECT * FROM orders WHERE id IN ($1, $2)", proposals);
    EXPECT_EQ(change.text, "SELECT * FROM orders WHERE id = ANY ($1)");
    EXPECT_EQ(change.what_if.hypothetical_indexes, std::vector<std::string>{"CREATE INDEX i ON orders (customer_id)"});
    EXPECT_EQ(change.what_if.settings.at("work_mem"), "24MB");
    EXPECT_EQ(change.work_mem, base::mebibytes(24));
    EXPECT_EQ(change.applied.size(), 4U);
    EXPECT_EQ(change.left_out.size(), 3U);
}

TEST(StatementChange, OfNothingChangesNothing) {
    const auto change = apply_proposals("SELECT 1", {});
    EXPECT_FALSE(change.changes_anything());
    EXPECT_EQ(change.text, "SELECT 1");
}

}  // namespace
}  // namespace pganalytics::workflow
