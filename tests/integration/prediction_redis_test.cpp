// Redis behind predictions: it may be killed, stopped or filled with garbage, and no answer changes for it, nor comes
// much later.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "net/redis_cache.hpp"
#include "prediction/prediction_json.hpp"
#include "prediction_world.hpp"
#include "support/test_redis.hpp"

namespace pganalytics {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::PredictionWorld;

class PredictionRedisTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        world_ = std::make_unique<PredictionWorld>();
        (void)must(store::ModelStore(*world_->repository).activate(world_->train()));
        const auto service = world_->service();
        for (const auto& statement : world_->statements) {
            expected_[statement.name] = must(service->predict(world_->request(statement.name))).predicted_ms;
        }
    }
    static void TearDownTestSuite() { world_.reset(); }
    static PredictionWorld& world() { return *world_; }

    /// Patient, unless a fault is to be met: a busy machine is none.
    static std::shared_ptr<net::RedisCache> cache(std::chrono::milliseconds timeout = 2s) {
        net::RedisOptions options;
        options.url = redis_.url();
        options.timeout = timeout;
        options.connect_timeout = 4 * timeout;
        options.signing_key = PredictionWorld::signing_key;
        options.circuit.open_for = 300ms;
        return must(net::RedisCache::create(options, world().clock));
    }

    /// Asks `rounds` times for every statement; the 99th percentile in milliseconds. Every answer is right.
    static double ask_all(workflow::PredictionService& service, int rounds) {
        std::vector<double> took;
        for (int round = 0; round < rounds; ++round) {
            for (const auto& statement : world().statements) {
                const auto begin = std::chrono::steady_clock::now();
                const auto prediction = service.predict(world().request(statement.name));
                took.push_back(
                    std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
                EXPECT_TRUE(prediction) << prediction.error().to_string();
                if (!prediction) continue;
                // The past grows by the minute; what it says stays where it was.
                EXPECT_NEAR(std::log(prediction->predicted_ms), std::log(expected_[statement.name]), 0.05);
                EXPECT_EQ(prediction->query_hash, statement.query_hash);
            }
        }
        const auto at = static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(took.size() - 1));
        std::nth_element(took.begin(), took.begin() + at, took.end());
        return took[static_cast<std::size_t>(at)];
    }

    static inline test_support::TestRedis redis_;

  private:
    static inline std::unique_ptr<PredictionWorld> world_;
    static inline std::map<std::string, double> expected_;
};

TEST_F(PredictionRedisTest, IsSharedByProcesses) {
    auto redis = cache();
    const auto first = world().service(redis);
    const auto answer = must(first->predict(world().request("join")));
    EXPECT_FALSE(answer.cached);
    const auto other_redis = cache();
    const auto second = world().service(other_redis);
    const auto shared = must(second->predict(world().request("join")));
    EXPECT_TRUE(shared.cached);
    EXPECT_EQ(shared.prediction_id, answer.prediction_id);
    auto as_cached = answer;
    as_cached.cached = true;
    EXPECT_EQ(prediction::to_json(shared).dump(), prediction::to_json(as_cached).dump());
    EXPECT_EQ(second->counters().outer_cache_hits, 1U);
}

TEST_F(PredictionRedisTest, GarbageIsNoAnswer) {
    auto redis = cache();
    (void)ask_all(*world().service(redis), 1);
    const std::string signature(64, '0');
    for (const std::string& garbage :
         {std::string("garbage"), std::string(), signature + " {\"predicted_execution_time_ms\": 1}",
          std::string(100'000, '\xFF'), std::string("\0\1\2", 3)}) {
        ASSERT_GT(redis_.overwrite_all(garbage), 0);
        // No answers of its own: each is asked of Redis.
        (void)ask_all(*world().service(redis, true), 1);
        (void)ask_all(*world().service(redis, true), 1);
    }
    EXPECT_GE(redis->counters().refused, 5 * world().statements.size());
    EXPECT_EQ(redis->counters().failures, 0U);
}

TEST_F(PredictionRedisTest, AValueUnderAnotherKeyIsNoAnswer) {
    auto redis = cache();
    const prediction::CacheKey one{1, 2}, other{3, 4};
    redis->put(one,
               std::make_shared<prediction::Prediction>(must(world().service()->predict(world().request("by_key")))));
    ASSERT_NE(redis->find(one), nullptr);
    EXPECT_EQ(redis->find(other), nullptr);
    net::RedisOptions options;
    options.url = redis_.url();
    options.signing_key = base::Secret("another");
    EXPECT_EQ(must(net::RedisCache::create(options, world().clock))->find(one), nullptr);
}

TEST_F(PredictionRedisTest, KilledOrStoppedItCostsNextToNothing) {
    constexpr int rounds = 40;
    // Answers are not kept in the process, so that every one of them goes by way of Redis.
    auto redis = cache(net::RedisOptions{}.timeout);
    const auto service = world().service(redis, false);
    (void)ask_all(*service, 1);
    const double normal = ask_all(*service, rounds);
    redis_.freeze();
    const double stopped = ask_all(*service, rounds);
    EXPECT_NE(redis->state(), net::CircuitState::closed);
    redis_.thaw();
    std::this_thread::sleep_for(400ms);
    (void)ask_all(*service, 1);
    EXPECT_EQ(redis->state(), net::CircuitState::closed);
    redis_.kill();
    const double killed = ask_all(*service, rounds);
    redis_.start();
    std::this_thread::sleep_for(400ms);
    const double again = ask_all(*service, rounds);
    EXPECT_EQ(redis->state(), net::CircuitState::closed);
    std::cout << "p99 in ms: normal " << normal << ", stopped " << stopped << ", killed " << killed << ", again "
              << again << '\n';
    EXPECT_LE(stopped, normal + 50);
    EXPECT_LE(killed, normal + 50);
}

}  // namespace
}  // namespace pganalytics
