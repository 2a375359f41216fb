#include "collector/check.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "collector/statement_source.hpp"

namespace pganalytics::collector {

namespace {

using base::ErrorCode;
using catalog::quote_identifier;

constexpr workload::ExtensionVersion newest_known{1, 12};

constexpr std::string_view settings_sql = R"(
select name, setting from pg_settings
where name in ('shared_preload_libraries', 'track_io_timing', 'track_activity_query_size', 'track_activities',
               'pg_stat_statements.max', 'pg_stat_statements.track', 'track_counts', 'compute_query_id'))";

// Of user tables: how many have rows, and how many of those were never analysed.
constexpr std::string_view statistics_sql = R"(
select count(*) filter (where s.n_live_tup > 1000 and s.last_analyze is null and s.last_autoanalyze is null
                          and not exists (select from pg_class c where c.oid = s.relid and c.reltuples > 0)),
       count(*) filter (where not has_table_privilege(s.relid, 'select')),
       count(*),
       exists (select from pg_extension where extname = 'hypopg'),
       exists (select from pg_available_extensions where name = 'hypopg')
from pg_stat_user_tables s)";

std::string plural(std::int64_t count, std::string_view one, std::string_view many) {
    return base::with_thousands(count) + " " + std::string(count == 1 ? one : many);
}

/// One check in progress.
class Checker {
  public:
    Checker(const base::Secret& conninfo, const CheckOptions& options) : conninfo_(conninfo), options_(options) {}

    base::Result<CheckReport> run();

  private:
    void add(Severity severity, std::string code, std::string message, std::string remedy,
             ErrorCode error_code = ErrorCode::grant_access, std::string database = {}) {
        report_.findings.push_back(
            {severity, std::move(code), std::move(database), std::move(message), std::move(remedy), false, error_code});
    }
    [[nodiscard]] std::string role() const { return quote_identifier(report_.facts.role); }
    [[nodiscard]] std::string setting(const std::string& name) const {
        const auto found = settings_.find(name);
        return found == settings_.end() ? "" : found->second;
    }

    base::Status read_server(postgres::Connection& connection);
    void check_role();
    void check_extension(postgres::Connection& connection);
    void check_version(const StatementSource& source);
    void check_entries(postgres::Connection& connection, const StatementSource& source);
    void check_capacity(postgres::Connection& connection, const StatementSource& source, std::int64_t entries);
    void check_settings();
    void check_databases();
    void check_database(const DatabaseFacts& database);
    void conclude_tiers();

    const base::Secret& conninfo_;
    const CheckOptions& options_;
    CheckReport report_;
    std::map<std::string, std::string> settings_;
    bool counters_work_ = false;
    std::int64_t databases_unreadable_ = 0;
};

base::Status Checker::read_server(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(report_.facts, read_server_facts(connection));
    PGANALYTICS_ASSIGN(const auto rows, connection.query(settings_sql));
    for (std::size_t row = 0; row < rows.size(); ++row) settings_.emplace(rows.text(row, 0), rows.text(row, 1));
    return {};
}

void Checker::check_role() {
    const auto& facts = report_.facts;
    if (facts.superuser)
        add(Severity::advice, "superuser",
            "The role \"" + facts.role + "\" is a superuser; collecting needs none of its rights.",
            "Run the statements of `pganalytics setup-target` and connect as the role they make.");
    if (!facts.monitor && !facts.superuser)
        add(Severity::degraded, "not_monitor",
            "The role \"" + facts.role +
                "\" is no member of pg_monitor: other roles' statements and activity are hidden.",
            "GRANT pg_monitor TO " + role() + ";");
    constexpr int needed_connections = 3;
    if (facts.connection_limit >= 0 && facts.connection_limit < needed_connections)
        add(Severity::degraded, "connection_limit",
            "The role may open " + plural(facts.connection_limit, "connection", "connections") +
                " on the whole server; collecting takes up to 3.",
            "ALTER ROLE " + role() + " CONNECTION LIMIT 5;");
    if (facts.standby)
        add(Severity::advice, "standby",
            "This server is a standby: its counters tell of its own reads only, and extensions and roles are made on "
            "the "
            "primary.",
            "Add the primary as a target of its own.", ErrorCode::unsupported);
}

void Checker::check_extension(postgres::Connection& connection) {
    const auto preload = base::split(setting("shared_preload_libraries"), ',');
    const bool visible = settings_.contains("shared_preload_libraries");
    const bool preloaded = std::any_of(preload.begin(), preload.end(), [](const std::string& library) {
        return base::trim(library) == "pg_stat_statements";
    });
    if (visible && !preloaded) {
        auto libraries = setting("shared_preload_libraries");
        libraries += libraries.empty() ? "pg_stat_statements" : ", pg_stat_statements";
        add(Severity::blocking, "not_preloaded",
            "pg_stat_statements is not in shared_preload_libraries: no statement is counted.",
            "ALTER SYSTEM SET shared_preload_libraries = " + libraries + ";", ErrorCode::install_extension);
        report_.findings.back().needs_restart = true;
    }
    const auto source = discover_statement_source(connection);
    if (!source) {
        if (source.error().code == ErrorCode::install_extension) {
            add(Severity::blocking, "extension_absent",
                "pg_stat_statements is not usable in database \"" + connection.database() + "\".",
                report_.facts.standby ? "On the primary: CREATE EXTENSION pg_stat_statements;"
                                      : "CREATE EXTENSION pg_stat_statements;",
                ErrorCode::install_extension, connection.database());
        } else {
            add(Severity::blocking, "extension_unreadable", source.error().message, source.error().hint,
                source.error().code);
        }
        return;
    }
    check_version(*source);
    if (!visible || preloaded) check_entries(connection, *source);
}

