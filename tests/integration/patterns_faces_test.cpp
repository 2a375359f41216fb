// Patterns and what they advise as their users meet them: a simulated history in a repository, asked over HTTP and
// through the SQL functions, with a worker behind them.

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "http_world.hpp"
#include "simulation/history_writer.hpp"
#include "workflow/server_roles.hpp"

namespace pganalytics {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr int days = 14;
const std::string routes = "/api/v1/workload-patterns";

template <typename T>
T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(result).value();
}

class PatternFaces : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        world_ = std::make_unique<test::HttpWorld>();
        const auto scenario = must(simulation::parse_scenario(simulation::builtin_scenario("collision"), 1));
        simulation::HistoryOptions options;
        options.days = days;
        options.ends = base::SystemClock().now();
        options.database_name = "market";
        auto history = must(simulation::HistorySimulator::make(scenario, options));
        (void)must(simulation::write_history(*world_->repository, *world_->targets, "simulated", history));
        truth_ = history.truth();
    }
    static void TearDownTestSuite() { world_.reset(); }

    static net::Response analyze(const json& body) {
        return world_->post(routes + "/analyze", world_->operator_, body.dump());
    }
    static json get(const std::string& target, int status = 200) {
        const auto response = world_->get(target, world_->viewer);
        EXPECT_EQ(response.status, status) << target << " " << response.body;
        return json::parse(response.body, nullptr, false);
    }
    static std::string value(const std::string& statement) {
        return must(world_->repository->with_connection(
                        [&](postgres::Connection& connection) { return connection.query(statement, {}); }))
            .text(0, 0);
    }

    inline static std::unique_ptr<test::HttpWorld> world_;
    inline static simulation::HistoryTruth truth_;
};

TEST_F(PatternFaces, AnAnalysisFindsStoresAndAdvises) {
    const auto response = analyze({{"database_name", "market"}});
    ASSERT_EQ(response.status, 200) << response.body;
    const auto answer = json::parse(response.body);
    EXPECT_EQ(answer["database_name"], "market");
    EXPECT_EQ(answer["lookback_days"], 30);
    EXPECT_TRUE(answer["notice"].is_null());
    EXPECT_EQ(answer["patterns_detected"], answer["patterns"].size());
    EXPECT_GE(answer["patterns"].size(), 4U);

    const auto all = get(routes + "?database_name=market");
    EXPECT_EQ(all.size(), answer["patterns"].size());
    const auto jobs = get(routes + "?database_name=market&pattern_type=batch_job&limit=1000");
    EXPECT_GE(jobs.size(), 4U);
    for (const auto& job : jobs) {
        EXPECT_EQ(job["pattern_type"], "batch_job");
        EXPECT_TRUE(job["pattern_metadata"]["start_minute"].is_number());
        EXPECT_FALSE(job["pattern_metadata"]["affected_queries_text"].empty());
    }
    EXPECT_EQ(get(routes + "?database_name=market&limit=2").size(), 2U);
    EXPECT_EQ(get(routes + "?database_name=market&target=simulated").size(), all.size());
    EXPECT_TRUE(get(routes + "?database_name=nowhere").empty());

    const auto advice = get("/api/v1/optimization-recommendations?source_type=workload&database_name=market");
    std::set<std::string> statements;
    for (const auto& each : advice) {
        EXPECT_EQ(each["source_type"], "workload");
        EXPECT_TRUE(each["source_id"].is_null());
        EXPECT_EQ(each["evidence"]["basis"], "measured_time");
        EXPECT_FALSE(each["evidence"]["facts"].empty());
        statements.insert(each["statement"].get<std::string>().substr(0, 24));
    }
    EXPECT_TRUE(statements.contains("CREATE MATERIALIZED VIEW")) << advice.dump(2);

    // Looked at again: the same rows under the same ids.
    EXPECT_EQ(analyze({{"database_name", "market"}}).status, 200);
    std::set<std::int64_t> ids, again;
    for (const auto& each : advice) ids.insert(each["id"].get<std::int64_t>());
    for (const auto& each : get("/api/v1/optimization-recommendations?source_type=workload&database_name=market")) {
        again.insert(each["id"].get<std::int64_t>());
    }
    EXPECT_EQ(ids, again);
}

