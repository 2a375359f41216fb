#include "patterns/repeated_reads.hpp"

#include <gtest/gtest.h>

namespace pganalytics::patterns {
namespace {

const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
constexpr int days = 14;

StatementActivity at(double minute, double calls = 1, double mean_ms = 500, double rows = 12) {
    const auto begins = start + std::chrono::minutes{static_cast<int>(minute)};
    return {base::QueryHash{1}, begins,      begins + std::chrono::minutes{1}, calls, calls * mean_ms,
            calls * 5000,       calls * rows};
}

std::vector<StatementActivity> every(double minutes, double from = 5, double rows = 12) {
    std::vector<StatementActivity> list;
    for (double minute = from; minute < days * 1440; minute += minutes) list.push_back(at(minute, 1, 500, rows));
    return list;
}

/// One reading a day; `changes` a day, or none.
std::vector<ChangeReading> counters(double changes) {
    std::vector<ChangeReading> list;
    for (int day = 1; day < days; ++day) list.push_back({start + std::chrono::hours{day * 24}, 1000 + day * changes});
    return list;
}

TEST(RepeatedReads, AnHourlyReadOfATableThatIsWrittenAtNight) {
    const auto found = find_repeated_read(every(60), every(1440, 130), counters(50), days);
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->unchanged, 23.0 / 24, 0.01);
    EXPECT_NEAR(found->changes_per_day, 1, 0.1);
    EXPECT_NEAR(found->usual_gap_minutes, 59, 1);
    EXPECT_EQ(found->rows_per_call, 12);
}

TEST(RepeatedReads, NobodyWrites) {
    const auto found = find_repeated_read(every(10), {}, counters(0), days);
    ASSERT_TRUE(found);
    EXPECT_GT(found->unchanged, 0.999);
}

TEST(RepeatedReads, WhatIsWrittenAsOftenAsItIsRead) {
    EXPECT_FALSE(find_repeated_read(every(60), every(60, 30), counters(50), days));
    EXPECT_FALSE(find_repeated_read(every(60), every(60), counters(50), days)) << "in the same minute";
}

TEST(RepeatedReads, CountersThatMoveWhileNobodyIsSeenToWrite) {
    EXPECT_FALSE(find_repeated_read(every(60), {}, counters(1), days));
}

TEST(RepeatedReads, WithoutCountersNothingIsKnown) {
    EXPECT_FALSE(find_repeated_read(every(60), {}, {}, days));
    EXPECT_FALSE(find_repeated_read(every(60), {}, std::vector<ChangeReading>(2), days));
}

TEST(RepeatedReads, AnotherNumberOfRowsIsAnotherResult) {
    auto reads = every(60);
    for (std::size_t i = 0; i < reads.size(); i += 3) reads[i].rows = 20;
    EXPECT_FALSE(find_repeated_read(reads, {}, counters(0), days));
}

TEST(RepeatedReads, CheapRareOrYoungOnesAreLeftAlone) {
    auto cheap = every(60);
    for (auto& each : cheap) each.time_ms = 5;
    EXPECT_FALSE(find_repeated_read(cheap, {}, counters(0), days));
    EXPECT_FALSE(find_repeated_read(every(1440), {}, counters(0), days));
    EXPECT_FALSE(find_repeated_read(every(60), {}, counters(0), 3));
    EXPECT_FALSE(find_repeated_read({}, {}, counters(0), days));
}

}  // namespace
}  // namespace pganalytics::patterns
