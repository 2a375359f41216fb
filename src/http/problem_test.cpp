#include "http/problem.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pganalytics::http {
namespace {

using base::Error;
using base::ErrorCode;

nlohmann::json body_of(const net::Response& response) {
    EXPECT_EQ(response.headers.find("Content-Type"), "application/problem+json");
    return nlohmann::json::parse(response.body);
}

TEST(Problem, CarriesTheMembersOfTheRfc) {
    const Problem problem(Error{ErrorCode::not_found, "There is no target 7.", "List them.", ""});
    const auto response = to_response(problem, "/api/v1/targets/7", "abc");
    EXPECT_EQ(response.status, 404);
    const auto body = body_of(response);
    EXPECT_EQ(body["type"], "urn:pganalytics:problem:not_found");
    EXPECT_EQ(body["title"], "Not found");
    EXPECT_EQ(body["status"], 404);
    EXPECT_EQ(body["detail"], "There is no target 7.");
    EXPECT_EQ(body["hint"], "List them.");
    EXPECT_EQ(body["instance"], "/api/v1/targets/7");
    EXPECT_EQ(body["request_id"], "abc");
    EXPECT_FALSE(body.contains("errors"));
}

TEST(Problem, NamesTheFieldsAtFault) {
    Problem one(Error{ErrorCode::fix_input, "limit is wrong.", "", "limit"});
    EXPECT_EQ(body_of(to_response(one, "", ""))["errors"][0]["field"], "limit");
    one.fields = {{"a", "is empty"}, {"b", "is long"}};
    const auto body = body_of(to_response(one, "", ""));
    ASSERT_EQ(body["errors"].size(), 2U);
    EXPECT_EQ(body["errors"][1]["field"], "b");
    EXPECT_EQ(body["errors"][1]["message"], "is long");
}

TEST(Problem, SurvivesTextThatIsNotUtf8) {
    const auto response = to_response(Error{ErrorCode::fix_input, "bad \xff byte", "", ""}, "/\xc3", "");
    EXPECT_EQ(body_of(response)["detail"], "bad \xEF\xBF\xBD byte.");
}

TEST(Problem, KeepsHeadersStatusAndExtension) {
    Problem problem(Error{ErrorCode::conflict, "Two places.", "", ""});
    problem.status = 429;
    problem.headers.set("Retry-After", "3");
    problem.extension_name = "choices";
    problem.extension_json = "[1,2]";
    const auto response = to_response(problem, "", "");
    EXPECT_EQ(response.status, 429);
    EXPECT_EQ(response.headers.find("Retry-After"), "3");
    const auto body = body_of(response);
    EXPECT_EQ(body["title"], "Too Many Requests");
    EXPECT_EQ(body["choices"].size(), 2U);
}

TEST(Problem, HasAStatusForEveryErrorCode) {
    for (const auto code :
         {ErrorCode::fix_input, ErrorCode::usage, ErrorCode::not_found, ErrorCode::conflict, ErrorCode::unprocessable,
          ErrorCode::too_large, ErrorCode::not_authenticated, ErrorCode::not_allowed, ErrorCode::connect_failed,
          ErrorCode::retry_later, ErrorCode::grant_access, ErrorCode::install_extension, ErrorCode::unsupported,
          ErrorCode::internal}) {
        const auto response = to_response(Error{code, "x", "", ""}, "", "");
        EXPECT_GE(response.status, 400);
        EXPECT_EQ(body_of(response)["status"], response.status);
    }
}

TEST(TransportRefusal, IsAProblemToo) {
    for (const int status : {400, 413, 431, 500, 503}) {
        const auto response = transport_refusal(status, "why");
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(body_of(response)["detail"], "why.");
    }
}

}  // namespace
}  // namespace pganalytics::http
