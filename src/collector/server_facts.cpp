#include "collector/server_facts.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "collector/row_values.hpp"

namespace pganalytics::collector {

namespace {

constexpr std::string_view facts_sql = R"(
select current_setting('server_version_num'),
       (extract(epoch from clock_timestamp()) * 1000000)::bigint,
       (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
       (extract(epoch from pg_conf_load_time()) * 1000000)::bigint,
       pg_is_in_recovery(),
       current_user::text,
       r.rolsuper,
       pg_has_role(current_user, 'pg_monitor', 'usage')
         or (pg_has_role(current_user, 'pg_read_all_stats', 'usage')
             and pg_has_role(current_user, 'pg_read_all_settings', 'usage')),
       coalesce((select pg_has_role(current_user, g.oid, 'usage') from pg_roles g
                 where g.rolname = 'pg_read_all_data'), false),
       r.rolconnlimit,
       current_setting('TimeZone'),
       has_function_privilege('pg_catalog.pg_control_system()', 'execute')
from pg_roles r
where r.rolname = current_user)";

constexpr std::string_view databases_sql = R"(
select d.oid, d.datname, pg_encoding_to_char(d.encoding),
       d.datallowconn and has_database_privilege(d.oid, 'connect')
from pg_database d
where not d.datistemplate
order by d.datname)";

bool matches(std::string_view pattern, std::string_view name) {
    if (pattern.empty()) return name.empty();
    if (pattern.front() == '*') {
        for (std::size_t taken = 0; taken <= name.size(); ++taken)
            if (matches(pattern.substr(1), name.substr(taken))) return true;
        return false;
    }
    if (name.empty()) return false;
    return (pattern.front() == '?' || pattern.front() == name.front()) && matches(pattern.substr(1), name.substr(1));
}

std::optional<std::int64_t> meminfo_bytes(std::string_view text, std::string_view label) {
    for (const auto& line : base::split(text, '\n')) {
        if (!std::string_view(line).starts_with(label)) continue;
        auto rest = base::trim(std::string_view(line).substr(label.size()));
        if (!rest.ends_with(" kB")) return std::nullopt;
        rest.remove_suffix(3);
        if (const auto kilobytes = base::parse_integer(base::trim(rest))) return *kilobytes * 1024;
    }
    return std::nullopt;
}

}  // namespace

const DatabaseFacts* ServerFacts::find_database(base::Oid oid) const {
    const auto found = std::find_if(databases.begin(), databases.end(), [&](const auto& d) { return d.oid == oid; });
    return found == databases.end() ? nullptr : &*found;
}

base::Result<ServerFacts> read_server_facts(postgres::Connection& connection) {
    const std::vector<std::pair<std::string, postgres::Parameters>> statements{{std::string(facts_sql), {}},
                                                                               {std::string(databases_sql), {}}};
    PGANALYTICS_ASSIGN(const auto results, connection.pipeline(statements));
    const auto& row = results[0];
    if (row.empty())
        return base::Error{base::ErrorCode::internal, "The server does not know the role that is logged in.", "", ""};
    ServerFacts facts;
    facts.version.number = static_cast<int>(row.integer(0, 0).value_or(0));
    facts.now = timestamp_of(row, 0, 1).value_or(base::Timestamp{});
    facts.started_at = timestamp_of(row, 0, 2).value_or(base::Timestamp{});
    facts.configured_at = timestamp_of(row, 0, 3).value_or(base::Timestamp{});
    facts.standby = row.boolean(0, 4);
    facts.role = row.text(0, 5);
    facts.superuser = row.boolean(0, 6);
    facts.monitor = row.boolean(0, 7);
    facts.read_all_data = row.boolean(0, 8);
    facts.connection_limit = static_cast<int>(row.integer(0, 9).value_or(-1));
    facts.time_zone = row.text(0, 10);
    const auto& databases = results[1];
    for (std::size_t i = 0; i < databases.size(); ++i)
        facts.databases.push_back(
            {oid_of(databases, i, 0), databases.text(i, 1), databases.text(i, 2), databases.boolean(i, 3)});
    if (row.boolean(0, 11)) {
        PGANALYTICS_ASSIGN(const auto identifier,
                           connection.query("select system_identifier from pg_catalog.pg_control_system()"));
        if (!identifier.empty()) facts.system_identifier = identifier.integer(0, 0);
    }
    return facts;
}

base::Result<std::map<base::Oid, std::string>> read_role_names(postgres::Connection& connection,
                                                               const std::set<base::Oid>& roles) {
    std::string oids = "{";
    for (const auto role : roles) {
        if (oids.size() > 1) oids += ',';
        oids += std::to_string(base::to_integer(role));
    }
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select oid, rolname from pg_roles where oid = any($1::oid[])", {oids + "}"}));
    std::map<base::Oid, std::string> names;
    for (std::size_t row = 0; row < rows.size(); ++row) names.emplace(oid_of(rows, row, 0), rows.text(row, 1));
    return names;
}

DatabaseFilter DatabaseFilter::of(const std::vector<std::string>& patterns) {
    DatabaseFilter filter;
    for (const auto& pattern : patterns) {
        if (pattern.starts_with('!')) {
            filter.exclude.push_back(pattern.substr(1));
        } else {
            filter.include.push_back(pattern);
        }
    }
    return filter;
}

bool DatabaseFilter::admits(std::string_view database_name) const {
    const auto matching = [&](const std::string& pattern) { return matches(pattern, database_name); };
    if (std::any_of(exclude.begin(), exclude.end(), matching)) return false;
    return include.empty() || std::any_of(include.begin(), include.end(), matching);
}

double MachineMemory::available_percent() const {
    return total.value > 0 ? 100.0 * static_cast<double>(available.value) / static_cast<double>(total.value) : 0.0;
}

std::optional<MachineMemory> parse_meminfo(std::string_view text) {
    const auto total = meminfo_bytes(text, "MemTotal:");
    const auto available = meminfo_bytes(text, "MemAvailable:");
    if (!total || !available || *total <= 0) return std::nullopt;
    return MachineMemory{{*total}, {*available}};
}

}  // namespace pganalytics::collector
