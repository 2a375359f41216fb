#pragma once
// The runs of a batch job, cut out of what its statements did, and the pace of each: time per call, every statement
// against its own median, so that the mix of statements in a run does not count. Logarithms throughout: 0.4 is 49 %
// slower. Instants are UTC. Pure functions, thread-safe, never fail.

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace pganalytics::patterns {

/// What one statement did in one bucket of the history.
struct StatementActivity {
    base::QueryHash query_hash{};
    base::Timestamp begins;  ///< of the first raw interval in which it ran
    base::Timestamp ends;    ///< of the last
    double calls = 0;
    double time_ms = 0;
    double pages = 0;  ///< shared buffers hit and read; 0 where unknown
    double rows = 0;
};

/// What is known of one job: `activity` of its statements, in any order.
struct JobHistory {
    std::vector<StatementActivity> activity;
    base::Minutes period{1440};  ///< from one planned start to the next
};

struct JobRun {
    base::Timestamp begins, ends;
    double time_ms = 0;
    std::vector<StatementActivity> activity;  ///< by time
};

/// Oldest first. A pause of ten minutes (of a quarter of the period, where that is less) parts two runs; what is much
/// less than a usual run is left out.
[[nodiscard]] std::vector<JobRun> runs_of(const JobHistory& job);

/// Median log time and log pages per call of each statement.
class Pace {
  public:
    explicit Pace(std::span<const JobRun> runs);

    struct Reading {
        double time = 0;              ///< mean over the statements, weighted by their time
        std::optional<double> pages;  ///< absent where no statement has any
        double time_ms = 0;           ///< what it stands on
    };
    /// nullopt where nothing ran.
    [[nodiscard]] std::optional<Reading> of(std::span<const StatementActivity> activity) const;

  private:
    struct Usual {
        double time = 0;
        std::optional<double> pages;
    };
    std::map<base::QueryHash, Usual> usual_;
};

/// Share of [begins, ends) in which one of the runs was under way, 0..1.
[[nodiscard]] double share_within(base::Timestamp begins, base::Timestamp ends, std::span<const JobRun> runs);

}  // namespace pganalytics::patterns
