// in_vs_any_optimization on a real server: the rewritten statement gives the same rows for every type that the proof
// covers, is prepared with the types as written, and the family becomes one queryid.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "postgres/server_planner.hpp"
#include "rewrite/rewrite.hpp"
#include "sql/identity.hpp"
#include "support/case_catalog.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics {
namespace {

/// A column of each type, and literals for it: ordinary, boundary, awkward.
struct TypedColumn {
    std::string name, type;
    std::vector<std::string> literals;
};

const std::vector<TypedColumn> columns = {
    {"small", "int2", {"0", "-32768", "32767", "7", "8"}},
    {"middle", "int4", {"0", "-2147483648", "2147483647", "-1", "42"}},
    {"big", "int8", {"0", "-9223372036854775807", "9223372036854775807", "3000000000", "5"}},
    {"price", "numeric", {"0", "1.50", "-2.5", "99999999999999999999", "1.5"}},
    {"ratio", "float8", {"0", "1.5", "-0.1", "1e300", "3"}},
    {"words", "text", {"''", "'a'", "'it''s'", "'{\"x\",y}'", "'null'", "E'back\\\\slash'", "'  blanks '"}},
    {"code", "varchar(20)", {"'A'", "'a'", "'b,c'", "'NULL'", "' '"}},
    {"padded", "char(5)", {"'a'", "'a  '", "'b'", "'abcde'", "''"}},
    {"flag", "bool", {"true", "false", "true", "false", "true"}},
    {"day", "date", {"'2026-01-31'", "'infinity'", "'-infinity'", "'2000-02-29'", "'1999-12-31'"}},
    {"moment",
     "timestamp",
     {"'2026-01-31 10:00'", "'infinity'", "'2000-02-29'", "'1999-12-31 23:59:59.999999'", "'epoch'"}},
    {"instant",
     "timestamptz",
     {"'2026-01-31 10:00+01'", "'infinity'", "'2000-02-29'", "'1999-12-31 23:59:59Z'", "'epoch'"}},
    {"hour", "time", {"'10:00'", "'23:59:59.5'", "'00:00'", "'24:00'", "'04:05'"}},
    {"token",
     "uuid",
     {"'00000000-0000-0000-0000-000000000000'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
      "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'{a0eebc999c0b4ef8bb6d6bb9bd380a12}'",
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13'"}},
    {"feels", "mood", {"'sad'", "'ok'", "'happy'", "'so, so'", "'ok'"}},
};

std::string table_definition() {
    std::string text = "things(id int primary key";
    for (const auto& column : columns) text += fmt::format(", {} {}", column.name, column.type);
    return text + ")";
}

class InVsAnyOnAServer : public testing::Test {
  protected:
    InVsAnyOnAServer()
        : connection_(cluster_.connect()), database_(test_support::catalog_of("enum mood\n" + table_definition())) {
        test_support::run_script(
            connection_,
            "CREATE EXTENSION pg_stat_statements; CREATE TYPE mood AS ENUM ('sad','ok','happy','so, so');"
            "CREATE TABLE " +
                table_definition());
        int id = 0;
        for (std::size_t row = 0; row < 7; ++row) {
            for (int copy = 0; copy < 3; ++copy) {
                std::string values = std::to_string(++id);
                for (const auto& column : columns) {
                    // Every seventh row is NULL throughout; the others repeat each literal three times.
                    values += ", " + (row == 6 ? "NULL" : column.literals[row % column.literals.size()]);
                }
                test_support::run_script(connection_, fmt::format("INSERT INTO things VALUES ({})", values));
            }
        }
        test_support::run_script(connection_, "ANALYZE things");
    }

    std::vector<std::string> family(const TypedColumn& column, std::string_view word) const {
        std::vector<std::string> texts;
        for (std::size_t length = 1; length <= column.literals.size(); ++length) {
            const std::vector<std::string> values(column.literals.end() - static_cast<std::ptrdiff_t>(length),
                                                  column.literals.end());
            texts.push_back(fmt::format("SELECT id FROM things /* {} */ WHERE {} {} ({}) ORDER BY id", word,
                                        column.name, word, base::join(values, ", ")));
        }
        return texts;
    }

    rewrite::Findings suggest(const std::vector<std::string>& texts) {
        workload::Workload workload;
        workload.database_name = "postgres";
        for (const auto& text : texts) {
            workload::ObservedStatement statement;
            statement.text = text;
            statement.query_hash = sql::query_hash(text);
            statement.has_literals = true;
            workload.statements.push_back(std::move(statement));
        }
        postgres::ServerPlanner planner(connection_);
        return rewrite::suggest_rewrites({workload, database_, planner});
    }

    std::string rows(const std::string& statement) {
        const auto result = connection_.query(statement);
        EXPECT_TRUE(result.has_value()) << statement << ": " << result.error().to_string();
        std::string out;
        for (std::size_t row = 0; result && row < result->size(); ++row) out += result->text(row, 0) + " ";
        return out;
    }

    std::string query_ids(std::string_view pattern) {
        return test_support::query_value(
            connection_, fmt::format("SELECT count(*) FROM pg_stat_statements WHERE query LIKE '{}'", pattern));
    }

    test_support::TestCluster cluster_;
    postgres::Connection connection_;
    catalog::Database database_;
};

TEST_F(InVsAnyOnAServer, GivesTheSameRowsForEveryType) {
    int prepared = 0;
    for (const auto& column : columns) {
        for (const std::string_view word : {"IN", "NOT IN"}) {
            auto texts = family(column, word);
            // Each member stands first once, so that each is rewritten.
            for (std::size_t i = 0; i < texts.size(); ++i) {
                const auto findings = suggest(texts);
                ASSERT_EQ(findings.advice.size(), 1U)
                    << texts.front() << (findings.refused.empty() ? "" : findings.refused.front().reason);
                const auto& advice = findings.advice.front();
                EXPECT_EQ(advice.original_query, texts.front());
                EXPECT_EQ(rows(advice.statement), rows(texts.front())) << advice.statement;
                ASSERT_EQ(advice.alternatives.size(), 1U);
                const auto ready = connection_.prepare(fmt::format("p{}", ++prepared), advice.alternatives.front());
                EXPECT_TRUE(ready.has_value()) << advice.alternatives.front();
                std::rotate(texts.begin(), texts.begin() + 1, texts.end());
            }
        }
    }
}

TEST_F(InVsAnyOnAServer, MakesOneQueryidOfTheFamily) {
    auto texts = family(columns[1], "IN");
    std::vector<std::string> rewritten;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        rewritten.push_back(suggest(texts).advice.at(0).statement);
        std::rotate(texts.begin(), texts.begin() + 1, texts.end());
    }
    test_support::run_script(connection_, "SELECT pg_stat_statements_reset()");
    for (const auto& text : texts) rows(text);
    for (const auto& text : rewritten) rows(text);
    EXPECT_EQ(query_ids("%things%middle IN (%"), std::to_string(texts.size()));
    EXPECT_EQ(query_ids("%things%middle = ANY%"), "1");
}

}  // namespace
}  // namespace pganalytics
