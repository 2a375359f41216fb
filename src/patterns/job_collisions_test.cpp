#include "patterns/job_collisions.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace pganalytics::patterns {
namespace {

const base::Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};  // a Monday
constexpr int days = 28;

base::Timestamp minute(double at) {
    return start + std::chrono::microseconds{std::llround(at * 60e6)};
}

struct Plan {
    std::int64_t query = 1;
    double starts = 120;
    double length = 40;
    bool weekdays_only = false;
    double every = 1440;
};

/// Two jobs by ten minutes; while both run, each takes `slowed` times as long per call and reads `more_pages` times as
/// many pages. `weekdays_load` is how much busier (and by itself slower) the working days are.
class TwoJobs {
  public:
    TwoJobs(Plan first, Plan second, double slowed, std::uint64_t seed, double more_pages = 1, double weekdays_load = 1)
        : slowed_(slowed), more_pages_(more_pages), weekdays_load_(weekdays_load), engine_(seed) {
        first_runs_ = runs(first);
        second_runs_ = runs(second);
        first_ = history(first, first_runs_, second_runs_);
        second_ = history(second, second_runs_, first_runs_);
    }

    [[nodiscard]] std::optional<JobCollision> measured() {
        Series load{start, base::Seconds{3600}, {}};
        std::normal_distribution<> noise;
        for (int hour = 0; hour < days * 24; ++hour) {
            load.values.push_back(2e6 * factor(hour / 24) * std::exp(0.05 * noise(engine_)));
        }
        for (const auto* job : {&first_, &second_}) {
            for (const auto& each : job->activity) {
                load.values[static_cast<std::size_t>(base::Minutes(each.begins - start).count() / 60)] += each.time_ms;
            }
        }
        return measure_collision(first_, second_, load, 1);
    }

    [[nodiscard]] const JobHistory& first() const { return first_; }

  private:
    struct Span {
        double begins, ends;
    };

    [[nodiscard]] double factor(int day) const { return day % 7 < 5 ? weekdays_load_ : 1; }

    std::vector<Span> runs(const Plan& plan) {
        std::normal_distribution<> noise;
        std::vector<Span> spans;
        for (double at = plan.starts; at < days * 1440.0; at += plan.every) {
            if (plan.weekdays_only && static_cast<int>(at / 1440) % 7 >= 5) continue;
            const double begins = std::max(0.0, at + 2 * noise(engine_));
            spans.push_back({begins, begins + plan.length * std::exp(0.05 * noise(engine_))});
        }
        return spans;
    }

    JobHistory history(const Plan& plan, const std::vector<Span>& own, const std::vector<Span>& others) {
        std::normal_distribution<> noise;
        JobHistory job;
        job.period = base::Minutes{plan.every};
        for (const Span& run : own) {
            const double level = 0.05 * noise(engine_);
            for (double at = std::floor(run.begins / 10) * 10; at < run.ends; at += 10) {
                const double begins = std::max(at, run.begins);
                const double ends = std::min(at + 10, run.ends);
                double shared = 0;
                for (const Span& other : others) {
                    shared += std::max(0.0, std::min(ends, other.ends) - std::max(begins, other.begins));
                }
                const double present = ends - begins;
                const double work = present - shared * (1 - 1 / slowed_);
                const double slow = present / work * std::pow(factor(static_cast<int>(at / 1440)), 0.3) *
                                    std::exp(level + 0.05 * noise(engine_));
                job.activity.push_back({base::QueryHash{plan.query}, minute(begins), minute(ends), 10 * work,
                                        6000 * work * slow, 1000 * work * (1 + (more_pages_ - 1) * shared / present)});
            }
        }
        return job;
    }

    double slowed_;
    double more_pages_;
    double weekdays_load_;
    std::mt19937_64 engine_;
    std::vector<Span> first_runs_, second_runs_;
    JobHistory first_, second_;
};

const Plan nightly{1, 120, 40, false, 1440};
const Plan on_weekdays{2, 130, 30, true, 1440};
const Plan later{2, 140, 40, false, 1440};

TEST(JobCollisions, RunsWithCompanyAreHeldAgainstRunsWithout) {
    const auto found = TwoJobs(nightly, on_weekdays, 1.8, 1).measured();
    ASSERT_TRUE(found && found->of_first);
    EXPECT_FALSE(found->of_first->within_runs);
    EXPECT_EQ(found->of_first->slowdown.together, 20U);
    EXPECT_EQ(found->of_first->slowdown.apart, 8U);
    EXPECT_EQ(found->occasions, 20U);
    EXPECT_GT(found->of_first->slowdown.ratio, 1.25);
    EXPECT_LT(found->of_first->slowdown.p_value, 1e-3);
    EXPECT_GT(found->of_first->saved_ms_per_week, 0);
    EXPECT_LT(found->of_first->saved_ms_per_week, found->first_ms_per_week);
}

