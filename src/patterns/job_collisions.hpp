#pragma once
// Do two batch jobs slow each other down? Each job's pace (patterns/job_runs.hpp) while the other runs is held against
// its pace while it runs alone: between runs, where some runs had no company (beside the database's other load and a
// straight trend over time, since a job that shares its nights with the working days' load is slower without any
// collision); else within runs, minutes with the other against minutes without. Pages per call, taken the same way,
// must not explain half of the difference: then the runs simply had more to do.
//
// A difference within runs may also be the job's own course (a cold start, bigger items last). It counts only where it
// is bracketed, the pace being measured alone before and after, or where both jobs show it: one is joined in its second
// part and the other in its first, so that a course common to jobs would slow one and speed up the other.
//
// Jobs that start together and end together are one job to the detector, and nothing is said of them.
//
// Minutes are UTC. Pure functions, thread-safe, never fail.

#include <bitset>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "patterns/job_runs.hpp"
#include "patterns/pattern.hpp"
#include "patterns/series.hpp"
#include "patterns/slowdown.hpp"

namespace pganalytics::patterns {

/// The minutes of a week, from Monday 00:00 UTC.
inline constexpr std::size_t minutes_of_week = 7 * 1440;
using WeekMinutes = std::bitset<minutes_of_week>;

/// Those in which a job is planned to run, its jitter counted. A monthly job has its window on every day: which weekday
/// it will be is open.
[[nodiscard]] WeekMinutes planned_minutes(const PatternMetadata& job);
/// The same later by `minutes` (earlier where negative), around the week's end.
[[nodiscard]] WeekMinutes moved_by(const WeekMinutes& minutes, int later);

/// A job that the detector reported as one (its queries share window and days) may be several that start one after
/// another and overlap. Parts whose starts lie over five minutes apart, each with its own metadata.
[[nodiscard]] std::vector<PatternMetadata> parts_of(const PatternMetadata& job, const JobHistory& history);

struct JobSlowdown {
    Slowdown slowdown;
    bool within_runs = false;      ///< else between runs
    double pages_ratio = 1;        ///< work per call, together against apart
    double saved_ms_per_week = 0;  ///< time that would not be spent if they ran apart
};

struct JobCollision {
    std::optional<JobSlowdown> of_first, of_second;  ///< at least one is there
    double first_ms_per_week = 0, second_ms_per_week = 0;
    std::size_t occasions = 0;  ///< runs of the first that met one of the second
};

struct CollisionOptions {
    double significance = 0.01;  ///< of all pairs together
    double least_ratio = 1.1;    ///< a smaller slowdown is not worth moving a job
};

/// nullopt where no collision is measurable. `database_time_ms` is hourly; `pairs` is how many are looked at.
[[nodiscard]] std::optional<JobCollision> measure_collision(const JobHistory& first, const JobHistory& second,
                                                            const Series& database_time_ms, std::size_t pairs,
                                                            const CollisionOptions& options = {});

}  // namespace pganalytics::patterns
