#pragma once
// Pattern detection of a target as a job: series from the history, patterns into the repository, and what they advise
// (workflow/workload_job.hpp). Run by a worker
// (server_roles.hpp) on a schedule and on request, or at once by a command.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "patterns/detect.hpp"
#include "store/load_history.hpp"
#include "store/patterns.hpp"
#include "store/recommendations.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"

namespace pganalytics::workflow {

/// As the SQL function detect_workload_patterns enqueues it, with {"database_name", "lookback_days", "target_id"};
/// each may be null: every database, 30 days, every target.
inline constexpr std::string_view pattern_job_kind = "detect_workload_patterns";
inline constexpr int default_lookback_days = 30;
inline constexpr int least_lookback_days = 7;
inline constexpr int most_lookback_days = 365;

struct PatternRequest {
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    int lookback_days = default_lookback_days;
};
/// fix_input where the payload of a job is not as above.
[[nodiscard]] base::Result<PatternRequest> read_pattern_request(std::string_view payload_json);

struct DetectedDatabase {
    base::TargetId target_id{};
    std::string database_name;
    double days_observed = 0;
    patterns::Detection found;
    store::PatternSaveReport saved;
    store::SaveReport advised;  ///< recommendations of source_type workload
};

/// The history of one database as detection reads it. The window is widened to whole hours.
[[nodiscard]] base::Result<patterns::DatabaseHistory> load_database_history(store::Repository& repository,
                                                                            const store::Target& target,
                                                                            const std::string& database_name,
                                                                            const store::Window& window);

/// Detects and stores. `go_on` is asked between databases: false ends it early. not_found where the request names a
/// database that was never seen.
[[nodiscard]] base::Result<std::vector<DetectedDatabase>> detect_workload_patterns(
    store::Repository& repository, store::TargetStore& targets, const base::Clock& clock, const PatternRequest& request,
    const std::function<bool(double progress, std::string_view stage)>& go_on);

/// Names the same pattern from detection to detection: its type and what it is about. A job keeps its name when it
/// moves to another time.
[[nodiscard]] std::string pattern_identity(const patterns::Pattern& pattern);

}  // namespace pganalytics::workflow
