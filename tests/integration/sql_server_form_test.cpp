// Holds query_hash against a real pg_stat_statements: a statement with literals and what the server keeps of it are
// one.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "sql/identity.hpp"
#include "support/case_file.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics {
namespace {

constexpr std::string_view schema = R"(
CREATE EXTENSION pg_stat_statements;
CREATE TABLE orders (id int PRIMARY KEY, buyer int DEFAULT 1, note text, total numeric, created timestamptz, paid bool,
                     data jsonb, "Strange Name" int);
CREATE TABLE items (order_id int, amount int);
)";

class SqlServerForm : public testing::Test {
  protected:
    SqlServerForm() : connection_(cluster_.connect()) { test_support::run_script(connection_, schema); }

    /// What pg_stat_statements keeps after the statement ran alone.
    std::string server_form(const std::string& statement) {
        test_support::run_script(connection_, "SELECT pg_stat_statements_reset()");
        const auto done = connection_.query(statement);
        EXPECT_TRUE(done.has_value()) << statement << ": " << done.error().to_string();
        auto form = test_support::query_value(
            connection_,
            "SELECT query FROM pg_stat_statements WHERE query !~ 'pg_stat_statements' ORDER BY calls LIMIT 1");
        // The connection marks what it sends.
        const std::string tag = std::string(postgres::statement_tag) + " ";
        if (const auto at = form.find(tag); at != std::string::npos) form.erase(at, tag.size());
        return form;
    }

    test_support::TestCluster cluster_;
    postgres::Connection connection_;
};

TEST_F(SqlServerForm, HasTheHashOfTheStatement) {
    test_support::run_cases(std::filesystem::path(PGANALYTICS_SOURCE_DIR) / "tests/cases/sql/server_form.case",
                            [this](const test_support::Case& one) {
                                auto form = server_form(one.input);
                                EXPECT_EQ(sql::query_hash(one.input), sql::query_hash(form)) << one.input << "\n"
                                                                                             << form;
                                return form;
                            });
}

}  // namespace
}  // namespace pganalytics
