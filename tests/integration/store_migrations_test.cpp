// The schema: made once however many ask, refused when it is not ours, and documented.

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "store/migrations.hpp"
#include "store_fixture.hpp"

namespace pganalytics::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Migrations = StoreTest;

TEST_F(Migrations, AreAppliedOnce) {
    Repository fresh(new_database());
    const auto before = fresh.check();
    ASSERT_FALSE(before);
    EXPECT_THAT(before.error().hint, HasSubstr("pganalytics migrate"));
    const auto first = expect_value(fresh.migrate());
    EXPECT_EQ(first.version_before, 0);
    EXPECT_EQ(first.version_after, Repository::program_schema_version());
    EXPECT_THAT(first.applied, SizeIs(Repository::program_schema_version()));
    EXPECT_THAT(first.notices, IsEmpty());
    const auto second = expect_value(fresh.migrate());
    EXPECT_THAT(second.applied, IsEmpty());
    EXPECT_EQ(second.version_before, second.version_after);
    EXPECT_TRUE(fresh.check());
}

TEST_F(Migrations, SurviveARace) {
    for (int round = 0; round < 3; ++round) {
        const auto conninfo = new_database();
        std::vector<std::thread> threads;
        std::atomic<std::size_t> applied{0};
        std::atomic<int> failed{0};
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                Repository one(conninfo);
                auto report = one.migrate();
                if (report) {
                    applied += report->applied.size();
                } else {
                    ++failed;
                }
            });
        }
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(failed, 0);
        EXPECT_EQ(applied, static_cast<std::size_t>(Repository::program_schema_version()));
    }
}

// Every command migrates, and the collector makes its first partition meanwhile.
TEST_F(Migrations, WaitForAPartitionThatIsBeingMade) {
    auto collector = connect(conninfo());
    expect_done(collector.execute_script("begin; select pganalytics.ensure_partitions('raw', now(), now())"));
    base::Result<MigrationReport> report = MigrationReport{};
    std::thread command([&] { report = Repository(conninfo()).migrate(); });
    auto watcher = connect(conninfo());
    const auto is_waiting = [&] {
        return expect_value(watcher.query("select count(*) from pg_stat_activity where datname = current_database() "
                                          "and wait_event_type = 'Lock'"))
                   .integer(0, 0) == 1;
    };
    for (int tries = 0; tries < 1000 && !is_waiting(); ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(is_waiting());
    expect_done(collector.execute_script("commit"));
    command.join();
    EXPECT_TRUE(report) << report.error().to_string();
}

TEST_F(Migrations, RefuseAChangedFile) {
    auto connection = connect(conninfo());
    expect_done(
        connection.execute_script("update pganalytics.schema_migrations set checksum = 'other' where version = 2"));
    const auto report = repository().migrate();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, base::ErrorCode::conflict);
    EXPECT_THAT(report.error().message, HasSubstr("0002_history.sql"));
}

TEST_F(Migrations, RefuseANewerRepository) {
    auto connection = connect(conninfo());
    expect_done(
        connection.execute_script("insert into pganalytics.schema_migrations values (9999, '9999_later.sql', 'x')"));
    const auto report = repository().migrate();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, base::ErrorCode::unsupported);
    EXPECT_THAT(report.error().hint, HasSubstr("newer pganalytics"));
}

TEST_F(Migrations, LeaveNothingOfAMigrationThatFails) {
    const Migration broken[] = {{1, "0001_broken.sql", "create table pganalytics.half (id int); select 1/0;"}};
    auto connection = connect(new_database());
    const auto report = run_migrations(connection, broken);
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message, HasSubstr("0001_broken.sql"));
    const auto half = expect_value(connection.query("select to_regclass('pganalytics.half') is null"));
    EXPECT_TRUE(half.boolean(0, 0));
}

TEST_F(Migrations, SayWhichRolesCouldNotBeMade) {
    auto superuser = connect(cluster().conninfo("postgres"));
    expect_done(superuser.execute_script("create role modest login password 'p'"));
    expect_done(superuser.execute_script("alter role pganalytics_reader rename to kept_reader"));
    const auto conninfo = new_database();
    auto owner = connect(conninfo);
    const auto database = owner.database();
    expect_done(owner.execute_script(
        postgres::our_sql("grant create on database {} to modest", postgres::identifier(database))));
    Repository modest(
        base::Secret("host=" + cluster().socket_folder().string() + " user=modest password=p dbname=" + database));
    const auto report = modest.migrate();
    expect_done(superuser.execute_script("alter role kept_reader rename to pganalytics_reader"));
    ASSERT_TRUE(report) << report.error().to_string();
    ASSERT_THAT(report->notices, testing::Not(IsEmpty()));
    EXPECT_THAT(report->notices.front(), HasSubstr("CREATE ROLE pganalytics_reader"));
}

