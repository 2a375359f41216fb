#pragma once
// Advice about when work is done, not how: jobs that slow each other (`colliding_batch_jobs`) and reads that repeat
// while nothing changes (`repeated_read`). What is found in the history becomes advice here; loading and saving is
// workflow/workload_job.hpp's. Pure but for the source, which is asked once for each statement at most.
// Errors are the source's. One thread at a time.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "patterns/detect.hpp"
#include "patterns/job_runs.hpp"
#include "patterns/repeated_reads.hpp"

namespace pganalytics::workflow {

inline constexpr std::string_view collision_rule = "colliding_batch_jobs";
inline constexpr std::string_view repeated_read_rule = "repeated_read";
/// In the order of the docs; each has a page docs/rules/<name>.md.
[[nodiscard]] const std::vector<std::string>& workload_rules();

/// What statements did, in the finest buckets that are kept.
using ActivitySource =
    std::function<base::Result<std::vector<patterns::StatementActivity>>(std::span<const base::QueryHash>)>;

/// Remembers what was asked before.
class ActivityReader {
  public:
    explicit ActivityReader(ActivitySource source) : source_(std::move(source)) {}
    [[nodiscard]] base::Result<std::vector<patterns::StatementActivity>> read(std::span<const base::QueryHash> queries);

  private:
    ActivitySource source_;
    std::map<base::QueryHash, std::vector<patterns::StatementActivity>> known_;
};

/// Pairs of batch jobs among `found` that measurably slow each other, each with where to move one of them.
[[nodiscard]] base::Result<std::vector<advice::Advice>> advise_on_collisions(const patterns::DatabaseHistory& history,
                                                                             std::span<const patterns::Pattern> found,
                                                                             ActivityReader& activity);

/// The server's counters of changed rows of these tables together, oldest first.
using ChangeSource =
    std::function<base::Result<std::vector<patterns::ChangeReading>>(std::span<const catalog::Relation* const> tables)>;

struct ObservedText {
    base::QueryHash query_hash{};
    std::string text;  ///< as pg_stat_statements keeps it
};

/// Reads without parameters whose result stays the same from run to run, each with a materialised view in its place.
/// Only what can be told: not where a function may give another result, where a table is not in the catalog, or where
/// the counters of its tables are not kept.
[[nodiscard]] base::Result<std::vector<advice::Advice>> advise_on_repeated_reads(
    const patterns::DatabaseHistory& history, std::span<const ObservedText> statements,
    const catalog::Database& database, ActivityReader& activity, const ChangeSource& changes);

}  // namespace pganalytics::workflow
