#pragma once
// `analyze` on a live server: reads, thinks, gives the result. Needs no repository and writes nothing anywhere.

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "collector/server_facts.hpp"
#include "workflow/analysis.hpp"
#include "workflow/workload_files.hpp"

namespace pganalytics::workflow {

struct LiveRequest {
    base::Secret conninfo;
    /// Statements from files instead of pg_stat_statements.
    std::optional<std::filesystem::path> workload_files;
    bool all_databases = false;  ///< else only the one that `conninfo` names
    std::set<std::string> only;
    /// Consent to run statements that only read, to see what a setting really gains (verify_settings.hpp).
    bool verify = false;
    std::function<void(std::string_view stage)> progress;
};

struct LiveReport {
    std::string server;  ///< "user@host:port/database", without secret
    int server_version = 0;
    std::vector<Analysis> analyses;  ///< one a database, heaviest first
    std::vector<StatementOrigin> origins;
    std::vector<SkippedStatement> skipped;
    std::vector<std::string> notes;  ///< what is missing and why, one sentence each
};

/// Errors: connect_failed, install_extension (no pg_stat_statements and no files), grant_access, fix_input (files).
[[nodiscard]] base::Result<LiveReport> analyze_live(const LiveRequest& request);

}  // namespace pganalytics::workflow