void Checker::check_version(const StatementSource& source) {
    const auto offered = workload::parse_extension_version(source.default_version);
    if (offered && source.version < *offered)
        add(Severity::advice, "extension_outdated",
            "pg_stat_statements is at " + source.version_text + " while this server offers " + source.default_version +
                ": newer counters are missing.",
            "ALTER EXTENSION pg_stat_statements UPDATE;", ErrorCode::install_extension);
    if (source.version > newest_known || !source.unknown_columns.empty())
        add(Severity::advice, "extension_newer",
            "pg_stat_statements " + source.version_text + " is newer than this program knows; its columns " +
                (source.unknown_columns.empty() ? std::string("are as before")
                                                : base::join(source.unknown_columns, ", ") + " are left out") +
                ".",
            "Update pganalytics.", ErrorCode::unsupported);
}

void Checker::check_entries(postgres::Connection& connection, const StatementSource& source) {
    const auto rows = connection.query("select count(*), count(*) filter (where queryid is null) from " +
                                       quote_identifier(source.schema) + ".pg_stat_statements(false)");
    if (!rows) {
        const bool schema = connection.last_server_error().sqlstate == "42501";
        add(Severity::blocking, schema ? "extension_schema" : "extension_unreadable",
            schema ? "The role may not use schema \"" + source.schema + "\", where pg_stat_statements is installed."
                   : rows.error().message,
            schema ? "GRANT USAGE ON SCHEMA " + quote_identifier(source.schema) + " TO " + role() + ";"
                   : rows.error().hint,
            rows.error().code, connection.database());
        return;
    }
    const auto entries = rows->integer(0, 0).value_or(0);
    const auto hidden = rows->integer(0, 1).value_or(0);
    counters_work_ = entries > hidden || hidden == 0;
    if (hidden > 0)
        add(hidden == entries ? Severity::blocking : Severity::degraded, "text_hidden",
            "The statements of other roles are hidden: " + base::with_thousands(hidden) + " of " +
                plural(entries, "entry.", "entries."),
            "GRANT pg_monitor TO " + role() + ";");
    check_capacity(connection, source, entries);
}

void Checker::check_capacity(postgres::Connection& connection, const StatementSource& source, std::int64_t entries) {
    const auto max = base::parse_integer(setting("pg_stat_statements.max")).value_or(5000);
    std::optional<double> evictions_an_hour;
    if (const auto sql = info_sql(source); !sql.empty()) {
        const auto info = connection.query("select dealloc, extract(epoch from now() - stats_reset) / 3600.0 from " +
                                           quote_identifier(source.schema) + ".pg_stat_statements_info");
        if (info && !info->empty()) {
            const double hours = info->number(0, 1).value_or(0);
            if (hours > 0) evictions_an_hour = info->number(0, 0).value_or(0) / std::max(hours, 1.0);
        }
    }
    // Each eviction throws out 5 % of the entries: one an hour loses a few rare statements, more lose the picture.
    const bool churns = evictions_an_hour ? *evictions_an_hour >= 1 : entries >= max * 95 / 100;
    if (!churns) return;
    add(Severity::degraded, "statements_max_too_small",
        "pg_stat_statements.max = " + std::to_string(max) + " is too small: entries are evicted" +
            (evictions_an_hour ? " " + std::to_string(static_cast<std::int64_t>(*evictions_an_hour)) + " times an hour"
                               : std::string()) +
            ", and what they counted is lost.",
        "ALTER SYSTEM SET pg_stat_statements.max = " + std::to_string(std::max<std::int64_t>(max * 2, 10000)) + ";",
        ErrorCode::install_extension);
    report_.findings.back().needs_restart = true;
}

