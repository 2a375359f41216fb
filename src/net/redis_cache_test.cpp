#include "net/redis_cache.hpp"

#include <gtest/gtest.h>

namespace pganalytics::net {
namespace {

TEST(RedisUrl, LeadsToAServer) {
    const auto plain = parse_redis_url("redis://cache.example");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->host, "cache.example");
    EXPECT_EQ(plain->port, 6379);
    EXPECT_EQ(plain->database, 0);
    const auto full = parse_redis_url("redis://me@[::1]:7000/3");
    ASSERT_TRUE(full);
    EXPECT_EQ(full->host, "::1");
    EXPECT_EQ(full->user, "me");
    EXPECT_EQ(full->port, 7000);
    EXPECT_EQ(full->database, 3);
    const auto socket = parse_redis_url("unix:///run/redis.sock?db=2");
    ASSERT_TRUE(socket);
    EXPECT_EQ(socket->socket_path, "/run/redis.sock");
    EXPECT_EQ(socket->database, 2);
}

TEST(RedisUrl, IsRefusedWhereItLeadsNowhere) {
    for (const char* url : {"", "http://x", "redis://", "redis://h:port", "redis://h:70000", "redis://h/x",
                            "redis://[::1", "unix://relative", "unix:///s?x=1"}) {
        const auto address = parse_redis_url(url);
        ASSERT_FALSE(address) << url;
        EXPECT_EQ(address.error().code, base::ErrorCode::fix_input) << url;
    }
    EXPECT_EQ(parse_redis_url("rediss://h").error().code, base::ErrorCode::unsupported);
}

TEST(RedisUrl, NeverRepeatsAPassword) {
    const auto address = parse_redis_url("redis://me:hunter2@host");
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().to_string().find("hunter2"), std::string::npos);
}

TEST(RedisCache, ThatCannotBeReachedIsSparedSoon) {
    base::ManualClock clock{base::Timestamp{}};
    RedisOptions options;
    options.url = "unix:///nowhere/at/all.sock";
    const auto cache = RedisCache::create(options, clock).value();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(cache->find({1, 2}), nullptr);
    cache->put({1, 2}, std::make_shared<const prediction::Prediction>());
    EXPECT_EQ(cache->counters().failures, 3U);
    EXPECT_EQ(cache->counters().spared, 8U);
    EXPECT_EQ(cache->state(), CircuitState::open);
}

}  // namespace
}  // namespace pganalytics::net
