#include "store/table_changes.hpp"

#include "store/values.hpp"

namespace pganalytics::store {

base::Result<std::vector<TableReading>> table_changes(Repository& repository, base::TargetId target,
                                                      std::string_view database_name, const Window& window,
                                                      const std::vector<std::pair<std::string, std::string>>& tables) {
    std::vector<std::string> schemas, names;
    for (const auto& [schema, name] : tables) {
        schemas.push_back(storable(schema));
        names.push_back(storable(name));
    }
    return repository.with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<TableReading>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + microseconds_of("taken_at") +
                                 " as at, sum((activity ->> 'rows_inserted')::double precision + "
                                 "(activity ->> 'rows_updated')::double precision + "
                                 "(activity ->> 'rows_deleted')::double precision) as changes "
                                 "from pganalytics.catalog_snapshots "
                                 "cross join lateral jsonb_array_elements(content -> 'relations') as r (relation) "
                                 "cross join lateral (select relation -> 'activity' as activity) as a "
                                 "join unnest($5::text[], $6::text[]) as t (schema, name) "
                                 "on t.schema = relation ->> 'schema' and t.name = relation ->> 'name' "
                                 "where target_id = $1 and database_name = $2 and taken_at >= $3 and taken_at < $4 "
                                 "and jsonb_typeof(activity) = 'object' "
                                 "group by taken_at having count(*) = cardinality($5::text[]) order by taken_at",
                             {sql_text(target), std::string(database_name), sql_text(window.from), sql_text(window.to),
                              sql_array(schemas), sql_array(names)}));
        std::vector<TableReading> readings;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            readings.push_back({time_cell(rows, row, 0), rows.number(row, 1).value_or(0)});
        }
        return readings;
    });
}

}  // namespace pganalytics::store
