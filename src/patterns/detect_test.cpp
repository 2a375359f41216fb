#include "patterns/detect.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

namespace pganalytics::patterns {
namespace {

// A Monday.
const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

struct World {
    std::mt19937_64 engine{17};

    Series calls(int days, auto&& rate) {
        Series series{start, base::Seconds{3600}, {}};
        for (int t = 0; t < days * 24; ++t) {
            series.values.push_back(std::poisson_distribution<>(rate(t % 24, t / 24 % 7))(engine));
        }
        return series;
    }
};

DatabaseHistory history_of(const Series& calls) {
    DatabaseHistory history;
    history.database_name = "shop";
    history.calls = calls;
    history.time_ms = calls;
    history.queries.push_back({base::QueryHash{1}, calls, calls, std::nullopt, std::nullopt});
    return history;
}

std::vector<Pattern> of_type(const Detection& found, PatternType type) {
    std::vector<Pattern> result;
    std::copy_if(found.patterns.begin(), found.patterns.end(), std::back_inserter(result),
                 [&](const Pattern& pattern) { return pattern.type == type; });
    return result;
}

TEST(DetectPatterns, reports_a_peak_with_all_its_fields) {
    World world;
    const Detection found =
        detect_patterns(history_of(world.calls(30, [](int hour, int) { return hour == 14 ? 900 : 100; })));
    const std::vector<Pattern> peaks = of_type(found, PatternType::hourly_peak);
    ASSERT_EQ(peaks.size(), 1U);
    const PatternMetadata& data = peaks[0].metadata;
    EXPECT_EQ(data.peak_hour, 14);
    EXPECT_GT(data.confidence, 0.8);
    EXPECT_LT(*data.variance, 0.1);
    EXPECT_NEAR(data.confidence, *data.consistency_score * *data.recurrence_score, 1e-12);
    EXPECT_GT(*data.z_score_count, 4);
    EXPECT_DOUBLE_EQ(*data.days_observed, 30);
    EXPECT_NEAR(*data.impact_score, 900.0 / (900 + 2300), 0.02);
    EXPECT_EQ(data.affected_queries, std::vector<base::QueryHash>{base::QueryHash{1}});
    EXPECT_EQ(of_type(found, PatternType::daily_cycle).size(), 1U);
}

TEST(DetectPatterns, looks_at_working_days_of_an_office) {
    World world;
    const Detection found = detect_patterns(history_of(world.calls(30, [](int hour, int weekday) {
        if (weekday > 4) return 20;
        return hour == 10 ? 500 : (hour > 7 && hour < 18 ? 300 : 20);
    })));
    const std::vector<Pattern> peaks = of_type(found, PatternType::hourly_peak);
    ASSERT_FALSE(peaks.empty());
    EXPECT_EQ(peaks[0].metadata.days_of_week, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_TRUE(
        std::any_of(peaks.begin(), peaks.end(), [](const Pattern& peak) { return peak.metadata.peak_hour == 10; }));
    EXPECT_EQ(of_type(found, PatternType::daily_cycle).size(), 1U);
    EXPECT_EQ(of_type(found, PatternType::weekly_pattern).size(), 1U);
}

TEST(DetectPatterns, finds_nothing_in_a_flat_load) {
    int with_any = 0;
    World world;
    for (int round = 0; round < 40; ++round) {
        if (!detect_patterns(history_of(world.calls(30, [](int, int) { return 100; }))).patterns.empty()) ++with_any;
    }
    EXPECT_LE(with_any, 2);
}

TEST(DetectPatterns, finds_a_nightly_job_and_its_queries) {
    World world;
    DatabaseHistory history = history_of(world.calls(30, [](int, int) { return 100; }));
    std::normal_distribution<> jitter(0, 2);
    for (const int id : {7, 8}) {
        Series fine{start, base::Seconds{600}, std::vector<double>(30 * 144, 0.0)};
        for (int day = 0; day < 30; ++day) {
            // 02:15 for 25 minutes, the second query five minutes later.
            const double begins = day * 1440 + 135 + (id == 8 ? 5 : 0) + jitter(world.engine);
            for (double minute = begins; minute < begins + 25; minute += 0.25) {
                fine.values[static_cast<std::size_t>(minute / 10)] += 0.25 * 60'000;
            }
        }
        const Series hourly = coarser(fine, 6);
        history.queries.push_back({base::QueryHash{id}, hourly, hourly, fine, fine});
    }
    const Detection found = detect_patterns(history);
    const std::vector<Pattern> jobs = of_type(found, PatternType::batch_job);
    ASSERT_EQ(jobs.size(), 1U);
    const PatternMetadata& data = jobs[0].metadata;
    EXPECT_NEAR(*data.start_minute, 135, 5);
    EXPECT_NEAR(*data.duration_minutes, 30, 8);
    EXPECT_LT(*data.jitter_minutes, 6);
    EXPECT_DOUBLE_EQ(*data.period_hours, 24);
    EXPECT_EQ(data.affected_queries.size(), 2U);
    EXPECT_GT(data.confidence, 0.8);
    EXPECT_TRUE(data.days_of_week.empty());
}

TEST(DetectPatterns, says_an_incident_is_none) {
    World world;
    Series calls = world.calls(30, [](int, int) { return 100; });
    for (std::size_t t = 400; t < 405; ++t) calls.values[t] *= 6;
    const Detection found = detect_patterns(history_of(calls));
    EXPECT_TRUE(found.patterns.empty());
    ASSERT_EQ(found.outliers.size(), 1U);
    EXPECT_EQ(found.outliers[0].begins, calls.time_at(400));
    EXPECT_EQ(found.outliers[0].ends, calls.time_at(405));
}

TEST(DetectInSeries, names_calendar_periods_at_any_sampling) {
    std::mt19937_64 engine(5);
    std::normal_distribution<> noise;
    Series series{start, base::Seconds{300}, {}};
    for (int t = 0; t < 14 * 288; ++t)
        series.values.push_back(50 + 10 * std::sin(2 * M_PI * t / 288) + 3 * noise(engine));
    const Detection found = detect_in_series(series, true);
    const std::vector<Pattern> daily = of_type(found, PatternType::daily_cycle);
    ASSERT_EQ(daily.size(), 1U);
    EXPECT_DOUBLE_EQ(*daily[0].metadata.period_hours, 24);
    EXPECT_TRUE(of_type(found, PatternType::periodic).empty());
}

}  // namespace
}  // namespace pganalytics::patterns
