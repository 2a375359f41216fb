#include "parameters/setting_effect.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace pganalytics::parameters {
namespace {

using namespace std::chrono_literals;

const base::Timestamp midnight{std::chrono::sys_days{std::chrono::year{2026} / 11 / 2}};

/// `days` of hours with a daily load curve that makes noon twice as slow as midnight, and noise; the time is multiplied
/// by `factor` from `changed_at` on.
std::vector<TimedCalls> history(int days, base::Timestamp changed_at, double factor, double noise, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, noise);
    std::vector<TimedCalls> points;
    for (int hour = 0; hour < 24 * days; ++hour) {
        const base::Timestamp begins = midnight + std::chrono::hours(hour);
        const double load = 1.5 - 0.5 * std::cos(2 * M_PI * hour / 24);
        const double mean = 100 * load * std::exp(normal(random)) * (begins >= changed_at ? factor : 1);
        points.push_back({begins, 60, 60 * mean});
    }
    return points;
}

SettingEffect effect(const std::vector<TimedCalls>& points, base::Timestamp changed_at) {
    return effect_of_setting(points, points.front().begins, changed_at, points.back().begins + 1h);
}

TEST(SettingEffect, SeesTheTimeMove) {
    const auto changed_at = midnight + 24h * 3 + 9h + 20min;
    const auto faster = effect(history(6, changed_at, 0.6, 0.1, 1), changed_at);
    EXPECT_EQ(faster.movement, Movement::faster);
    EXPECT_NEAR(faster.change_percent, -40, 6);
    EXPECT_EQ(faster.hours_of_day, 24);
    EXPECT_EQ(effect(history(6, changed_at, 1.7, 0.1, 2), changed_at).movement, Movement::slower);
    EXPECT_NE(to_words(faster).find("fell at the same moment"), std::string::npos);
}

// Twelve hours of a night against twelve of a day: a comparison across hours would find the sun.
TEST(SettingEffect, IsNotTakenInByTheClock) {
    int moved = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        const auto changed_at = midnight + 24h + std::chrono::hours(seed % 24) + 5min;
        moved += effect(history(3, changed_at, 1, 0.15, seed), changed_at).movement != Movement::unmoved ? 1 : 0;
    }
    EXPECT_LE(moved, 10);
}

TEST(SettingEffect, IsNotTakenInByOneBadDay) {
    const auto changed_at = midnight + 24h * 4;
    auto points = history(7, changed_at, 1, 0.05, 3);
    for (int hour = 24 * 5; hour < 24 * 6; ++hour) points[static_cast<std::size_t>(hour)].time_ms *= 8;
    EXPECT_EQ(effect(points, changed_at).movement, Movement::unmoved);
}

TEST(SettingEffect, SaysWhenItCannotBeTold) {
    const auto changed_at = midnight + 6h;
    const auto half_a_day = effect(history(1, changed_at, 0.5, 0, 4), midnight + 12h);
    EXPECT_EQ(half_a_day.movement, Movement::unknown);
    EXPECT_NE(to_words(half_a_day).find("cannot be told"), std::string::npos);
    auto idle = history(4, changed_at, 0.5, 0, 5);
    for (auto& point : idle) point.calls = 2;
    EXPECT_EQ(effect(idle, midnight + 48h).hours_of_day, 0);
}

TEST(Reach, KnowsWhomASettingTouches) {
    EXPECT_EQ(reach_of("work_mem"), Reach::memory);
    EXPECT_EQ(reach_of("enable_seqscan"), Reach::planning);
    EXPECT_EQ(reach_of("wal_compression"), Reach::writes);
    EXPECT_EQ(reach_of("log_min_duration_statement"), Reach::nothing);
    workload::ObservedStatement list, vacuum;
    list.text = "select a from t where b = $1";
    vacuum.text = "vacuum t";
    EXPECT_TRUE(touches(Reach::planning, list, nullptr));
    EXPECT_FALSE(touches(Reach::planning, vacuum, nullptr));
    EXPECT_FALSE(touches(Reach::memory, list, nullptr));
    list.sum.temp_blks_written = 10;
    EXPECT_TRUE(touches(Reach::memory, list, nullptr));
    plan::Plan plan;
    plan.root.type = plan::NodeType::sort;
    plan.root.plan_rows = 10;
    EXPECT_TRUE(touches(Reach::memory, vacuum, &plan));
    EXPECT_FALSE(touches(Reach::writes, list, nullptr));
    EXPECT_FALSE(touches(Reach::nothing, list, &plan));
}

}  // namespace
}  // namespace pganalytics::parameters
