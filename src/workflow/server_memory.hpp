#pragma once
// The memory that parameter advice may count on: read where the server lets us, else as its user said, else unknown.

#include <optional>

#include "base/result.hpp"
#include "base/units.hpp"
#include "postgres/connection.hpp"
#include "workflow/analysis.hpp"

namespace pganalytics::workflow {

/// Fills total_memory, and available_memory_pct where nothing is known of it yet. `said`: of the target's
/// configuration; where it is less than what was read (a container's share), it counts.
[[nodiscard]] base::Status add_server_memory(postgres::Connection& connection, std::optional<base::Bytes> said,
                                             AnalysisOptions& options);

}  // namespace pganalytics::workflow