void Checker::check_settings() {
    const auto wants = [&](const std::string& name, const std::string& why, Severity severity) {
        if (setting(name) == "off")
            add(severity, name + "_off", name + " is off: " + why, "ALTER SYSTEM SET " + name + " = on;");
    };
    wants("track_io_timing", "time spent on reading and writing blocks is unknown.", Severity::advice);
    wants("track_counts", "scans and writes of tables and indexes are not counted.", Severity::degraded);
    wants("track_activities", "running statements and lock waits cannot be seen.", Severity::degraded);
    if (setting("pg_stat_statements.track") == "none")
        add(Severity::blocking, "track_none", "pg_stat_statements.track is none: no statement is counted.",
            "ALTER SYSTEM SET pg_stat_statements.track = top;");
    constexpr std::int64_t short_activity_text = 1024;
    const auto size = base::parse_integer(setting("track_activity_query_size"));
    if (size && *size <= short_activity_text) {
        add(Severity::advice, "track_activity_query_size",
            "track_activity_query_size = " + std::to_string(*size) +
                ": longer statements are cut in pg_stat_activity, so their literals cannot be learnt.",
            "ALTER SYSTEM SET track_activity_query_size = 16384;");
        report_.findings.back().needs_restart = true;
    }
}

void Checker::check_databases() {
    std::size_t looked_at = 0;
    for (const auto& database : report_.facts.databases) {
        if (!options_.databases.admits(database.name)) continue;
        if (!database.can_connect) {
            add(Severity::degraded, "cannot_connect",
                "The role may not connect to database \"" + database.name + "\": its catalog and plans are missing.",
                "GRANT CONNECT ON DATABASE " + quote_identifier(database.name) + " TO " + role() + ";",
                ErrorCode::grant_access, database.name);
            continue;
        }
        if (++looked_at > options_.max_databases) return;
        check_database(database);
    }
}

void Checker::check_database(const DatabaseFacts& database) {
    const auto there = postgres::with_database(conninfo_, database.name);
    if (!there) return;
    auto connection = postgres::Connection::open(*there, options_.connect);
    if (!connection) {
        add(Severity::degraded, "cannot_connect",
            "Database \"" + database.name + "\" refused the connection: " + connection.error().message,
            connection.error().hint, connection.error().code, database.name);
        return;
    }
    const auto rows = connection->query(statistics_sql);
    if (!rows || rows->empty()) return;
    const auto never_analysed = rows->integer(0, 0).value_or(0);
    const auto unreadable = rows->integer(0, 1).value_or(0);
    const auto tables = rows->integer(0, 2).value_or(0);
    if (never_analysed > 0)
        add(Severity::degraded, "never_analysed",
            plural(never_analysed, "table", "tables") + " of database \"" + database.name +
                "\" with over 1,000 rows never had statistics gathered: the planner guesses.",
            "ANALYZE;", ErrorCode::unprocessable, database.name);
    if (unreadable > 0) {
        ++databases_unreadable_;
        constexpr int first_with_read_all_data = 14;
        add(Severity::degraded, "planning_not_allowed",
            "The role may not read " + base::with_thousands(unreadable) + " of " + plural(tables, "table", "tables") +
                " of database \"" + database.name + "\": no plans and no column statistics for them.",
            report_.facts.version.major() >= first_with_read_all_data
                ? "GRANT pg_read_all_data TO " + role() + ";"
                : "Run the statements of `pganalytics setup-target`, tier planning (13 grants schema by schema).",
            ErrorCode::grant_access, database.name);
    }
    if (!rows->boolean(0, 3))
        add(Severity::advice, "no_hypopg",
            "HypoPG is not installed in database \"" + database.name +
                "\": index advice is estimated instead of asked of the planner.",
            rows->boolean(0, 4) ? "CREATE EXTENSION hypopg;"
                                : "Install the package (postgresql-" + std::to_string(report_.facts.version.major()) +
                                      "-hypopg), then: CREATE EXTENSION hypopg;",
            ErrorCode::install_extension, database.name);
}

void Checker::conclude_tiers() {
    const auto first = [&](std::initializer_list<std::string_view> codes) {
        for (const auto& finding : report_.findings)
            if (std::find(codes.begin(), codes.end(), finding.code) != codes.end()) return finding.message;
        return std::string();
    };
    TierState counters{Tier::counters, counters_work_ && !report_.has("not_monitor") && !report_.has("text_hidden"),
                       ""};
    if (!counters.reached)
        counters.why_not = first({"not_preloaded", "extension_absent", "extension_schema", "extension_unreadable",
                                  "text_hidden", "not_monitor"});
    TierState planning{Tier::planning, databases_unreadable_ == 0 && !report_.has("cannot_connect"), ""};
    if (!planning.reached) planning.why_not = first({"planning_not_allowed", "cannot_connect"});
    report_.tiers = {std::move(counters), std::move(planning)};
}

base::Result<CheckReport> Checker::run() {
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(conninfo_, options_.connect));
    PGANALYTICS_RETURN_IF_ERROR(read_server(connection));
    check_role();
    check_extension(connection);
    check_settings();
    check_databases();
    conclude_tiers();
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
    return std::move(report_);
}

}  // namespace

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::blocking:
            return "blocking";
        case Severity::degraded:
            return "degraded";
        case Severity::advice:
            return "advice";
    }
    return "unknown";
}

bool CheckReport::has(std::string_view code) const {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) { return finding.code == code; });
}

base::Result<CheckReport> check_target(const base::Secret& conninfo, const CheckOptions& options) {
    return Checker(conninfo, options).run();
}

}  // namespace pganalytics::collector
