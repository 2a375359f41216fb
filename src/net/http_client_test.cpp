#include "net/http_client.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace pganalytics::net {
namespace {

using namespace std::chrono_literals;

TEST(RetryPause, DoublesUpToTheLongest) {
    const RetryPolicy policy{5, 100ms, 1'000ms};
    EXPECT_EQ(retry_pause(policy, 1, 0.5), 50ms);
    EXPECT_EQ(retry_pause(policy, 2, 0.5), 100ms);
    EXPECT_EQ(retry_pause(policy, 4, 0.5), 400ms);
    EXPECT_EQ(retry_pause(policy, 5, 0.5), 500ms);
    EXPECT_EQ(retry_pause(policy, 500, 0.5), 500ms);
}

RC_GTEST_PROP(RetryPause, IsNeverNegativeNorLongerThanTheLongest, ()) {
    const RetryPolicy policy{3, std::chrono::milliseconds(*rc::gen::inRange(0, 10'000)),
                             std::chrono::milliseconds(*rc::gen::inRange(0, 10'000))};
    const int attempt = *rc::gen::inRange(-5, 5'000);
    const double uniform = *rc::gen::inRange(0, 1'000) / 1'000.0;
    const auto pause = retry_pause(policy, attempt, uniform);
    RC_ASSERT(pause >= 0ms);
    RC_ASSERT(pause <= policy.longest_pause);
}

TEST(HttpClient, RefusesWhatIsNoUrl) {
    const base::SystemClock clock;
    for (const std::string url : {"", "localhost:8080", "ftp://host", "http://", "http://user:secret@host",
                                  "http://h:0", "http://h:65536", "http://h:8x", "http://[::1", "https://:443"}) {
        const auto client = HttpClient::create({.base_url = url}, clock);
        ASSERT_FALSE(client) << url;
        EXPECT_EQ(client.error().code, base::ErrorCode::fix_input) << url;
        EXPECT_FALSE(client.error().hint.empty());
    }
}

}  // namespace
}  // namespace pganalytics::net
