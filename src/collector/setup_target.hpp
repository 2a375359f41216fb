#pragma once
// The SQL that makes the roles this program uses on a target, tier by tier, for that target's version. It is printed
// for a person who has the right to run it; this program never runs it by itself. Pure function of its arguments.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.hpp"

namespace pganalytics::collector {

enum class Tier {
    counters,  ///< pg_monitor: statement counters, texts, activity, settings, catalog
    planning,  ///< reading data: EXPLAIN and column statistics are refused without
    apply      ///< a role of its own that may create indexes; off unless asked for
};
[[nodiscard]] std::string_view to_string(Tier tier);

struct DatabaseSchemas {
    std::string database;
    bool refuses_public_connect = false;
    std::optional<std::vector<std::string>> preloaded;  ///< shared_preload_libraries of the server; absent: not visible
    std::vector<std::string> schemas;                   ///< of users; only needed before 14 and for `apply`
    std::vector<std::string> owners;  ///< of its relations: their later tables (13), and who may index them (`apply`)
};

struct SetupOptions {
    std::string role = "pganalytics";
    std::string apply_role = "pganalytics_apply";
    /// Of one role over the whole server, so that a fault of ours can never take more.
    int connection_limit = 5;
    std::string statements_database;  ///< where pg_stat_statements is to be read; "": the first
    bool hypopg = true;
    bool include_apply = false;
    /// shared_preload_libraries, to be kept; absent: as the databases say, else unknown.
    std::optional<std::vector<std::string>> preloaded;
};

struct SetupStep {
    Tier tier = Tier::counters;
    std::string database;  ///< where it must run; "" anywhere
    std::string why;       ///< one sentence
    std::string sql;       ///< one statement
    bool needs_restart = false;
    bool needs_superuser = false;  ///< may be left out where the administrator is none
};

/// In the order to run. The role gets no password here. Without databases (nothing is known of the server) the steps
/// are for whichever database they are run in.
[[nodiscard]] std::vector<SetupStep> setup_steps(catalog::ServerVersion version,
                                                 const std::vector<DatabaseSchemas>& databases,
                                                 const SetupOptions& options = {});
/// As a script for psql, with \connect between databases; its end says how to set a password (\password).
[[nodiscard]] std::string to_psql_script(const std::vector<SetupStep>& steps, const SetupOptions& options = {});

}  // namespace pganalytics::collector
