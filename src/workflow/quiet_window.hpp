#pragma once
// When a database has least to do: for work that waits for what is running (CREATE INDEX CONCURRENTLY), and for a job
// that had better run apart from others.
// Pure functions, thread-safe.

#include <optional>
#include <string>

#include "patterns/job_collisions.hpp"
#include "patterns/series.hpp"

namespace pganalytics::workflow {

struct QuietWindow {
    int begins_hour = 0;  ///< 0..23 UTC; two hours long
    double share = 0;     ///< of the mean load, 0..1
    double days = 0;      ///< observed
};

/// Two hours of the day with the least time spent, by an hourly series of it. Nothing where less than a week was
/// observed, where an hour of the day is unknown, or where no hour is quiet: below four fifths of the mean.
[[nodiscard]] std::optional<QuietWindow> quietest_hours(const patterns::Series& hourly_time_ms);

/// Another start for a job.
struct QuietStart {
    int later_minutes = 0;  ///< than it starts now, negative for earlier
    double share = 0;       ///< load of the minutes it would run in, of the mean load
    double share_now = 0;   ///< of those it runs in now
};

/// Where in its cycle (at most a day) a job that runs in `job` meets none of `taken`, five minutes' distance kept, and
/// the database has least to do; of starts that are about as good the one nearest to the present. `hourly_time_ms` is
/// the load without the job itself. Nothing where no start is free, or where each would put the job into clearly busier
/// hours.
[[nodiscard]] std::optional<QuietStart> quietest_start(const patterns::Series& hourly_time_ms,
                                                       const patterns::WeekMinutes& job,
                                                       const patterns::WeekMinutes& taken, int cycle_minutes);

/// A sentence of evidence.
[[nodiscard]] std::string to_words(const QuietWindow& window);

}  // namespace pganalytics::workflow
