#include "workflow/job_move.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

patterns::PatternMetadata job(int start, double period_hours, double jitter) {
    patterns::PatternMetadata metadata;
    metadata.start_minute = start;
    metadata.period_hours = period_hours;
    metadata.jitter_minutes = jitter;
    return metadata;
}

TEST(JobMove, AnotherHourIsAMove) {
    EXPECT_EQ(moved_from(job(180, 24, 1), 120), 120);
}

TEST(JobMove, AFewMinutesAreNone) {
    EXPECT_FALSE(moved_from(job(125, 24, 1), 120));
}

TEST(JobMove, WhatItsJitterExplainsIsNone) {
    EXPECT_FALSE(moved_from(job(150, 24, 15), 120));
}

TEST(JobMove, AcrossMidnightIsNear) {
    EXPECT_FALSE(moved_from(job(2, 24, 1), 1438));
}

TEST(JobMove, AnHourlyJobMovesWithinTheHour) {
    EXPECT_EQ(moved_from(job(40, 1, 0.5), 10), 10);
    EXPECT_FALSE(moved_from(job(58, 1, 0.5), 3)) << "five minutes around the hour";
}

}  // namespace
}  // namespace pganalytics::workflow
