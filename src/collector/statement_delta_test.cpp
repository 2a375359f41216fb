#include "collector/statement_delta.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace pganalytics::collector {
namespace {

using base::Timestamp;
using workload::Counters;
using workload::StatementKey;

Timestamp at(int seconds) {
    return Timestamp{std::chrono::seconds(1'000'000 + seconds)};
}

StatementKey key(std::int64_t query_id) {
    return {base::Oid{5}, base::Oid{10}, base::QueryId{query_id}, true};
}

Counters counted(std::int64_t calls, double time_ms) {
    Counters counters;
    counters.calls = calls;
    counters.total_exec_time_ms = time_ms;
    counters.rows = calls * 2;
    counters.plans = 0;
    return counters;
}

CumulativeSample sample_at(int seconds, std::vector<CumulativeEntry> entries) {
    CumulativeSample sample;
    sample.began = at(seconds);
    sample.ended = at(seconds) + std::chrono::milliseconds(5);
    sample.entries = std::move(entries);
    sample.stats_reset = at(-1000);
    sample.dealloc = 0;
    sample.server_started = at(-5000);
    return sample;
}

TEST(DeltaTracker, FirstSampleIsABaseline) {
    DeltaTracker tracker;
    const auto result = tracker.advance(sample_at(0, {{key(1), counted(100, 50), {}}}));
    EXPECT_TRUE(result.report.first);
    EXPECT_EQ(result.report.baseline_keys, 1);
    EXPECT_TRUE(result.intervals.empty());
}

TEST(DeltaTracker, GivesTheDifferenceOfWhatRanOnly) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(100, 50), {}}, {key(-2), counted(7, 1), {}}}));
    const auto result = tracker.advance(sample_at(60, {{key(1), counted(130, 65), {}}, {key(-2), counted(7, 1), {}}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].key, key(1));
    EXPECT_EQ(result.intervals[0].delta.calls, 30);
    EXPECT_DOUBLE_EQ(result.intervals[0].delta.total_exec_time_ms, 15);
    EXPECT_EQ(result.intervals[0].begins, at(0) + std::chrono::milliseconds(5));
    EXPECT_EQ(result.intervals[0].ends, at(60) + std::chrono::milliseconds(5));
}

TEST(DeltaTracker, NewKeyAfterACompleteSampleCountsFromZero) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {}));
    const auto result = tracker.advance(sample_at(60, {{key(1), counted(3, 9), {}}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 3);
    EXPECT_EQ(result.intervals[0].delta.plans, 0) << "a counter that is there must not get lost on the way from zero";
    EXPECT_EQ(result.intervals[0].begins, at(0));
}

TEST(DeltaTracker, StatsSinceGivesTheBeginningToTheMicrosecond) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {}));
    const auto result = tracker.advance(sample_at(60, {{key(1), counted(3, 9), at(42)}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].begins, at(42));
}

TEST(DeltaTracker, WithHiddenRowsANewKeyIsABaselineUnlessStatsSinceIsLater) {
    DeltaTracker tracker;
    auto hidden = sample_at(0, {});
    hidden.hidden = 4;
    (void)tracker.advance(hidden);
    const auto result =
        tracker.advance(sample_at(60, {{key(1), counted(300, 9), at(-500)}, {key(2), counted(5, 1), at(30)}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].key, key(2));
    EXPECT_EQ(result.report.baseline_keys, 1);
}

TEST(DeltaTracker, AKeyHiddenForAWhileSpansTheGap) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(10, 10), {}}}));
    auto hidden = sample_at(60, {});
    hidden.hidden = 1;
    EXPECT_EQ(tracker.advance(hidden).report.vanished_keys, 0);
    const auto result = tracker.advance(sample_at(120, {{key(1), counted(25, 30), {}}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 15);
    EXPECT_EQ(result.intervals[0].begins, at(0) + std::chrono::milliseconds(5));
}

TEST(DeltaTracker, ServerWideResetIsKnownEvenWhenCountersAreHigherAfterwards) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(10, 10), {}}}));
    auto after = sample_at(60, {{key(1), counted(25, 30), {}}});
    after.stats_reset = at(20);
    const auto result = tracker.advance(after);
    EXPECT_TRUE(result.report.reset);
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 25) << "all of it was counted after the reset";
    EXPECT_EQ(result.intervals[0].begins, at(20));
}

TEST(DeltaTracker, ACounterThatFallsMeansCountingBeganAnew) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(100, 10), {}}}));
    const auto result = tracker.advance(sample_at(60, {{key(1), counted(4, 30), {}}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 4);
    EXPECT_DOUBLE_EQ(result.intervals[0].delta.total_exec_time_ms, 30);
    EXPECT_EQ(result.report.restarted_keys, 1);
}

TEST(DeltaTracker, EvictedAndBackAgainCountsFromZeroOnce) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(100, 10), {}}}));
    auto gone = sample_at(60, {});
    gone.dealloc = 3;
    const auto without = tracker.advance(gone);
    EXPECT_EQ(without.report.vanished_keys, 1);
    EXPECT_EQ(without.report.evictions, 3);
    auto back = sample_at(120, {{key(1), counted(2, 1), {}}});
    back.dealloc = 3;
    const auto result = tracker.advance(back);
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 2);
    EXPECT_EQ(result.intervals[0].begins, at(60));
}

