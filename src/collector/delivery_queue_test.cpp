#include "collector/delivery_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "collector/backoff.hpp"

namespace pganalytics::collector {
namespace {

using ::testing::ElementsAre;

class MemorySink final : public Sink {
  public:
    base::Status deliver(const Delivery& delivery) override {
        const auto& state = std::get<StateDelivery>(delivery.content);
        if (refuse && refuse(state)) return base::Error{code, "down", "", ""};
        const std::lock_guard lock(mutex);
        taken.push_back(state.detail);
        return {};
    }
    base::Result<std::vector<store::KnownStatement>> known_statements(base::TargetId) override {
        return std::vector<store::KnownStatement>{};
    }
    std::vector<std::string> seen() {
        const std::lock_guard lock(mutex);
        return taken;
    }
    std::function<bool(const StateDelivery&)> refuse;
    base::ErrorCode code = base::ErrorCode::retry_later;
    std::mutex mutex;
    std::vector<std::string> taken;
};

Delivery delivery(int target, std::string detail) {
    return {base::TargetId{target}, StateDelivery{"ok", std::move(detail)}};
}

/// Until it holds; the queue's thread decides when.
bool comes_true(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

TEST(DeliveryQueue, KeepsEverythingWhileTheSinkIsDownAndItsOrder) {
    std::atomic<bool> down = true;
    MemorySink sink;
    sink.refuse = [&](const StateDelivery&) { return down.load(); };
    DeliveryQueue queue(sink, 1000000, {});
    for (int i = 0; i < 6; ++i) queue.push(delivery(1, std::to_string(i)));
    EXPECT_TRUE(comes_true([&] { return queue.state().sink_down; }));
    EXPECT_EQ(queue.state().waiting, 6U);
    down = false;
    EXPECT_TRUE(comes_true([&] { return queue.state().delivered == 6; }));
    EXPECT_THAT(sink.seen(), ElementsAre("0", "1", "2", "3", "4", "5"));
    EXPECT_FALSE(queue.state().sink_down);
    EXPECT_EQ(queue.state().waiting_bytes, 0U);
}

TEST(DeliveryQueue, HasNoRoomBeyondItsBound) {
    MemorySink sink;
    sink.refuse = [](const StateDelivery&) { return true; };
    DeliveryQueue queue(sink, 2000, {});
    EXPECT_TRUE(queue.has_room());
    for (int i = 0; i < 20; ++i) queue.push(delivery(1, std::string(200, 'x')));
    EXPECT_FALSE(queue.has_room());
}

TEST(DeliveryQueue, ADeliveryAtFaultDoesNotHoldUpOthers) {
    MemorySink sink;
    sink.refuse = [](const StateDelivery& state) { return state.detail == "bad"; };
    DeliveryQueue queue(sink, 1000000, {});
    queue.push(delivery(1, "bad"));
    for (int i = 0; i < 10; ++i) queue.push(delivery(2, std::to_string(i)));
    EXPECT_TRUE(comes_true([&] { return queue.state().delivered == 10; }));
    EXPECT_TRUE(comes_true([&] { return queue.state().refused == 1; }));
}

TEST(DeliveryQueue, WhatRepeatingCannotMendIsDroppedAtOnce) {
    MemorySink sink;
    sink.code = base::ErrorCode::fix_input;
    sink.refuse = [](const StateDelivery& state) { return state.detail == "bad"; };
    DeliveryQueue queue(sink, 1000000, {});
    queue.push(delivery(1, "bad"));
    queue.push(delivery(1, "good"));
    EXPECT_TRUE(comes_true([&] { return queue.state().delivered == 1; }));
    EXPECT_EQ(queue.state().refused, 1U);
}

TEST(DeliveryQueue, DeliversWhatWaitsBeforeItGoes) {
    MemorySink sink;
    {
        DeliveryQueue queue(sink, 1000000, {});
        for (int i = 0; i < 50; ++i) queue.push(delivery(1, std::to_string(i)));
    }
    EXPECT_EQ(sink.seen().size(), 50U);
}

TEST(Backoff, DoublesWithJitterUpToItsLongest) {
    using namespace std::chrono_literals;
    Backoff backoff(100ms, 5000ms, 7);
    for (int i = 0; i < 100; ++i) {
        const auto whole = std::min<std::int64_t>(5000, std::int64_t{100} << std::min(i, 20));
        const auto wait = backoff.next().count();
        EXPECT_GE(wait, whole / 2);
        EXPECT_LE(wait, whole);
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), 100ms);
}

}  // namespace
}  // namespace pganalytics::collector
