#pragma once
// The analysis of a target as a job: the workload of the window from the history, the catalog and planner from the
// server, the advice into the repository. Run by a worker (server_roles.hpp), or at once by a command.

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/recommendations.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "workflow/analysis.hpp"

namespace pganalytics::workflow {

inline constexpr std::string_view analysis_job_kind = "analyze";

struct AnalysisJobOptions {
    std::chrono::hours window{24};
    double min_confidence = 0.6;               ///< below it a suggestion is kept, a recommendation is not made
    std::set<std::string> only;                ///< capability names; empty: all
    bool verify = false;                       ///< consent to run statements that only read (verify_settings.hpp)
    std::optional<std::string> database_name;  ///< absent: every database in which statements ran
};

struct DatabaseOutcome {
    std::string database_name;
    std::size_t statements = 0;
    store::SaveReport saved;
    std::vector<AnalysisNote> notes;  ///< what was turned down, and why
    std::string problem;              ///< "" where it went through
};

/// Analyses every database of the target in which statements ran, one after another; a database that fails is reported
/// and does not keep the others from being looked at. `go_on` is asked between stages: false ends the job early.
/// Errors: retry_later (repository), connect_failed where the target cannot be reached at all.
[[nodiscard]] base::Result<std::vector<DatabaseOutcome>> analyze_target(
    store::Repository& repository, store::TargetStore& targets, base::TargetId target, const base::Clock& clock,
    const AnalysisJobOptions& options, const std::function<bool(double progress, std::string_view stage)>& go_on,
    const base::Log& log);

/// Stores what an analysis found and measured, as `analyze --save` and the job do.
[[nodiscard]] base::Result<store::SaveReport> save_analysis(store::Repository& repository, base::TargetId target,
                                                            const Analysis& analysis, double min_confidence);

}  // namespace pganalytics::workflow
