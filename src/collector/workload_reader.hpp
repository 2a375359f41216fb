#pragma once
// The workload of a server as its cumulative counters tell it, read once and without a repository: for `analyze`.
// Sums are since each entry's counting began; the window is since the counters were reset, or since the server started
// where no reset time is known (13), and says which.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "collector/server_facts.hpp"
#include "collector/statement_sampler.hpp"
#include "postgres/connection.hpp"
#include "workload/statement.hpp"

namespace pganalytics::collector {

struct WorkloadOptions {
    DatabaseFilter databases;
    std::size_t max_statements = 2000;  ///< a database, heaviest total time first
    SamplerOptions texts;
};

struct WorkloadReading {
    std::vector<workload::Workload> workloads;  ///< one a database that ran statements; heaviest first
    std::int64_t hidden = 0;                    ///< entries the role may not see
    std::vector<std::string> notes;             ///< what is missing and why, one sentence each
};

/// Errors: install_extension, grant_access (every entry hidden), and the connection's.
[[nodiscard]] base::Result<WorkloadReading> read_workload(postgres::Connection& connection,
                                                          const base::Secret& conninfo, const ServerFacts& facts,
                                                          const WorkloadOptions& options = {});

}  // namespace pganalytics::collector
