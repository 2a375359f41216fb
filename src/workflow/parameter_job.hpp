#pragma once
// Parameter advice as a job: of one server and database, or of every one that may have the statement asked about. Run
// by a worker (server_roles.hpp) when the API or the SQL function optimize_parameters asks, or at once by a command.
// The whole workload is judged, not the one statement: a loop is known by the rates of the others, and memory is
// shared.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "workflow/analysis_job.hpp"

namespace pganalytics::workflow {

/// With {"query_hash", "target_id", "database_name"}; target and database may be null.
inline constexpr std::string_view parameter_job_kind = "optimize_parameters";

struct ParameterRequest {
    std::optional<base::QueryHash> query_hash;  ///< which databases are looked at, where none is named
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
};
/// fix_input where the payload of a job is not as above.
[[nodiscard]] base::Result<ParameterRequest> read_parameter_request(std::string_view payload_json);

/// One outcome a database looked at; a database that fails says so in it. Errors as analyze_target; not_found where the
/// statement was never seen.
[[nodiscard]] base::Result<std::vector<DatabaseOutcome>> optimize_parameters(
    store::Repository& repository, store::TargetStore& targets, const base::Clock& clock,
    const ParameterRequest& request, const AnalysisJobOptions& options,
    const std::function<bool(double progress, std::string_view stage)>& go_on, const base::Log& log);

}  // namespace pganalytics::workflow
