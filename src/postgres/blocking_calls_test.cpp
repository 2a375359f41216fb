#include "postgres/blocking_calls.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace pganalytics::postgres {
namespace {

using std::chrono::milliseconds;

base::Deadline soon() {
    return base::Deadline::after(milliseconds(20));
}
base::Deadline later() {
    return base::Deadline::after(std::chrono::seconds(20));
}

TEST(BlockingCalls, GivesTheResultOfACallThatReturns) {
    BlockingCalls calls(2);
    const auto result = std::make_shared<int>(0);
    EXPECT_TRUE(calls.run([result] { *result = 42; }, later()));
    EXPECT_EQ(*result, 42);
}

TEST(BlockingCalls, AStuckCallCostsTheDeadlineAndOnePlace) {
    BlockingCalls calls(2);
    const auto release = std::make_shared<std::promise<void>>();
    const std::shared_future<void> released = release->get_future().share();
    EXPECT_FALSE(calls.run([released] { released.wait(); }, soon()));
    EXPECT_TRUE(calls.run([] {}, later())) << "the second thread is free";
    EXPECT_FALSE(calls.run([released] { released.wait(); }, soon()));
    // Both are stuck: the next one waits in line no longer than its own deadline, and is not started any more.
    const auto started = std::make_shared<std::atomic<bool>>(false);
    EXPECT_FALSE(calls.run([started] { *started = true; }, soon()));
    release->set_value();
    EXPECT_TRUE(calls.run([] {}, later())) << "places come back once the calls return";
    EXPECT_FALSE(*started) << "nobody waits for it any more";
}

TEST(BlockingCalls, StuckCallsMayOutliveThePool) {
    const auto release = std::make_shared<std::promise<void>>();
    const auto ended = std::make_shared<std::promise<void>>();
    const std::shared_future<void> released = release->get_future().share();
    {
        BlockingCalls calls(1);
        EXPECT_FALSE(calls.run(
            [released, ended] {
                released.wait();
                ended->set_value();
            },
            soon()));
    }
    release->set_value();
    EXPECT_EQ(ended->get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

}  // namespace
}  // namespace pganalytics::postgres
