#include "http/router.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "http/routes.hpp"

namespace pganalytics::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Router small_router() {
    Router router;
    router.add({.method = "GET", .pattern = "/things", .role = {}, .handler = {}});
    router.add({.method = "POST", .pattern = "/things", .role = {}, .handler = {}});
    router.add({.method = "GET", .pattern = "/things/{id}", .role = {}, .handler = {}});
    router.add({.method = "DELETE", .pattern = "/things/{id}/parts/{part}", .role = {}, .handler = {}});
    return router;
}

TEST(Router, FindsByMethodAndPath) {
    const Router router = small_router();
    const auto match = router.match("POST", "/things");
    ASSERT_TRUE(match.route);
    EXPECT_EQ(match.route->method, "POST");
}

TEST(Router, HandsDecodedValuesOn) {
    const Router router = small_router();
    const auto match = router.match("DELETE", "/things/a%20b/parts/7%2F8");
    ASSERT_TRUE(match.route);
    EXPECT_EQ(match.path_values.at("id"), "a b");
    EXPECT_EQ(match.path_values.at("part"), "7/8");
}

TEST(Router, AnswersHeadWhereItAnswersGet) {
    const Router router = small_router();
    EXPECT_TRUE(router.match("HEAD", "/things/1").route);
    EXPECT_FALSE(router.match("HEAD", "/things/1/parts/2").route);
}

TEST(Router, TellsWhichMethodsAPathTakes) {
    const Router router = small_router();
    const auto match = router.match("PATCH", "/things");
    EXPECT_FALSE(match.route);
    EXPECT_THAT(match.allowed, ElementsAre("GET", "HEAD", "POST", "OPTIONS"));
}

TEST(Router, KnowsNothingOfOtherPaths) {
    const Router router = small_router();
    for (const auto* path :
         {"/", "", "/thing", "/things/", "/things/1/parts", "//things", "/things/%ff", "/things?x"}) {
        const auto match = router.match("GET", path);
        EXPECT_FALSE(match.route) << path;
        EXPECT_THAT(match.allowed, IsEmpty()) << path;
    }
}

/// "GET /path" of every operation of the document: paths stand two blanks deep below `paths:`, methods four.
std::set<std::string> documented_operations() {
    std::set<std::string> operations;
    bool in_paths = false;
    std::string path;
    for (const auto& line : base::split(openapi_document(), '\n')) {
        if (!line.empty() && line.front() != ' ') in_paths = line == "paths:";
        if (!in_paths) continue;
        if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
        for (const std::string method : {"get", "post", "put", "patch", "delete"}) {
            if (line != "    " + method + ":") continue;
            std::string name = method;
            std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
            operations.insert(name + " " + path);
        }
    }
    return operations;
}

TEST(Routes, AreThoseOfTheDocument) {
    store::Repository repository(base::Secret("host=/nowhere"));
    auto key = store::SealingKey::from_bytes(base::Secret(std::string(32, 'k')));
    ASSERT_TRUE(key);
    store::TargetStore targets(repository, *key);
    const base::SystemClock clock;
    const Metrics metrics("test", {}, clock);
    workflow::PredictionService predictions(
        {repository, targets, clock, base::Log(), base::Secret(std::string(32, 'k'))});
    const RouteContext context{repository, targets, predictions, clock, metrics, "test", {}, {}};
    Router router;
    add_routes(router, context);
    std::set<std::string> served;
    for (const auto& route : router.routes()) served.insert(route.method + " " + route.pattern);
    EXPECT_GT(served.size(), 5U);
    EXPECT_EQ(served, documented_operations());
}

}  // namespace
}  // namespace pganalytics::http
