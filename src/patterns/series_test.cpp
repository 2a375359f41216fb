#include "patterns/series.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <numeric>

namespace pganalytics::patterns {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

base::Timestamp at(int minute) {
    return base::Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 3 / 2}} + minutes{minute};
}

TEST(BucketAmounts, keeps_zero_apart_from_missing) {
    const std::vector<Amount> amounts{{at(10), at(20), 5}};
    const std::vector<Watch> watched{{at(0), at(120)}, {at(180), at(240)}};
    const Series series = bucket_amounts(amounts, watched, at(0), at(240));
    ASSERT_EQ(series.size(), 4U);
    EXPECT_DOUBLE_EQ(series.values[0], 5);
    EXPECT_DOUBLE_EQ(series.values[1], 0);
    EXPECT_TRUE(is_gap(series.values[2]));
    EXPECT_DOUBLE_EQ(series.values[3], 0);
    EXPECT_EQ(series.observed(), 3U);
}

TEST(BucketAmounts, shares_an_amount_across_a_border_by_time) {
    const std::vector<Amount> amounts{{at(45), at(105), 60}};
    const std::vector<Watch> watched{{at(0), at(120)}};
    const Series series = bucket_amounts(amounts, watched, at(0), at(120));
    EXPECT_DOUBLE_EQ(series.values[0], 15);
    EXPECT_DOUBLE_EQ(series.values[1], 45);
}

TEST(BucketAmounts, scales_a_bucket_watched_in_part) {
    const std::vector<Amount> amounts{{at(0), at(45), 30}};
    const std::vector<Watch> watched{{at(0), at(45)}};
    const Series series = bucket_amounts(amounts, watched, at(0), at(60));
    EXPECT_DOUBLE_EQ(series.values[0], 40);
}

RC_GTEST_PROP(BucketAmounts, loses_nothing_of_what_was_watched, ()) {
    std::vector<Amount> amounts;
    double total = 0;
    for (int i = 0; i < 20; ++i) {
        const int begins = *rc::gen::inRange(0, 1400);
        const int length = *rc::gen::inRange(0, 40);
        const double value = *rc::gen::inRange(0, 1000);
        amounts.push_back({at(begins), at(begins + length), value});
        total += value;
    }
    const std::vector<Watch> watched{{at(0), at(1440)}};
    const Series series = bucket_amounts(amounts, watched, at(0), at(1440));
    RC_ASSERT(std::abs(std::accumulate(series.values.begin(), series.values.end(), 0.0) - total) < 1e-6 * (1 + total));
}

TEST(RegularSeries, puts_gaps_where_points_are_missing) {
    const Series series = regular_series({{at(0), 1}, {at(5), 2}, {at(20), 3}, {at(25), 4}, {at(30), 5}});
    EXPECT_EQ(series.step, base::Seconds{300});
    ASSERT_EQ(series.size(), 7U);
    EXPECT_TRUE(is_gap(series.values[2]));
    EXPECT_TRUE(is_gap(series.values[3]));
    EXPECT_DOUBLE_EQ(series.values[4], 3);
}

TEST(Coarser, is_a_gap_where_most_of_a_group_is) {
    Series fine{at(0), base::Seconds{900}, {1, 1, 1, 1, gap(), gap(), gap(), 1, 2, 2, gap(), 2}};
    const Series hourly = coarser(fine, 4);
    ASSERT_EQ(hourly.size(), 3U);
    EXPECT_DOUBLE_EQ(hourly.values[0], 4);
    EXPECT_TRUE(is_gap(hourly.values[1]));
    EXPECT_DOUBLE_EQ(hourly.values[2], 8);
}

TEST(Coarser, keeps_to_hours_of_utc) {
    const Series fine{at(30), base::Seconds{1800}, {1, 2, 3}};
    const Series hourly = coarser(fine, 2);
    EXPECT_EQ(hourly.begins, at(0));
    ASSERT_EQ(hourly.size(), 2U);
    EXPECT_DOUBLE_EQ(hourly.values[0], 2);
    EXPECT_DOUBLE_EQ(hourly.values[1], 5);
}

}  // namespace
}  // namespace pganalytics::patterns