TEST(JobCollisions, WhereTheyAlwaysMeetTheMinutesOfEachRunAreCompared) {
    const auto found = TwoJobs(nightly, later, 1.6, 2).measured();
    ASSERT_TRUE(found && found->of_first && found->of_second);
    EXPECT_TRUE(found->of_first->within_runs);
    EXPECT_NEAR(found->of_first->slowdown.ratio, 1.6, 0.2);
    EXPECT_NEAR(found->of_second->slowdown.ratio, 1.6, 0.2);
}

TEST(JobCollisions, BusierDaysAreNotTheOtherJobsFault) {
    int claimed = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        claimed += TwoJobs(nightly, on_weekdays, 1, seed, 1, 3).measured() ? 1 : 0;
    }
    EXPECT_LE(claimed, 1);
}

TEST(JobCollisions, MoreWorkIsNoCollision) {
    EXPECT_FALSE(TwoJobs(nightly, on_weekdays, 1.8, 3, 2.5).measured());
}

TEST(JobCollisions, JobsThatLeaveEachOtherInPeaceAreLeftInPeace) {
    int claimed = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        claimed += TwoJobs(nightly, on_weekdays, 1, seed).measured() ? 1 : 0;
        claimed += TwoJobs(nightly, later, 1, 1000 + seed).measured() ? 1 : 0;
    }
    EXPECT_LE(claimed, 2);
}

TEST(JobCollisions, AFewRunsProveNothing) {
    TwoJobs jobs(nightly, later, 2, 1);
    JobHistory few = jobs.first();
    std::erase_if(few.activity, [](const auto& each) { return each.begins > start + std::chrono::days{3}; });
    EXPECT_FALSE(measure_collision(few, few, Series{start, base::Seconds{3600}, std::vector<double>(72, 1e6)}, 1));
}

TEST(JobCollisions, PlannedMinutes) {
    PatternMetadata job;
    job.start_minute = 1430;
    job.duration_minutes = 20;
    job.period_hours = 24;
    EXPECT_EQ(planned_minutes(job).count(), 7 * 20U);
    EXPECT_TRUE(planned_minutes(job).test(0));  // Sunday's run ends on Monday
    job.days_of_week = {6};
    EXPECT_EQ(planned_minutes(job).count(), 20U);
    EXPECT_TRUE(planned_minutes(job).test(0));
    EXPECT_EQ(moved_by(planned_minutes(job), 30), moved_by(planned_minutes(job), 30 - 7 * 1440));
    EXPECT_TRUE(moved_by(planned_minutes(job), -20).test(minutes_of_week - 30));
    job.days_of_week.clear();
    job.period_hours = 6;
    job.start_minute = 15;
    EXPECT_EQ(planned_minutes(job).count(), 7 * 4 * 20U);
}

TEST(JobCollisions, AJobOfStatementsThatStartApartHasParts) {
    TwoJobs jobs(nightly, later, 1, 1);
    JobHistory both = jobs.first();
    TwoJobs other({7, 150, 20, false, 1440}, later, 1, 5);
    both.activity.insert(both.activity.end(), other.first().activity.begin(), other.first().activity.end());
    PatternMetadata job;
    job.start_minute = 120;
    job.duration_minutes = 50;
    job.period_hours = 24;
    const auto parts = parts_of(job, both);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_NEAR(*parts[0].start_minute, 120, 3);
    EXPECT_NEAR(*parts[1].start_minute, 150, 5);
    EXPECT_NEAR(*parts[1].duration_minutes, 20, 3);
    EXPECT_EQ(parts_of(job, jobs.first()).size(), 1U);
}

TEST(Slowdown, StudentsTail) {
    EXPECT_NEAR(student_tail(0, 5), 0.5, 1e-12);
    EXPECT_NEAR(student_tail(2.015, 5), 0.05, 1e-4);
    EXPECT_NEAR(student_tail(-1.812, 10), 0.95, 1e-4);
}

TEST(Slowdown, ACovariateThatTellsTheGroupsApartLeavesNothing) {
    std::vector<PaceReading> readings;
    for (int i = 0; i < 20; ++i) readings.push_back({i < 10 ? 0.0 : 1.0, i >= 10, {i < 10 ? 5.0 : 6.0}});
    EXPECT_FALSE(compare_groups(readings));
}

}  // namespace
}  // namespace pganalytics::patterns
