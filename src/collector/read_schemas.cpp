// What `setup_steps` wants to know of a server's databases.

#include <algorithm>

#include "base/text.hpp"
#include "collector/check.hpp"

namespace pganalytics::collector {

namespace {

constexpr std::string_view owners_sql = R"(
select n.nspname, pg_get_userbyid(c.relowner)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
group by 1, 2
order by 1, 2)";

// The setting is no row of pg_settings for a role that may not see it.
constexpr std::string_view server_sql = R"(
select not has_database_privilege('public', current_database(), 'connect'),
       (select setting from pg_settings where name = 'shared_preload_libraries'))";

base::Result<DatabaseSchemas> read_database_schemas(postgres::Connection& connection) {
    DatabaseSchemas schemas;
    schemas.database = connection.database();
    PGANALYTICS_ASSIGN(const auto rows, connection.query(owners_sql));
    const auto add_once = [](std::vector<std::string>& names, std::string name) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    };
    for (std::size_t row = 0; row < rows.size(); ++row) {
        add_once(schemas.schemas, rows.text(row, 0));
        add_once(schemas.owners, rows.text(row, 1));
    }
    PGANALYTICS_ASSIGN(const auto server, connection.query(server_sql));
    schemas.refuses_public_connect = server.boolean(0, 0);
    if (server.cell(0, 1)) {
        schemas.preloaded.emplace();
        for (const auto& library : base::split(server.text(0, 1), ','))
            if (!base::trim(library).empty()) schemas.preloaded->emplace_back(base::trim(library));
    }
    return schemas;
}

}  // namespace

base::Result<std::vector<DatabaseSchemas>> read_schemas(const base::Secret& conninfo, const ServerFacts& facts,
                                                        const CheckOptions& options) {
    PGANALYTICS_ASSIGN(const auto named, postgres::endpoint_of(conninfo));
    std::vector<DatabaseSchemas> all;
    for (const auto& database : facts.databases) {
        if (!options.databases.admits(database.name) || all.size() >= options.max_databases) continue;
        PGANALYTICS_ASSIGN(const auto there, postgres::with_database(conninfo, database.name));
        auto connection = postgres::Connection::open(there, options.connect);
        DatabaseSchemas schemas;
        schemas.database = database.name;
        // Who may not connect there still learns that the database exists.
        if (connection) {
            PGANALYTICS_ASSIGN(schemas, read_database_schemas(*connection));
        }
        all.push_back(std::move(schemas));
    }
    std::stable_partition(all.begin(), all.end(),
                          [&](const DatabaseSchemas& schemas) { return schemas.database == named.database; });
    return all;
}

}  // namespace pganalytics::collector
