#include "workflow/load_series.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

using namespace std::chrono_literals;

const base::Timestamp begin = base::parse_rfc3339("2026-11-01T00:00:00Z").value();
constexpr base::QueryHash job{7};
constexpr base::QueryHash traffic{8};

store::LoadRow row(base::QueryHash query, std::chrono::minutes from, std::chrono::minutes to, double calls,
                   double time_ms) {
    const auto bucket = std::chrono::floor<std::chrono::hours>(begin + from);
    return {query, bucket, base::Seconds(3600), begin + from, begin + to, calls, time_ms};
}

std::vector<store::ObservedSpan> watched(std::chrono::hours from, std::chrono::hours to) {
    return {{begin + from, begin + to}};
}

TEST(LoadSeries, AStartIsKnownToTheMinuteFromAnHoursRow) {
    const std::vector rows{row(job, 135min, 147min, 12, 600'000)};
    const auto spans = watched(0h, 24h);
    const auto history = database_history("shop", {}, {begin, begin + 24h}, rows, rows, spans);
    ASSERT_EQ(history.queries.size(), 1U);
    ASSERT_TRUE(history.queries[0].fine_time_ms);
    const auto& fine = *history.queries[0].fine_time_ms;
    ASSERT_EQ(fine.size(), 1440U);
    EXPECT_EQ(fine.values[134], 0);
    EXPECT_NEAR(fine.values[135], 50'000, 1);
    EXPECT_NEAR(fine.values[146], 50'000, 1);
    EXPECT_EQ(fine.values[147], 0);
    EXPECT_NEAR(history.time_ms.values[2], 600'000, 1);
}

TEST(LoadSeries, AStatementLongerThanItsIntervalIsLaidBack) {
    // Counted in the minute in which it ended, after twenty.
    const std::vector rows{row(job, 150min, 151min, 1, 20 * 60'000.0)};
    const auto history = database_history("shop", {}, {begin, begin + 24h}, rows, rows, watched(0h, 24h));
    const auto& fine = *history.queries[0].fine_time_ms;
    EXPECT_EQ(fine.values[130], 0);
    EXPECT_GT(fine.values[131], 0);
    EXPECT_GT(fine.values[150], 0);
}

TEST(LoadSeries, WhatNobodyWatchedIsAGapAndNotIdle) {
    const std::vector rows{row(traffic, 60min, 120min, 100, 1000)};
    const auto history = database_history("shop", {}, {begin, begin + 24h}, rows, {}, watched(0h, 12h));
    EXPECT_EQ(history.calls.values[3], 0);
    EXPECT_TRUE(patterns::is_gap(history.calls.values[13]));
    EXPECT_EQ(history.calls.observed(), 12U);
    EXPECT_FALSE(history.queries[0].fine_calls);
}

TEST(LoadSeries, OnlyWhatIsIdleMostOfTheTimeIsWorthMinutes) {
    std::vector<store::LoadRow> rows{row(job, 135min, 147min, 12, 600'000)};
    for (int hour = 0; hour < 24; ++hour) {
        rows.push_back(row(traffic, std::chrono::hours{hour}, std::chrono::hours{hour + 1}, 100, 9'000'000));
    }
    EXPECT_EQ(mostly_idle(rows, watched(0h, 24h), 10), std::vector{job});
    EXPECT_TRUE(mostly_idle(rows, watched(0h, 24h), 0).empty());
}

TEST(LoadSeries, TheHeaviestStatementComesFirst) {
    const std::vector rows{row(job, 0min, 60min, 1, 10), row(traffic, 0min, 60min, 1, 5000)};
    const auto history = database_history("shop", {}, {begin, begin + 24h}, rows, {}, watched(0h, 24h));
    ASSERT_EQ(history.queries.size(), 2U);
    EXPECT_EQ(history.queries[0].query_hash, traffic);
}

}  // namespace
}  // namespace pganalytics::workflow
