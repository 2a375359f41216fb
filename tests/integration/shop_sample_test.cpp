// The sample shop on a real server: made twice alike, made otherwise by another seed, found again, and its traffic seen
// in pg_stat_statements under the hashes that the truth names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "simulation/shop.hpp"
#include "simulation/shop_traffic.hpp"
#include "sql/identity.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::simulation {
namespace {

using test_support::query_value;
using test_support::run_script;
using test_support::TestCluster;

constexpr double small_scale = 0.05;

class ShopSample : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        test_support::TestClusterOptions options;
        options.settings = {{"pg_stat_statements.max", "5000"}, {"shared_buffers", "64MB"}, {"fsync", "off"}};
        cluster_ = std::make_unique<TestCluster>(options);
        cluster_->run("create extension pg_stat_statements");
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    static TestCluster& cluster() { return *cluster_; }

    /// A fresh database with a shop in it.
    static ShopTruth make(const std::string& database, std::uint64_t seed, double scale = small_scale) {
        cluster().run("create database " + database);
        auto connection = cluster().connect(database);
        const auto created = create_shop(connection, {seed, scale, {}});
        if (!created) throw std::runtime_error(created.error().to_string());
        EXPECT_FALSE(created->already_there);
        return created->truth;
    }

    /// Rows and contents of every table, as the database has them.
    static std::map<std::string, std::string> contents(const std::string& database, const ShopTruth& truth) {
        auto connection = cluster().connect(database);
        std::map<std::string, std::string> digests;
        for (const auto& table : truth.tables) {
            digests[table.key] = query_value(
                connection, "select count(*) || ':' || sum(hashtextextended(t::text, 0)) from " + table.name + " t");
        }
        return digests;
    }

    /// The hashes of all texts that the application `shop` can have sent in this database.
    static std::set<base::QueryHash> seen_hashes(const std::string& database) {
        auto connection = cluster().connect();
        const auto rows = connection.query(
            "select query from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1",
            {database});
        if (!rows) throw std::runtime_error(rows.error().to_string());
        std::set<base::QueryHash> hashes;
        for (std::size_t i = 0; i < rows->size(); ++i) hashes.insert(sql::query_hash(rows->text(i, 0)));
        return hashes;
    }

  private:
    static inline std::unique_ptr<TestCluster> cluster_;
};

TEST_F(ShopSample, SameSeedSameShopAnotherSeedAnother) {
    const auto first = make("alike_a", 3);
    const auto again = make("alike_b", 3);
    const auto other = make("alike_c", 4);
    EXPECT_EQ(first.to_text(), again.to_text());
    const auto rows = contents("alike_a", first);
    EXPECT_EQ(rows, contents("alike_b", again));
    EXPECT_NE(rows, contents("alike_c", other));
    for (const auto& table : first.tables) {
        EXPECT_EQ(rows.at(table.key).substr(0, rows.at(table.key).find(':')), std::to_string(table.rows)) << table.key;
    }
    std::set<std::string> names;
    for (const auto& table : first.tables) names.insert(table.name);
    int shared = 0;
    for (const auto& table : other.tables) shared += names.contains(table.name) ? 1 : 0;
    EXPECT_LT(shared, static_cast<int>(first.tables.size()) / 2);
}

TEST_F(ShopSample, EveryStatementIsSeenUnderItsHash) {
    const auto truth = make("seen", 8);
    ShopTraffic traffic(cluster().conninfo("seen"), truth, {});
    const auto counts = traffic.run_once(40);
    ASSERT_TRUE(counts) << counts.error().to_string();
    EXPECT_EQ(counts->failed, 0) << counts->last_error;
    const auto seen = seen_hashes("seen");
    for (const auto& statement : truth.statements) {
        const auto found = std::count_if(statement.query_hashes.begin(), statement.query_hashes.end(),
                                         [&](base::QueryHash hash) { return seen.contains(hash); });
        // Of a varying list every length has a statement of its own; forty rounds show most of them.
        EXPECT_GE(found, statement.query_hashes.size() == 1 ? 1 : 5) << statement.name;
    }
    auto connection = cluster().connect("seen");
    // The only indexes that nobody need use are those planted so; keys stay out, since they keep more than speed.
    const auto unused = connection.query(
        "select indexrelname from pg_stat_user_indexes s join pg_index i using (indexrelid) "
        "where idx_scan = 0 and not indisunique and schemaname = 'public'");
    ASSERT_TRUE(unused) << unused.error().to_string();
    std::set<std::string> planted;
    for (const auto& fault : truth.faults) {
        const bool idle = fault.kind == "unused_index" || fault.kind == "redundant_index";
        if (idle) planted.insert(fault.remedies[0].index);
    }
    ASSERT_EQ(planted.size(), 2U);
    for (const auto& index : planted) {
        EXPECT_EQ(query_value(connection, "select count(*) from pg_class where relname = '" + index + "'"), "1");
    }
    for (std::size_t i = 0; i < unused->size(); ++i) {
        EXPECT_TRUE(planted.contains(unused->text(i, 0))) << unused->text(i, 0) << " is not used";
    }
}

