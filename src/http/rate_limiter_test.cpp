#include "http/rate_limiter.hpp"

#include <gtest/gtest.h>

namespace pganalytics::http {
namespace {

using namespace std::chrono_literals;

struct RateLimiterTest : testing::Test {
    base::ManualClock clock{base::Timestamp{}};
    RateLimiter limiter{RateLimit{2, 4}, clock};
};

TEST_F(RateLimiterTest, TakesABurstAndThenSaysHowLongToWait) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(limiter.take("a"), std::nullopt) << i;
    EXPECT_EQ(limiter.take("a"), 1s);
}

TEST_F(RateLimiterTest, RefillsWithTime) {
    for (int i = 0; i < 4; ++i) (void)limiter.take("a");
    clock.advance(500ms);
    EXPECT_EQ(limiter.take("a"), std::nullopt);
    EXPECT_NE(limiter.take("a"), std::nullopt);
    clock.advance(1h);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(limiter.take("a"), std::nullopt) << i;
    EXPECT_NE(limiter.take("a"), std::nullopt);
}

TEST_F(RateLimiterTest, CountsEachKeyByItself) {
    for (int i = 0; i < 5; ++i) (void)limiter.take("a");
    EXPECT_EQ(limiter.take("b"), std::nullopt);
}

TEST_F(RateLimiterTest, WaitsLongerWhenTheRateIsLow) {
    RateLimiter slow(RateLimit{0.1, 1}, clock);
    EXPECT_EQ(slow.take("a"), std::nullopt);
    EXPECT_EQ(slow.take("a"), 10s);
}

TEST_F(RateLimiterTest, StillCountsAfterForgettingMany) {
    for (int i = 0; i < 5; ++i) (void)limiter.take("a");
    for (int i = 0; i < 20'000; ++i) (void)limiter.take(std::to_string(i));
    EXPECT_NE(limiter.take("a"), std::nullopt);
}

}  // namespace
}  // namespace pganalytics::http
