// The routes over a real repository: what they give, refuse, and never tell.

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "http_world.hpp"

namespace pganalytics::http {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class HttpService : public testing::Test {
  protected:
    static void SetUpTestSuite() { world_ = std::make_unique<test::HttpWorld>(); }
    static void TearDownTestSuite() { world_.reset(); }
    static test::HttpWorld& world() { return *world_; }
    static json get(const std::string& target, int status = 200) {
        const auto response = world().get(target, world().viewer);
        EXPECT_EQ(response.status, status) << target << " " << response.body;
        return json::parse(response.body, nullptr, false);
    }
    /// Next page's target out of the Link field; "" on the last page.
    static std::string next_of(const net::Response& response) {
        const auto link = response.headers.find("Link");
        if (!link) return {};
        EXPECT_THAT(std::string(*link), HasSubstr("; rel=\"next\""));
        return std::string(link->substr(1, link->find('>') - 1));
    }
    inline static std::unique_ptr<test::HttpWorld> world_;
};

TEST_F(HttpService, LivesAndIsReadyWithoutAToken) {
    EXPECT_EQ(world().get("/livez", "").status, 200);
    EXPECT_EQ(json::parse(world().get("/readyz", "").body)["status"], "ready");
    const auto verbose = json::parse(world().get("/readyz?verbose", "").body);
    EXPECT_EQ(verbose["checks"][0]["name"], "repository");
    EXPECT_EQ(verbose["checks"][1]["detail"], "1 of 1 reached");
    EXPECT_THAT(verbose.dump(), Not(HasSubstr("shop")));
}

TEST_F(HttpService, AsksForATokenEverywhereElse) {
    for (const std::string target : {"/metrics", "/api/openapi.yaml", "/api/v1/optimization-recommendations",
                                     "/api/v1/optimization-recommendations/1", "/api/v1/queries", "/api/v1/queries/1",
                                     "/api/v1/targets", "/api/v1/targets/1"}) {
        const auto none = world().get(target, "");
        EXPECT_EQ(none.status, 401) << target;
        EXPECT_EQ(none.headers.find("WWW-Authenticate"), "Bearer realm=\"pganalytics\"");
        const auto wrong = world().get(target, "pga_" + std::string(64, '0'));
        EXPECT_EQ(wrong.status, 401) << target;
        EXPECT_THAT(std::string(wrong.headers.find("WWW-Authenticate").value_or("")), HasSubstr("invalid_token"));
        EXPECT_EQ(world().get(target, world().viewer).status == 401, false) << target;
    }
}

TEST_F(HttpService, ListsRecommendationsBestFirstPageByPage) {
    std::string target = "/api/v1/optimization-recommendations?limit=2&min_impact=15";
    std::vector<double> scores;
    std::set<std::int64_t> ids;
    int pages = 0;
    while (!target.empty()) {
        ASSERT_LT(++pages, 10);
        const auto response = world().get(target, world().viewer);
        ASSERT_EQ(response.status, 200) << response.body;
        const auto page = json::parse(response.body);
        EXPECT_LE(page.size(), 2U);
        for (const auto& each : page) {
            scores.push_back(each["roi_score"]);
            ids.insert(each["id"].get<std::int64_t>());
            EXPECT_GE(each["estimated_improvement_percent"], 15);
            EXPECT_EQ(each["query_hash_text"], std::to_string(base::to_integer(world().own_query)));
        }
        target = next_of(response);
    }
    EXPECT_EQ(ids.size(), 5U);
    EXPECT_TRUE(std::is_sorted(scores.rbegin(), scores.rend()));
}

TEST_F(HttpService, FiltersRecommendations) {
    const std::string base = "/api/v1/optimization-recommendations";
    for (const auto& each : get(base + "?source_type=index")) EXPECT_EQ(each["source_type"], "index");
    EXPECT_EQ(get(base + "?source_type=index").size(), 3U);
    EXPECT_EQ(get(base + "?database_name=other").size(), 0U);
    EXPECT_EQ(get(base + "?target=replica").size(), 0U);
    EXPECT_EQ(get(base + "?target=shop&min_impact=0").size(), 6U);
    get(base + "?target=nobody", 404);
}

TEST_F(HttpService, RefusesParametersOutOfRangeByName) {
    const std::vector<std::pair<std::string, std::string>> faults{
        {"/api/v1/optimization-recommendations?limit=0", "limit"},
        {"/api/v1/optimization-recommendations?limit=501", "limit"},
        {"/api/v1/optimization-recommendations?limit=ten", "limit"},
        {"/api/v1/optimization-recommendations?min_impact=101", "min_impact"},
        {"/api/v1/optimization-recommendations?source_type=magic", "source_type"},
        {"/api/v1/optimization-recommendations?cursor=invented", "cursor"},
        {"/api/v1/optimization-recommendations?cursor=%00", "cursor"},
        {"/api/v1/optimization-recommendations?limt=5", "limt"},
        {"/api/v1/optimization-recommendations?database_name=%ff", "database_name"},
        {"/api/v1/optimization-recommendations/zero", "id"},
        {"/api/v1/queries?order_by=luck", "order_by"},
        {"/api/v1/queries?lookback_hours=0", "lookback_hours"},
        {"/api/v1/queries?cursor=invented", "cursor"},
        {"/api/v1/queries/0", "query_hash"},
        {"/api/v1/queries/99999999999999999999", "query_hash"},
        {"/api/v1/targets/x", "id"},
    };
    for (const auto& [target, field] : faults) {
        const auto problem = get(target, 400);
        ASSERT_TRUE(problem.contains("errors")) << target << " " << problem.dump();
        EXPECT_EQ(problem["errors"][0]["field"], field) << target;
    }
}

TEST_F(HttpService, GivesOneRecommendation) {
    const auto id = std::to_string(base::to_integer(world().recommendation));
    const auto found = get("/api/v1/optimization-recommendations/" + id);
    EXPECT_EQ(found["id"], base::to_integer(world().recommendation));
    EXPECT_EQ(found["evidence"]["facts"][0], "60 calls a minute.");
    EXPECT_EQ(found["evidence"]["costs"][0]["query_hash_text"], std::to_string(base::to_integer(world().own_query)));
    get("/api/v1/optimization-recommendations/999999", 404);
}

TEST_F(HttpService, ListsQueriesInTheOrderAskedFor) {
    const auto by_time = get("/api/v1/queries?database_name=shop");
    ASSERT_EQ(by_time.size(), 4U) << by_time.dump();
    EXPECT_GE(by_time[0]["total_exec_time_ms"], by_time[1]["total_exec_time_ms"]);
    const auto by_calls = get("/api/v1/queries?database_name=shop&order_by=calls&direction=asc");
    EXPECT_LE(by_calls[0]["calls"], by_calls[3]["calls"]);
    EXPECT_EQ(get("/api/v1/queries?text=CUSTOMERS").size(), 1U);
    EXPECT_EQ(get("/api/v1/queries?target=replica").size(), 1U);
    EXPECT_EQ(get("/api/v1/queries?min_calls=1000").size(), 0U);
    const auto page = world().get("/api/v1/queries?database_name=shop&limit=3", world().viewer);
    const auto rest = json::parse(world().get(next_of(page), world().viewer).body);
    EXPECT_EQ(rest.size(), 1U);
}

TEST_F(HttpService, GivesOneQueryWithItsCounters) {
    const auto hash = std::to_string(base::to_integer(world().own_query));
    const auto query = get("/api/v1/queries/" + hash);
    EXPECT_EQ(query["query_hash_text"], hash);
    EXPECT_EQ(query["query_hash"], base::to_integer(world().own_query));
    EXPECT_EQ(query["counters"]["shared_blks_hit"], 4000);
    EXPECT_TRUE(query["counters"]["wal_buffers_full"].is_null());
    EXPECT_EQ(query["query_ids"][0], "43");
    get("/api/v1/queries/12345", 404);
}

TEST_F(HttpService, OffersTheChoicesOfAnAmbiguousQuery) {
    const auto hash = std::to_string(base::to_integer(world().shared_query));
    const auto problem = get("/api/v1/queries/" + hash, 409);
    ASSERT_EQ(problem["choices"].size(), 2U);
    for (const auto& choice : problem["choices"]) {
        const auto target = std::to_string(choice["target"].get<std::int64_t>());
        EXPECT_EQ(get("/api/v1/queries/" + hash + "?target=" + target)["target_name"], choice["target_name"]);
    }
}

TEST_F(HttpService, ShowsTargetsWithoutTheirSecrets) {
    const auto targets = world().get("/api/v1/targets", world().admin);
    EXPECT_EQ(json::parse(targets.body).size(), 2U);
    EXPECT_THAT(targets.body, HasSubstr("db.example"));
    EXPECT_THAT(targets.body, Not(HasSubstr("canary-secret")));
    EXPECT_EQ(get("/api/v1/targets/1")["server_version"], 150018);
    get("/api/v1/targets/77", 404);
}

TEST_F(HttpService, DismissesForOperatorsOnly) {
    const auto list = get("/api/v1/optimization-recommendations?min_impact=0&limit=500");
    const auto id = std::to_string(list.back()["id"].get<std::int64_t>());
    const auto path = "/api/v1/optimization-recommendations/" + id + "/dismiss";
    EXPECT_EQ(world().post(path, world().viewer, R"({"reason":"r"})").status, 403);
    EXPECT_EQ(world().post(path, "", R"({"reason":"r"})").status, 401);
    EXPECT_EQ(world().post(path, world().operator_, R"({"reason":"r"})", "text/plain").status, 415);
    EXPECT_EQ(world().post(path, world().operator_, R"({"reason":"r")").status, 400);
    EXPECT_EQ(world().post(path, world().operator_, R"(["reason"])").status, 400);
    EXPECT_EQ(world().post(path, world().operator_, R"({"reason":" "})").status, 400);
    EXPECT_EQ(world().post(path, world().operator_, R"({"reason":"r","x":1})").status, 400);
    EXPECT_EQ(world().post(path, world().operator_, "").status, 400);
    EXPECT_EQ(world().post(path, world().operator_, std::string(100'000, ' ')).status, 413);
    EXPECT_EQ(world()
                  .post("/api/v1/optimization-recommendations/999999/dismiss", world().operator_, R"({"reason":"r"})")
                  .status,
              404);

    const auto dismissed = world().post(path, world().operator_, R"({"reason":"it goes away"})");
    ASSERT_EQ(dismissed.status, 200) << dismissed.body;
    EXPECT_EQ(json::parse(dismissed.body)["dismissal_reason"], "it goes away");
    const auto shown = get("/api/v1/optimization-recommendations?min_impact=0&limit=500");
    EXPECT_EQ(shown.size() + 1, list.size());
    const auto all = get("/api/v1/optimization-recommendations?min_impact=0&limit=500&include_dismissed=true");
    EXPECT_EQ(all.size(), list.size());
}

TEST_F(HttpService, AnswersUnchangedWith304) {
    const std::string target = "/api/v1/targets";
    const auto first = world().get(target, world().viewer);
    const auto tag = first.headers.find("ETag");
    ASSERT_TRUE(tag);
    const auto same = world().get(target, world().viewer, {{"If-None-Match", "\"other\", W/" + std::string(*tag)}});
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(same.headers.find("ETag"), tag);
    EXPECT_EQ(world().get(target, world().viewer, {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(HttpService, KnowsMethods) {
    const auto refused = world().post("/api/v1/targets", world().admin, "{}");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.headers.find("Allow"), "GET, HEAD, OPTIONS");
    const auto options = world().send({.method = "OPTIONS", .target = "/api/v1/targets"}, "");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.headers.find("Allow"), "GET, HEAD, OPTIONS");
    const auto head = world().send({.method = "HEAD", .target = "/api/v1/targets"}, world().viewer);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(world().get("/api/v1/nothing", world().viewer).status, 404);
    EXPECT_EQ(world().get("/", "").status, 404);
}

TEST_F(HttpService, SetsSecurityHeadersAndARequestIdOnEverything) {
    for (const std::string target : {"/livez", "/nothing", "/api/v1/targets", "/metrics"}) {
        const auto response = world().get(target, world().viewer);
        EXPECT_EQ(response.headers.find("X-Content-Type-Options"), "nosniff") << target;
        EXPECT_EQ(response.headers.find("Referrer-Policy"), "no-referrer") << target;
        EXPECT_TRUE(response.headers.find("Content-Security-Policy")) << target;
        EXPECT_TRUE(response.headers.find("X-Request-Id")) << target;
    }
    EXPECT_EQ(world().get("/livez", "", {{"X-Request-Id", "abc-123"}}).headers.find("X-Request-Id"), "abc-123");
    EXPECT_NE(world().get("/livez", "", {{"X-Request-Id", "a b\"c"}}).headers.find("X-Request-Id"), "a b\"c");
}

TEST_F(HttpService, LogsWhoAskedWhatAndNoSecret) {
    (void)world().get("/api/v1/queries?text=needle-in-text", world().viewer, {{"X-Request-Id", "find-me"}});
    std::string log;
    for (const auto& line : *world().log_lines) log += line + "\n";
    EXPECT_THAT(log, HasSubstr("request_id=find-me"));
    EXPECT_THAT(log, HasSubstr("route=/api/v1/queries"));
    EXPECT_THAT(log, HasSubstr("a viewer"));
    EXPECT_THAT(log, Not(HasSubstr(world().viewer)));
    EXPECT_THAT(log, Not(HasSubstr("needle-in-text")));
    EXPECT_THAT(log, Not(HasSubstr("canary-secret")));
}

TEST_F(HttpService, GivesMetricsThatPromtoolAccepts) {
    (void)get("/api/v1/targets");
    const auto metrics = world().get("/metrics", world().viewer);
    ASSERT_EQ(metrics.status, 200);
    EXPECT_THAT(metrics.body, HasSubstr("pganalytics_repository_up 1"));
    EXPECT_THAT(metrics.body, HasSubstr("pganalytics_target_up{target_id=\"1\",target=\"shop\"} 1"));
    EXPECT_THAT(metrics.body, HasSubstr("pganalytics_recommendations{database_name=\"shop\",source_type=\"index\"}"));
    EXPECT_THAT(metrics.body, HasSubstr("route=\"/api/v1/targets\""));
    const auto file = std::filesystem::temp_directory_path() / ("pganalytics-metrics-" + std::to_string(::getpid()));
    std::ofstream(file) << metrics.body;
    // scripts/setup puts promtool there where the system has none.
    const std::string path = "PATH=\"$PATH:" PGANALYTICS_SOURCE_DIR "/build/tools\" ";
    const auto command =
        path + "promtool check metrics --extended < " + file.string() + " > " + file.string() + ".out 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream out(file.string() + ".out");
    const std::string said((std::istreambuf_iterator<char>(out)), std::istreambuf_iterator<char>());
    EXPECT_EQ(status, 0) << said;
    std::filesystem::remove(file);
    std::filesystem::remove(file.string() + ".out");
}

TEST_F(HttpService, ServesItsOwnDescription) {
    const auto response = world().get("/api/openapi.yaml", world().viewer);
    EXPECT_EQ(response.headers.find("Content-Type"), "application/yaml");
    std::ifstream file(std::string(PGANALYTICS_SOURCE_DIR) + "/api/openapi.yaml");
    const std::string document((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(response.body, document);
}

TEST(HttpServiceLimits, TellsWhoAsksTooOftenToWait) {
    test::HttpWorld world({1, 5}, {1, 5});
    int refused = 0;
    for (int i = 0; i < 10; ++i) {
        const auto response = world.get("/api/v1/targets", world.viewer);
        if (response.status != 429) continue;
        ++refused;
        EXPECT_EQ(response.headers.find("Retry-After"), "1");
    }
    EXPECT_GE(refused, 3);
    EXPECT_EQ(world.get("/api/v1/targets", world.admin).status, 200);
    int wrong_refused = 0;
    for (int i = 0; i < 10; ++i) wrong_refused += world.get("/api/v1/targets", "guess").status == 429 ? 1 : 0;
    EXPECT_GE(wrong_refused, 3);
}

TEST(HttpServiceFaults, SaysThatTheRepositoryIsDownAndComesBack) {
    test::HttpWorld world;
    ASSERT_EQ(world.get("/api/v1/targets", world.viewer).status, 200);
    world.cluster.stop();
    const auto down = world.get("/api/v1/targets", world.viewer);
    EXPECT_EQ(down.status, 503);
    EXPECT_TRUE(down.headers.find("Retry-After"));
    EXPECT_EQ(world.get("/readyz", "").status, 503);
    EXPECT_EQ(world.get("/livez", "").status, 200);
    EXPECT_EQ(world.get("/api/v1/targets", world.admin).status, 503);
    const auto metrics = world.get("/metrics", world.viewer);
    EXPECT_EQ(metrics.status, 200);
    EXPECT_THAT(metrics.body, HasSubstr("pganalytics_repository_up 0"));
    world.cluster.start();
    EXPECT_EQ(world.get("/api/v1/targets", world.viewer).status, 200);
    EXPECT_EQ(world.get("/readyz", "").status, 200);
}

}  // namespace
}  // namespace pganalytics::http
