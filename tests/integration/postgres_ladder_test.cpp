// The planning ladder on statements as pg_stat_statements really keeps them: literal statements are run, their
// normalised texts read back, and every one is planned as a role that may only read. See tests/cases/ladder/README.md.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "base/text.hpp"
#include "postgres/server_planner.hpp"
#include "sql/parse.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;
using test_support::TestCluster;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

/// "-- from 16" before a statement: the oldest server that has its syntax.
int oldest_major(const std::string& statement) {
    const auto at = statement.find("-- from ");
    return at == std::string::npos ? 0 : std::stoi(statement.substr(at + 8));
}

/// Runs every literal statement of the cases; the number run.
int run_literals(Connection& connection, const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".sql" && entry.path().filename() != "schema.sql")
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    int count = 0;
    for (const auto& file : files) {
        for (const auto& part : sql::split_script(read_file(file))) {
            if (base::trim(part.text).empty() || oldest_major(part.text) > connection.server_version() / 10000)
                continue;
            const auto done = connection.query(part.text);
            EXPECT_TRUE(done) << file.filename() << ": " << done.error().to_string() << "\n  " << part.text;
            ++count;
        }
    }
    return count;
}

/// Distinct texts of what ran, as pg_stat_statements shows them.
std::vector<std::string> normalised_texts(Connection& connection) {
    const auto rows = connection.query(
        "SELECT DISTINCT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
        " WHERE d.datname = current_database() AND query NOT LIKE '%/* pganalytics */%' ORDER BY 1");
    EXPECT_TRUE(rows) << rows.error().to_string();
    std::vector<std::string> texts;
    for (std::size_t i = 0; rows && i < rows->size(); ++i) texts.push_back(rows->text(i, 0));
    return texts;
}

void make_reader(Connection& connection) {
    test_support::run_script(connection, "CREATE ROLE reader LOGIN; GRANT pg_monitor TO reader");
    test_support::run_script(connection, connection.server_version() >= 140000
                                             ? "GRANT pg_read_all_data TO reader"
                                             : "GRANT USAGE ON SCHEMA public TO reader; "
                                               "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
}

struct Outcome {
    int planned = 0;
    int as_select = 0;
    int repaired = 0;
    std::vector<std::string> failures;
};

Outcome plan_all(Connection& connection, const std::vector<std::string>& texts) {
    ServerPlanner planner(connection);
    Outcome outcome;
    for (const auto& text : texts) {
        const auto planned = planner.plan(text);
        if (!planned) {
            outcome.failures.push_back(base::one_line(text, 160) + "\n      " + planned.error().to_string());
            continue;
        }
        ++outcome.planned;
        outcome.as_select += planned->dml_as_select ? 1 : 0;
        outcome.repaired += planned->repairs.empty() ? 0 : 1;
        EXPECT_FALSE(connection.in_transaction()) << text;
    }
    return outcome;
}

void report(std::string_view role, const Outcome& outcome, std::size_t total) {
    std::cout << "ladder as " << role << ": " << outcome.planned << " of " << total << " planned, " << outcome.repaired
              << " after repairs, " << outcome.as_select << " writes as SELECT\n";
    for (const auto& failure : outcome.failures) std::cout << "  not planned: " << failure << '\n';
}

TEST(PlanningLadder, PlansWhatPgStatStatementsKeeps) {
    TestCluster cluster;
    const fs::path folder = fs::path(PGANALYTICS_SOURCE_DIR) / "tests/cases/ladder";
    auto owner = cluster.connect();
    ASSERT_NO_THROW(test_support::run_script(owner, "CREATE EXTENSION pg_stat_statements"));
    ASSERT_NO_THROW(test_support::run_script(owner, read_file(folder / "schema.sql")));
    make_reader(owner);
    ASSERT_TRUE(owner.query("SELECT pg_stat_statements_reset()"));
    ConnectOptions as_application;
    as_application.tagged = as_application.read_only = false;
    auto application = cluster.connect("postgres", "postgres", as_application);
    const int run = run_literals(application, folder);
    const auto texts = normalised_texts(owner);
    std::cout << "PostgreSQL " << owner.server_version() / 10000 << ": " << run << " statements run, " << texts.size()
              << " distinct normalised texts\n";
    ASSERT_GE(texts.size(), 150U);

    auto reader = cluster.connect("postgres", "reader", ConnectOptions{});
    const auto as_reader = plan_all(reader, texts);
    report("reader", as_reader, texts.size());
    EXPECT_GE(as_reader.planned, 0.98 * static_cast<double>(texts.size()));
    EXPECT_GT(as_reader.as_select, 10);

    auto superuser = cluster.connect("postgres", "postgres", ConnectOptions{});
    const auto as_owner = plan_all(superuser, texts);
    report("owner", as_owner, texts.size());
    EXPECT_GE(as_owner.planned, 0.98 * static_cast<double>(texts.size()));
    EXPECT_EQ(as_owner.as_select, 0);

    // What planning leaves behind in pg_stat_statements must be recognisable as ours.
    const auto untagged = owner.query(
        "SELECT left(query, 200) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
        " WHERE r.rolname = 'reader' AND query NOT LIKE '%/* pganalytics */%'");
    ASSERT_TRUE(untagged);
    for (std::size_t i = 0; i < untagged->size(); ++i) ADD_FAILURE() << "not tagged: " << untagged->text(i, 0);
}

}  // namespace
}  // namespace pganalytics::postgres
