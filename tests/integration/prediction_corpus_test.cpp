// The corpus in short: two small schemas, really run. What make bench-prediction does at length.

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "corpus/generated_templates.hpp"
#include "corpus/measure.hpp"
#include "prediction/dataset.hpp"

namespace pganalytics::corpus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path schema_folder = fs::path(PGANALYTICS_SOURCE_DIR) / "bench/corpus/schemas";

/// One server for all tests, in a folder that goes with it.
class CorpusTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        std::string pattern = (fs::temp_directory_path() / "pgan-corpus-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
        folder_ = pattern;
        fs::permissions(folder_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
        auto started = Server::start(folder_ / "server", std::chrono::seconds(10));
        if (!started) throw std::runtime_error(started.error().to_string());
        server_ = std::make_unique<Server>(std::move(*started));
    }
    static void TearDownTestSuite() {
        server_.reset();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    static fs::path folder_;
    static std::unique_ptr<Server> server_;
};
fs::path CorpusTest::folder_;
std::unique_ptr<Server> CorpusTest::server_;

Plan small_plan() {
    Plan plan;
    plan.scales = {0.02};
    plan.generated_templates = 12;
    plan.draws = 1;
    plan.repeated_statements = 5;
    return plan;
}

struct Measured {
    std::vector<json> corpus, repeated;
    Counts counts;
};

Measured measure(Server& server, const SchemaFile& schema, const Plan& plan, int rounds) {
    Measured measured;
    SchemaMeasurement measurement(server, schema, plan, [&](Part part, const std::string& line) {
        (part == Part::corpus ? measured.corpus : measured.repeated).push_back(json::parse(line));
    });
    auto status = measurement.measure();
    for (int round = 0; status && round < rounds; ++round) status = measurement.measure_round(round);
    if (!status) throw std::runtime_error(status.error().to_string());
    if (!measurement.drop()) throw std::runtime_error("the database cannot be dropped");
    measured.counts = measurement.counts();
    return measured;
}

std::set<std::string> ids_of(const std::vector<json>& lines) {
    std::set<std::string> ids;
    for (const auto& line : lines) ids.insert(line.at("id").get<std::string>());
    return ids;
}

TEST_F(CorpusTest, TwoSchemasGiveAHundredPairsThatCanBeLearnedFrom) {
    const auto schemas = read_schemas(schema_folder, {"ledger", "shop"}).value();
    std::string text;
    std::size_t pairs = 0;
    for (const auto& schema : schemas) {
        const auto measured = measure(*server_, schema, small_plan(), 2);
        EXPECT_EQ(measured.counts.failed, 0) << testing::PrintToString(measured.counts.failures);
        EXPECT_EQ(measured.counts.pairs, static_cast<long>(measured.corpus.size()));
        EXPECT_EQ(measured.repeated.size(), 10U);
        EXPECT_EQ(ids_of(measured.repeated).size(), 5U);
        std::set<std::string> caches;
        std::set<bool> indexes;
        for (const auto& line : measured.corpus) {
            EXPECT_GT(line.at("runtime_ms").get<double>(), 0);
            // Nothing that only execution knows.
            EXPECT_EQ(line.at("plan").dump().find("Actual"), std::string::npos);
            EXPECT_GT(line.at("observation").at("work_mem_bytes").get<double>(), 0);
            caches.insert(line.at("cache").get<std::string>());
            indexes.insert(line.at("indexes").get<bool>());
            text += line.dump() + "\n";
        }
        EXPECT_THAT(caches, testing::ElementsAre("cold", "warm"));
        EXPECT_THAT(indexes, testing::ElementsAre(false, true));
        pairs += measured.corpus.size();
    }
    EXPECT_GE(pairs, 100U);
    const auto samples = prediction::read_samples(text);
    ASSERT_TRUE(samples) << samples.error().to_string();
    EXPECT_EQ(samples->size(), pairs);
}

TEST_F(CorpusTest, TheSameSeedGivesTheSameStatementsAnotherOneOthers) {
    auto schema = read_schemas(schema_folder, {"meters"}).value().front();
    schema.templates.resize(2);
    auto plan = small_plan();
    plan.generated_templates = 4;
    const auto ids = ids_of(measure(*server_, schema, plan, 0).corpus);
    EXPECT_EQ(ids_of(measure(*server_, schema, plan, 0).corpus), ids);
    plan.seed = 2;
    EXPECT_NE(ids_of(measure(*server_, schema, plan, 0).corpus), ids);
}

TEST_F(CorpusTest, EmptiedCachesHoldNothingOfTheDatabase) {
    ASSERT_TRUE(server_->create_database("cold"));
    ASSERT_TRUE(server_->use("cold"));
    ASSERT_TRUE(server_->run({"create table t as select i, repeat('x', 100) from generate_series(1, 20000) i"}, 0.5));
    ASSERT_TRUE(server_->settle());
    const std::string statement = "select count(*) from t";
    ASSERT_TRUE(server_->execute(statement, false, false));
    EXPECT_GT(server_->execute(statement, false, true)->hit_ratio, 0.99);
    ASSERT_TRUE(server_->empty_caches());
    EXPECT_LT(server_->execute(statement, false, true)->hit_ratio, 0.1);
}

TEST_F(CorpusTest, AStatementThatChangesRowsLeavesThemAsTheyWere) {
    ASSERT_TRUE(server_->create_database("rolled_back"));
    ASSERT_TRUE(server_->use("rolled_back"));
    ASSERT_TRUE(server_->run({"create table t as select 1 as i"}, 0.5));
    ASSERT_TRUE(server_->execute("update t set i = 2", true, false));
    EXPECT_EQ(server_->connection().query("select i from t")->text(0, 0), "1");
}

TEST_F(CorpusTest, WhatIsTooSlowIsToldFromWhatFails) {
    ASSERT_TRUE(server_->create_database("slow"));
    ASSERT_TRUE(server_->use("slow"));
    ASSERT_TRUE(server_->connection().query("set statement_timeout = 50"));
    EXPECT_EQ(server_->execute("select pg_sleep(5)", false, false).error().code, base::ErrorCode::too_large);
    EXPECT_NE(server_->execute("select no_such_column", false, false).error().code, base::ErrorCode::too_large);
}

TEST(CorpusSchemas, TenOrMoreEachWithJoinsIndexesAndStatementsOfItsOwn) {
    const auto schemas = read_schemas(schema_folder, {}).value();
    EXPECT_GE(schemas.size(), 10U);
    for (const auto& schema : schemas) {
        EXPECT_FALSE(schema.joins.empty()) << schema.name;
        EXPECT_FALSE(schema.indexes.empty()) << schema.name;
        EXPECT_GE(schema.templates.size(), 8U) << schema.name;
    }
}

TEST(CorpusSchemas, AFileThatIsNoSchemaIsRefusedByName) {
    EXPECT_THAT(parse_schema("odd", "select 1;").error().message, testing::HasSubstr("odd.sql"));
    const auto two = parse_schema("odd",
                                  "-- section: tables\ncreate table t (i int);\n-- section: templates\n"
                                  "-- template: both\nselect 1; select 2;\n");
    EXPECT_THAT(two.error().message, testing::HasSubstr("both"));
    EXPECT_FALSE(parse_schema("odd", "-- section: tables\nselect 1;\n-- join: a.b, c.d\n"));
}

}  // namespace
}  // namespace pganalytics::corpus
