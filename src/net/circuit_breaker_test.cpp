#include "net/circuit_breaker.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace pganalytics::net {
namespace {

using namespace std::chrono_literals;

struct CircuitBreakerTest : testing::Test {
    void fail(int times) {
        for (int i = 0; i < times; ++i) {
            auto permit = breaker.try_enter();
            ASSERT_TRUE(permit);
            permit->failed();
        }
    }

    base::ManualClock clock{base::Timestamp{}};
    CircuitBreaker breaker{CircuitOptions{3, 10'000ms}, clock};
};

TEST_F(CircuitBreakerTest, StaysClosedBelowTheLimit) {
    fail(2);
    EXPECT_EQ(breaker.state(), CircuitState::closed);
    EXPECT_EQ(breaker.open_left(), 0ms);
}

TEST_F(CircuitBreakerTest, CountsFailuresInARowOnly) {
    fail(2);
    breaker.try_enter()->succeeded();
    fail(2);
    EXPECT_EQ(breaker.state(), CircuitState::closed);
}

TEST_F(CircuitBreakerTest, OpensAtTheLimitAndSparesTheService) {
    fail(3);
    EXPECT_EQ(breaker.state(), CircuitState::open);
    EXPECT_FALSE(breaker.try_enter());
    clock.advance(9'000ms);
    EXPECT_FALSE(breaker.try_enter());
    EXPECT_EQ(breaker.open_left(), 1'000ms);
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAfterTheTime) {
    fail(3);
    clock.advance(10'000ms);
    EXPECT_EQ(breaker.state(), CircuitState::half_open);
    const auto probe = breaker.try_enter();
    EXPECT_TRUE(probe);
    EXPECT_FALSE(breaker.try_enter());
}

TEST_F(CircuitBreakerTest, ClosesWhenTheProbeSucceeds) {
    fail(3);
    clock.advance(10'000ms);
    breaker.try_enter()->succeeded();
    EXPECT_EQ(breaker.state(), CircuitState::closed);
    fail(2);
    EXPECT_EQ(breaker.state(), CircuitState::closed);
}

TEST_F(CircuitBreakerTest, OpensAgainWhenTheProbeFails) {
    fail(3);
    clock.advance(10'000ms);
    breaker.try_enter()->failed();
    EXPECT_EQ(breaker.state(), CircuitState::open);
    EXPECT_EQ(breaker.open_left(), 10'000ms);
}

TEST_F(CircuitBreakerTest, CountsADroppedPermitAsFailed) {
    fail(3);
    clock.advance(10'000ms);
    { const auto abandoned = breaker.try_enter(); }
    EXPECT_EQ(breaker.state(), CircuitState::open);
}

TEST_F(CircuitBreakerTest, IgnoresReportsFromBeforeTheChange) {
    auto slow = breaker.try_enter();
    auto slow_too = breaker.try_enter();
    fail(3);
    clock.advance(10'000ms);
    auto probe = breaker.try_enter();
    slow->succeeded();
    EXPECT_EQ(breaker.state(), CircuitState::half_open);
    slow_too->failed();
    EXPECT_EQ(breaker.state(), CircuitState::half_open);
    probe->succeeded();
    EXPECT_EQ(breaker.state(), CircuitState::closed);
}

TEST_F(CircuitBreakerTest, NamesItsStates) {
    EXPECT_EQ(to_string(CircuitState::closed), "closed");
    EXPECT_EQ(to_string(CircuitState::open), "open");
    EXPECT_EQ(to_string(CircuitState::half_open), "half_open");
}

}  // namespace
}  // namespace pganalytics::net