TEST_F(ShopSample, TheLoadingIsNotCountedAsTraffic) {
    make("fresh", 6);
    auto connection = cluster().connect("fresh");
    EXPECT_EQ(query_value(connection,
                          "select coalesce(sum(n_tup_ins), 0) from pg_stat_user_tables where schemaname = 'public'"),
              "0");
    EXPECT_EQ(
        query_value(connection,
                    "select count(*) from pg_stat_user_tables where schemaname = 'public' and last_analyze is null"),
        "0");
}

TEST_F(ShopSample, IsFoundAgainAndReplacedOnlyByAnother) {
    const auto truth = make("again", 1);
    auto connection = cluster().connect("again");
    run_script(connection, "create table public.mine (a int)");

    auto second = create_shop(connection, {1, small_scale, {}});
    ASSERT_TRUE(second) << second.error().to_string();
    EXPECT_TRUE(second->already_there);
    EXPECT_EQ(second->truth.to_text(), truth.to_text());
    EXPECT_EQ(find_shop(connection)->to_text(), truth.to_text());

    int steps = 0;
    second = create_shop(connection, {2, small_scale, [&](std::string_view, int, int) { ++steps; }});
    ASSERT_TRUE(second) << second.error().to_string();
    EXPECT_FALSE(second->already_there);
    EXPECT_GT(steps, 10);
    EXPECT_EQ(query_value(connection, "select count(*) from pg_tables where schemaname = 'public'"),
              std::to_string(second->truth.tables.size() + 1));

    ASSERT_TRUE(drop_shop(connection));
    EXPECT_EQ(query_value(connection, "select count(*) from pg_tables where schemaname = 'public'"), "1");
    EXPECT_EQ(find_shop(connection).error().code, base::ErrorCode::not_found);
    EXPECT_TRUE(drop_shop(connection));
}

TEST_F(ShopSample, TakesNoTableThatIsNotItsOwn) {
    cluster().run("create database taken");
    auto connection = cluster().connect("taken");
    run_script(connection, "create table orders (kept int); insert into orders values (7)");
    const auto created = create_shop(connection, {0, small_scale, {}});
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, base::ErrorCode::conflict);
    EXPECT_EQ(query_value(connection, "select kept from orders"), "7");
}

TEST_F(ShopSample, AHalfMadeShopIsMadeAgain) {
    make("half", 1);
    auto connection = cluster().connect("half");
    run_script(connection, "update pganalytics_sample.manifest set state = 'loading'");
    EXPECT_EQ(find_shop(connection).error().code, base::ErrorCode::conflict);
    const auto again = create_shop(connection, {1, small_scale, {}});
    ASSERT_TRUE(again) << again.error().to_string();
    EXPECT_FALSE(again->already_there);
    EXPECT_TRUE(find_shop(connection));
}

TEST_F(ShopSample, TrafficRunsStopsAndSurvivesARestart) {
    const auto truth = make("busy", 2);
    TrafficOptions options;
    options.office_hours = false;
    options.pace = 3;
    ShopTraffic traffic(cluster().conninfo("busy"), truth, options);
    ASSERT_TRUE(traffic.start());
    EXPECT_FALSE(traffic.start()) << "it runs already";
    const auto wait_for = [&](auto holds) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!holds(traffic.counts()) && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return holds(traffic.counts());
    };
    EXPECT_TRUE(wait_for([](const TrafficCounts& counts) { return counts.statements > 500; }));
    const auto before = traffic.counts();
    EXPECT_EQ(before.failed, 0) << before.last_error;
    EXPECT_GT(before.by_statement.at("author_of_review"), before.by_statement.at("moderation_page"));

    cluster().kill();
    cluster().start();
    EXPECT_TRUE(wait_for([&](const TrafficCounts& counts) {
        return counts.reconnects > 0 && counts.statements > before.statements + 300;
    }));
    traffic.stop();
    const auto stopped = traffic.counts().statements;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(traffic.counts().statements, stopped);
    auto connection = cluster().connect("busy");
    EXPECT_EQ(query_value(connection, "select count(*) from pg_stat_activity where application_name = 'shop'"), "0");
    traffic.stop();
}

}  // namespace
}  // namespace pganalytics::simulation
