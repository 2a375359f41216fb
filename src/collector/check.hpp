#pragma once
// What keeps a target from being collected in full, each finding with the statement that mends it. Reads only.
// Rendering is the command line's.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "collector/server_facts.hpp"
#include "collector/setup_target.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

enum class Severity {
    blocking,  ///< nothing can be collected
    degraded,  ///< something is missing or wrong until mended
    advice     ///< works, could be better or safer
};
[[nodiscard]] std::string_view to_string(Severity severity);

struct Finding {
    Severity severity = Severity::advice;
    std::string code;      ///< stable, snake_case: "extension_absent"
    std::string database;  ///< "" the whole server
    std::string message;   ///< one sentence: what is so, and what is lost by it
    std::string remedy;    ///< SQL, or a sentence where no statement mends it
    bool needs_restart = false;
    base::ErrorCode error_code = base::ErrorCode::grant_access;  ///< for the exit code
};

struct TierState {
    Tier tier = Tier::counters;
    bool reached = false;
    std::string why_not;  ///< "" when reached
};

struct CheckReport {
    ServerFacts facts;
    std::vector<Finding> findings;  ///< gravest first
    std::vector<TierState> tiers;
    [[nodiscard]] bool has(std::string_view code) const;
};

struct CheckOptions {
    DatabaseFilter databases;
    postgres::ConnectOptions connect;
    std::size_t max_databases = 100;
};

/// Errors: connect_failed and fix_input only; everything else is a finding.
[[nodiscard]] base::Result<CheckReport> check_target(const base::Secret& conninfo, const CheckOptions& options = {});

/// Databases with their schemas and owners, for `setup_steps`; the one that the connection string names comes first.
[[nodiscard]] base::Result<std::vector<DatabaseSchemas>> read_schemas(const base::Secret& conninfo,
                                                                      const ServerFacts& facts,
                                                                      const CheckOptions& options = {});

}  // namespace pganalytics::collector