TEST(DeltaTracker, CleanRestartKeepsCountingAcrossIt) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {{key(1), counted(100, 10), {}}}));
    auto after = sample_at(60, {{key(1), counted(120, 12), {}}});
    after.server_started = at(30);
    const auto result = tracker.advance(after);
    EXPECT_TRUE(result.report.server_restarted);
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 20);
}

TEST(DeltaTracker, AnExtensionUpdateThatBringsResetTimesIsNoReset) {
    DeltaTracker tracker;
    auto before = sample_at(0, {{key(1), counted(100, 10), {}}, {key(2), counted(100, 10), {}}});
    before.stats_reset.reset();
    (void)tracker.advance(before);
    const auto result =
        tracker.advance(sample_at(60, {{key(1), counted(120, 12), at(-500)}, {key(2), counted(130, 13), at(30)}}));
    EXPECT_FALSE(result.report.reset);
    ASSERT_EQ(result.intervals.size(), 2U);
    EXPECT_EQ(result.intervals[0].delta.calls, 20);
    EXPECT_EQ(result.intervals[1].delta.calls, 130) << "made anew after the last sample";
}

TEST(DeltaTracker, AnotherServerBehindTheAddressIsABaseline) {
    for (const bool by_identifier : {false, true}) {
        DeltaTracker tracker;
        auto before = sample_at(0, {{key(1), counted(100, 10), {}}});
        before.system_identifier = 1;
        (void)tracker.advance(before);
        auto after = sample_at(60, {{key(1), counted(5000, 900), {}}, {key(2), counted(70, 7), {}}});
        after.system_identifier = by_identifier ? 2 : 1;
        if (!by_identifier) after.server_started = at(-9000);
        const auto result = tracker.advance(after);
        EXPECT_TRUE(result.report.server_replaced);
        EXPECT_TRUE(result.intervals.empty()) << "a standby's old counters are nothing that ran in this interval";
    }
}

TEST(DeltaTracker, AnUndeliverableKeyWaitsAndLosesNothing) {
    DeltaTracker tracker;
    (void)tracker.advance(sample_at(0, {}));
    const auto never = [](const StatementKey&) { return false; };
    const auto held = tracker.advance(sample_at(60, {{key(1), counted(3, 3), {}}}), never);
    EXPECT_EQ(held.report.waiting_keys, 1);
    EXPECT_TRUE(held.intervals.empty());
    const auto result = tracker.advance(sample_at(120, {{key(1), counted(8, 9), {}}}));
    ASSERT_EQ(result.intervals.size(), 1U);
    EXPECT_EQ(result.intervals[0].delta.calls, 8);
    EXPECT_EQ(result.intervals[0].begins, at(0));
}

/// A model server: entries that run, are evicted, are reset one by one or all together. Whatever happens and whichever
/// extension version tells of it, the intervals never add up to more than what ran, none is negative or reversed, and
/// with nothing evicted or reset they add up exactly.
RC_GTEST_PROP(DeltaTracker, NeverInventsAndLosesOnlyWithLoss, ()) {
    const bool has_since = *rc::gen::arbitrary<bool>();
    const bool has_info = has_since || *rc::gen::arbitrary<bool>();
    std::map<std::int64_t, CumulativeEntry> server;
    std::map<std::int64_t, std::int64_t> really_ran, told;
    bool lossy = false;
    Timestamp reset = at(-1000);
    DeltaTracker tracker;
    bool baseline_taken = false;

    const int rounds = *rc::gen::inRange(2, 12);
    for (int round = 0; round < rounds; ++round) {
        const int events = *rc::gen::inRange(0, 12);
        for (int event = 0; event < events; ++event) {
            const auto now = at(round * 60 - 50 + event);
            const std::int64_t id = *rc::gen::inRange(1, 6);
            switch (*rc::gen::inRange(0, 8)) {
                case 0:
                    lossy = lossy || server.contains(id);
                    server.erase(id);
                    break;
                case 1:
                    lossy = lossy || !server.empty();
                    server.clear();
                    reset = now;
                    break;
                default: {
                    const std::int64_t calls = *rc::gen::inRange(1, 100);
                    auto& entry = server.try_emplace(id, CumulativeEntry{key(id), counted(0, 0), now}).first->second;
                    entry.counters = counted(entry.counters.calls + calls,
                                             entry.counters.total_exec_time_ms + static_cast<double>(calls));
                    if (baseline_taken) really_ran[id] += calls;
                }
            }
        }
        auto sample = sample_at(round * 60, {});
        for (auto [id, entry] : server) {
            if (!has_since) entry.stats_since.reset();
            sample.entries.push_back(entry);
        }
        sample.stats_reset = has_info ? std::optional(reset) : std::nullopt;
        for (const auto& interval : tracker.advance(sample).intervals) {
            RC_ASSERT(interval.begins <= interval.ends);
            RC_ASSERT(interval.delta.calls > 0);
            RC_ASSERT(interval.delta.total_exec_time_ms >= 0);
            told[base::to_integer(interval.key.query_id)] += interval.delta.calls;
        }
        baseline_taken = true;
    }
    for (const auto& [id, calls] : told) RC_ASSERT(calls <= really_ran[id]);
    if (!lossy)
        for (const auto& [id, calls] : really_ran) RC_ASSERT(told[id] == calls);
}

}  // namespace
}  // namespace pganalytics::collector
