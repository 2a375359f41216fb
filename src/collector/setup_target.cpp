#include "collector/setup_target.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pganalytics::collector {

namespace {

using catalog::quote_identifier;

/// Collects steps; each belongs to one tier.
class Steps {
  public:
    void add(Tier tier, std::string database, std::string why, std::string sql) {
        steps_.push_back({tier, std::move(database), std::move(why), std::move(sql), false, false});
    }
    SetupStep& last() { return steps_.back(); }
    std::vector<SetupStep> take() && { return std::move(steps_); }

  private:
    std::vector<SetupStep> steps_;
};

void add_preload(Steps& steps, const std::optional<std::vector<std::string>>& preloaded) {
    const std::string library = "pg_stat_statements";
    if (!preloaded) {
        steps.add(Tier::counters, "",
                  "pg_stat_statements must be among these. If it is not, add it with ALTER SYSTEM SET "
                  "shared_preload_libraries = …, pg_stat_statements, keeping what is there, and restart the server.",
                  "SHOW shared_preload_libraries");
        return;
    }
    if (std::find(preloaded->begin(), preloaded->end(), library) != preloaded->end()) return;
    auto libraries = *preloaded;
    libraries.push_back(library);
    steps.add(Tier::counters, "", "pg_stat_statements must be loaded at server start; this needs a restart.",
              "ALTER SYSTEM SET shared_preload_libraries = " + base::join(libraries, ", "));
    steps.last().needs_restart = true;
    steps.last().needs_superuser = true;
}

void add_role(Steps& steps, const SetupOptions& options) {
    const auto role = quote_identifier(options.role);
    // DO, because CREATE ROLE knows no IF NOT EXISTS and the script must be repeatable.
    steps.add(Tier::counters, "", "A role of its own, without any right to write.",
              "DO $setup$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " +
                  catalog::quote_literal(options.role) + ") THEN CREATE ROLE " + role + "; END IF; END $setup$");
    steps.add(Tier::counters, "",
              "It may log in, and can never take more than " + std::to_string(options.connection_limit) +
                  " connections of the whole server.",
              "ALTER ROLE " + role + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT " +
                  std::to_string(options.connection_limit));
    steps.add(Tier::counters, "", "Reads other roles' statistics, settings and activity, but no data.",
              "GRANT pg_monitor TO " + role);
    const auto set = [&](const std::string& setting, const std::string& value, const std::string& why) {
        steps.add(Tier::counters, "", why, "ALTER ROLE " + role + " SET " + setting + " = " + value);
    };
    set("statement_timeout", "'10s'", "A query of this role ends after 10 s, whatever the program does.");
    set("lock_timeout", "'2s'", "It waits for no lock longer than 2 s.");
    set("idle_in_transaction_session_timeout", "'30s'", "It never holds back vacuum with a forgotten transaction.");
    set("default_transaction_read_only", "on", "Its transactions are read-only unless they say otherwise.");
}

void add_extensions(Steps& steps, const std::vector<DatabaseSchemas>& databases, const SetupOptions& options) {
    const auto first = databases.empty() ? std::string() : databases.front().database;
    steps.add(Tier::counters, options.statements_database.empty() ? first : options.statements_database,
              "One database is enough: its view shows the statements of all.",
              "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    for (const auto& database : databases) {
        if (!database.refuses_public_connect) continue;
        steps.add(Tier::counters, database.database, "PUBLIC may not connect here.",
                  "GRANT CONNECT ON DATABASE " + quote_identifier(database.database) + " TO " +
                      quote_identifier(options.role));
    }
}

void add_planning(Steps& steps, catalog::ServerVersion version, const std::vector<DatabaseSchemas>& databases,
                  const SetupOptions& options) {
    const auto role = quote_identifier(options.role);
    constexpr int first_with_read_all_data = 14;
    if (version.major() >= first_with_read_all_data) {
        steps.add(Tier::planning, "",
                  "EXPLAIN and column statistics are refused to a role that may not read the tables. The program reads "
                  "no rows.",
                  "GRANT pg_read_all_data TO " + role);
    } else if (databases.empty()) {
        steps.add(Tier::planning, "", "13 has no pg_read_all_data: each schema is granted. Run this in every database.",
                  "DO $setup$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname "
                  "!~ '^pg_' AND nspname <> 'information_schema' LOOP EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', "
                  "s, " +
                      catalog::quote_literal(options.role) +
                      "); EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', s, " +
                      catalog::quote_literal(options.role) + "); END LOOP; END $setup$");
    } else {
        for (const auto& database : databases) {
            for (const auto& schema : database.schemas) {
                const auto name = quote_identifier(schema);
                steps.add(Tier::planning, database.database, "13 has no pg_read_all_data: each schema is granted.",
                          "GRANT USAGE ON SCHEMA " + name + " TO " + role);
                steps.add(Tier::planning, database.database, "Its tables as they are now.",
                          "GRANT SELECT ON ALL TABLES IN SCHEMA " + name + " TO " + role);
                for (const auto& owner : database.owners)
                    steps.add(Tier::planning, database.database, "And the tables that its owners make later.",
                              "ALTER DEFAULT PRIVILEGES FOR ROLE " + quote_identifier(owner) + " IN SCHEMA " + name +
                                  " GRANT SELECT ON TABLES TO " + role);
            }
        }
    }
    if (!options.hypopg) return;
    if (databases.empty())
        steps.add(Tier::planning, "", "Hypothetical indexes: asked of the planner, never built. In every database.",
                  "CREATE EXTENSION IF NOT EXISTS hypopg");
    for (const auto& database : databases)
        steps.add(Tier::planning, database.database, "Hypothetical indexes: asked of the planner, never built.",
                  "CREATE EXTENSION IF NOT EXISTS hypopg");
}

void add_apply(Steps& steps, const std::vector<DatabaseSchemas>& databases, const SetupOptions& options) {
    const auto role = quote_identifier(options.apply_role);
    steps.add(Tier::apply, "", "A second role, used only when a recommendation is applied on request.",
              "DO $setup$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " +
                  catalog::quote_literal(options.apply_role) + ") THEN CREATE ROLE " + role + "; END IF; END $setup$");
    steps.add(Tier::apply, "", "One statement at a time.",
              "ALTER ROLE " + role + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 2");
    steps.add(Tier::apply, "", "CREATE INDEX CONCURRENTLY waits for locks politely.",
              "ALTER ROLE " + role + " SET lock_timeout = '5s'");
    std::vector<std::string> granted;
    for (const auto& database : databases) {
        for (const auto& owner : database.owners) {
            if (std::find(granted.begin(), granted.end(), owner) != granted.end()) continue;
            granted.push_back(owner);
            steps.add(Tier::apply, "", "Only the owner of a table may index it.",
                      "GRANT " + quote_identifier(owner) + " TO " + role);
        }
    }
}

}  // namespace

std::string_view to_string(Tier tier) {
    switch (tier) {
        case Tier::counters:
            return "counters";
        case Tier::planning:
            return "planning";
        case Tier::apply:
            return "apply";
    }
    return "unknown";
}

std::vector<SetupStep> setup_steps(catalog::ServerVersion version, const std::vector<DatabaseSchemas>& databases,
                                   const SetupOptions& options) {
    Steps steps;
    auto preloaded = options.preloaded;
    if (!preloaded && !databases.empty()) preloaded = databases.front().preloaded;
    add_preload(steps, preloaded);
    add_role(steps, options);
    add_extensions(steps, databases, options);
    add_planning(steps, version, databases, options);
    if (options.include_apply) add_apply(steps, databases, options);
    return std::move(steps).take();
}

std::string to_psql_script(const std::vector<SetupStep>& steps, const SetupOptions& options) {
    std::string script =
        "-- Run with psql as an administrator of the server. Every statement may be repeated.\n\\set ON_ERROR_STOP "
        "on\n";
    std::optional<Tier> tier;
    std::string database;
    for (const auto& step : steps) {
        if (tier != step.tier) {
            tier = step.tier;
            script += "\n-- Tier: " + std::string(to_string(step.tier)) + "\n";
        }
        if (!step.database.empty() && step.database != database) {
            database = step.database;
            script += "\\connect " + quote_identifier(database) + "\n";
        }
        script += "-- " + step.why + "\n" + step.sql + ";\n";
    }
    script +=
        "\n-- The role has no password yet. Where it logs in with one, set it so that it appears in no log:\n"
        "--   \\password " +
        quote_identifier(options.role) + "\n";
    return script;
}

}  // namespace pganalytics::collector