TEST_F(PatternFaces, DaysAreHeldToTheirRange) {
    EXPECT_EQ(analyze({{"database_name", "market"}, {"lookback_days", 7}}).status, 200);
    const auto capped = json::parse(analyze({{"database_name", "market"}, {"lookback_days", 400}}).body);
    EXPECT_EQ(capped["lookback_days"], 365);
    EXPECT_THAT(capped["notice"].get<std::string>(), HasSubstr("365"));
    EXPECT_EQ(json::parse(analyze({{"database_name", "market"}, {"lookback_days", 365}}).body)["lookback_days"], 365);
    for (const json& days_asked : {json(3), json(6), json(-1), json("30"), json(10.5), json(nullptr)}) {
        const auto refused = analyze({{"database_name", "market"}, {"lookback_days", days_asked}});
        EXPECT_EQ(refused.status, 400) << days_asked;
        EXPECT_EQ(json::parse(refused.body)["errors"][0]["field"], "lookback_days");
    }
}

TEST_F(PatternFaces, BadInputIsNamed) {
    const auto field_of = [](const net::Response& response) {
        EXPECT_EQ(response.status, 400) << response.body;
        return json::parse(response.body)["errors"][0]["field"].get<std::string>();
    };
    EXPECT_EQ(field_of(analyze(json::object())), "database_name");
    EXPECT_EQ(field_of(analyze({{"database_name", ""}})), "database_name");
    EXPECT_EQ(field_of(analyze({{"database_name", 7}})), "database_name");
    EXPECT_EQ(field_of(analyze({{"database_name", "market"}, {"days", 30}})), "days");
    EXPECT_EQ(analyze({{"database_name", "nowhere"}}).status, 404);
    EXPECT_EQ(world_->post(routes + "/analyze", world_->viewer, R"({"database_name": "market"})").status, 403);
    for (const std::string query : {"limit=0", "limit=1001", "limit=x", "pattern_type=magic", "cursor=x", "lmit=5"}) {
        const auto problem = get(routes + "?" + query, 400);
        EXPECT_EQ(problem["errors"][0]["field"], query.substr(0, query.find('='))) << problem.dump();
    }
    get(routes + "?target=nobody", 404);
}

TEST_F(PatternFaces, TheSqlFunctionAnswersAtOnceAndFreshAMomentLater) {
    (void)value(
        "with hidden as (update pganalytics.workload_patterns set is_stale = true where database_name = 'market' "
        "returning id) select count(*) from hidden");
    const std::string count = "select count(*) from pganalytics.detect_workload_patterns('market', 14)";
    EXPECT_EQ(value(count), "0");
    EXPECT_EQ(value("select count(*) from pganalytics.jobs where kind = 'detect_workload_patterns' and status = "
                    "'pending'"),
              "1");
    {
        const workflow::WorkerRole worker(*world_->repository, *world_->targets, base::Config{}, "faces", {});
        const auto deadline = std::chrono::steady_clock::now() + 120s;
        while (std::chrono::steady_clock::now() < deadline &&
               value("select count(*) from pganalytics.jobs where kind = 'detect_workload_patterns' and status in "
                     "('pending', 'running')") != "0") {
            std::this_thread::sleep_for(200ms);
        }
    }
    EXPECT_GE(std::stoi(value(count)), 4);
    EXPECT_EQ(value("select bool_and(confidence between 0 and 1) from "
                    "pganalytics.detect_workload_patterns('market', 14)"),
              "t");
    const auto refused = world_->repository->with_connection([](postgres::Connection& connection) {
        return connection.query("select * from pganalytics.detect_workload_patterns('market', 3)", {});
    });
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().to_string(), HasSubstr("7"));
}

}  // namespace
}  // namespace pganalytics