TEST_F(Migrations, LetReadersReadButNotSecrets) {
    auto connection = connect(conninfo());
    expect_done(connection.execute_script("set role pganalytics_reader"));
    EXPECT_TRUE(connection.query("select * from pganalytics.optimization_recommendations"));
    EXPECT_TRUE(connection.query("select * from pganalytics.metrics_pg_stats_query"));
    EXPECT_TRUE(connection.query("select * from pganalytics.get_top_recommendations()"));
    EXPECT_FALSE(connection.query("select * from pganalytics.api_tokens"));
    EXPECT_FALSE(connection.query("select * from pganalytics.target_secrets"));
    EXPECT_FALSE(connection.query("select * from pganalytics.optimize_parameters(1)"));
    EXPECT_FALSE(connection.query("delete from pganalytics.audit_log"));
    expect_done(connection.execute_script("reset role; set role pganalytics_operator"));
    EXPECT_TRUE(connection.query("select * from pganalytics.optimize_parameters(1)"));
    EXPECT_FALSE(connection.query("select pganalytics.enqueue_job('x')"));
}

TEST_F(Migrations, CommentEveryTableAndColumn) {
    EXPECT_EQ(value("select coalesce(string_agg(c.relname || '.' || a.attname, ', '), '') from pg_class c join "
                    "pg_attribute a on a.attrelid = c.oid "
                    "where c.relnamespace = 'pganalytics'::regnamespace and c.relkind in ('r', 'p', 'v') and not "
                    "c.relispartition and a.attnum > 0 "
                    "and col_description(c.oid, a.attnum) is null"),
              "");
    EXPECT_EQ(
        value("select coalesce(string_agg(relname, ', '), '') from pg_class where relnamespace = "
              "'pganalytics'::regnamespace "
              "and relkind in ('r', 'p', 'v') and not relispartition and obj_description(oid, 'pg_class') is null"),
        "");
}

TEST_F(Migrations, LeadTheKeysOfTheHistoryWithTheTarget) {
    for (const auto* table : {"metrics_raw", "metrics_10_minutes", "metrics_hours", "collection_intervals",
                              "observed_hours", "explain_plans", "catalog_snapshots", "settings_history",
                              "activity_samples", "statement_keys", "statement_examples"}) {
        EXPECT_EQ(value(std::string("select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
                                    "and a.attnum = i.indkey[0] "
                                    "where i.indisprimary and i.indrelid = 'pganalytics.") +
                        table + "'::regclass"),
                  "target_id")
            << table;
    }
}

/// What docs/schema.md should say now.
std::string schema_page(postgres::Connection& connection) {
    std::string page =
        "# The repository's schema\n\n"
        "Schema `pganalytics` of the repository. Made from the comments in the database: after a change run\n"
        "`PGANALYTICS_UPDATE_DOCS=1 ctest -R store_migrations_test`.\n";
    const auto relations = expect_value(connection.query(
        "select c.relname, obj_description(c.oid, 'pg_class'), c.relkind = 'v' from pg_class c where c.relnamespace = "
        "'pganalytics'::regnamespace "
        "and c.relkind in ('r', 'p', 'v') and not c.relispartition order by c.relkind = 'v', c.relname"));
    for (std::size_t i = 0; i < relations.size(); ++i) {
        page += "\n## " + relations.text(i, 0) + (relations.boolean(i, 2) ? " (view)" : "") + "\n\n" +
                relations.text(i, 1) + "\n\n| Column | Type | Meaning |\n|---|---|---|\n";
        const auto columns =
            expect_value(connection.query("select a.attname, format_type(a.atttypid, a.atttypmod), "
                                          "col_description(a.attrelid, a.attnum) from pg_attribute a "
                                          "where a.attrelid = ('pganalytics.' || $1)::regclass and a.attnum > 0 and "
                                          "not a.attisdropped order by a.attnum",
                                          {relations.text(i, 0)}));
        for (std::size_t row = 0; row < columns.size(); ++row) {
            page +=
                "| `" + columns.text(row, 0) + "` | " + columns.text(row, 1) + " | " + columns.text(row, 2) + " |\n";
        }
    }
    page += "\n## Functions\n\n| Function | Does |\n|---|---|\n";
    const auto functions =
        expect_value(connection.query("select p.proname || '(' || pg_get_function_arguments(p.oid) || ')', "
                                      "obj_description(p.oid, 'pg_proc') from pg_proc p "
                                      "where p.pronamespace = 'pganalytics'::regnamespace order by 1"));
    for (std::size_t row = 0; row < functions.size(); ++row)
        page += "| `" + functions.text(row, 0) + "` | " + functions.text(row, 1) + " |\n";
    return page;
}

TEST_F(Migrations, AreDescribedInTheManual) {
    auto connection = connect(conninfo());
    const auto page = schema_page(connection);
    const std::string file = std::string(PGANALYTICS_SOURCE_DIR) + "/docs/schema.md";
    if (getenv("PGANALYTICS_UPDATE_DOCS") != nullptr) std::ofstream(file) << page;
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), page)
        << "docs/schema.md is not current: run PGANALYTICS_UPDATE_DOCS=1 ctest -R store_migrations_test";
}

}  // namespace
}  // namespace pganalytics::store
