#include "prediction/lru_cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace pganalytics::prediction {
namespace {

std::shared_ptr<const Prediction> answer(double ms) {
    auto prediction = std::make_shared<Prediction>();
    prediction->predicted_ms = ms;
    return prediction;
}

TEST(LruCache, GivesWhatWasPutUntilItIsTooOld) {
    base::ManualClock clock{base::Timestamp{}};
    LruCache cache({100, std::chrono::milliseconds(1000)}, clock);
    EXPECT_EQ(cache.find({1, 2}), nullptr);
    cache.put({1, 2}, answer(7));
    clock.advance(std::chrono::milliseconds(999));
    ASSERT_NE(cache.find({1, 2}), nullptr);
    EXPECT_EQ(cache.find({1, 2})->predicted_ms, 7);
    EXPECT_EQ(cache.find({1, 3}), nullptr);
    clock.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(cache.find({1, 2}), nullptr);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(LruCache, ForgetsWhatWasUsedLongestAgo) {
    base::ManualClock clock{base::Timestamp{}};
    LruCache cache({2 * 16, std::chrono::hours(1)}, clock);
    // One shard: the same high half.
    cache.put({0, 1}, answer(1));
    cache.put({0, 2}, answer(2));
    ASSERT_NE(cache.find({0, 1}), nullptr);
    cache.put({0, 3}, answer(3));
    EXPECT_NE(cache.find({0, 1}), nullptr);
    EXPECT_EQ(cache.find({0, 2}), nullptr);
    EXPECT_NE(cache.find({0, 3}), nullptr);
}

TEST(LruCache, IsSharedByThreads) {
    base::SystemClock clock;
    LruCache cache({64, std::chrono::hours(1)}, clock);
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                for (std::uint64_t i = 0; i < 5000; ++i) {
                    const std::uint64_t number = (i * 7 + static_cast<std::uint64_t>(thread)) % 200;
                    cache.put({number, number}, answer(static_cast<double>(number)));
                    const auto found = cache.find({number, number});
                    if (found && found->predicted_ms != static_cast<double>(number)) ++wrong;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(cache.size(), 64U);
}

}  // namespace
}  // namespace pganalytics::prediction
