#include "collector/statement_source.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "catalog/catalog.hpp"

namespace pganalytics::collector {

namespace {

constexpr std::string_view discover_sql = R"(
select n.nspname, e.extversion,
       (select v.default_version from pg_available_extensions v where v.name = 'pg_stat_statements'),
       (select string_agg(a.name, ',' order by a.position)
        from pg_proc p
        cross join lateral unnest(p.proargnames, p.proargmodes) with ordinality as a(name, mode, position)
        where p.pronamespace = e.extnamespace and p.proname = 'pg_stat_statements' and a.mode = 'o'),
       exists (select from pg_proc p
               where p.pronamespace = e.extnamespace and p.proname = 'pg_stat_statements_info')
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements')";

// Columns that are no sums: identity, extremes, means and times.
constexpr auto other_columns =
    std::to_array<std::string_view>({"userid", "dbid", "toplevel", "queryid", "query", "min_plan_time", "max_plan_time",
                                     "mean_plan_time", "stddev_plan_time", "min_exec_time", "max_exec_time",
                                     "mean_exec_time", "stddev_exec_time", "stats_since", "minmax_stats_since"});

bool is_known(std::string_view column) {
    if (std::find(other_columns.begin(), other_columns.end(), column) != other_columns.end()) return true;
    return std::any_of(
        workload::counter_fields.begin(), workload::counter_fields.end(),
        [&](const workload::CounterField& field) { return field.column == column || field.earlier_column == column; });
}

}  // namespace

bool StatementSource::has_column(std::string_view name) const {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
}

std::optional<std::string_view> StatementSource::column_of(const workload::CounterField& field) const {
    if (has_column(field.column)) return field.column;
    if (!field.earlier_column.empty() && has_column(field.earlier_column)) return field.earlier_column;
    return std::nullopt;
}

base::Result<StatementSource> discover_statement_source(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto rows, connection.query(discover_sql));
    if (rows.empty())
        return base::Error{base::ErrorCode::install_extension,
                           "pg_stat_statements is not installed in database \"" + connection.database() + "\".",
                           "Run there: CREATE EXTENSION pg_stat_statements;", ""};
    StatementSource source;
    source.schema = rows.text(0, 0);
    source.version_text = rows.text(0, 1);
    source.default_version = rows.text(0, 2);
    source.columns = base::split(rows.text(0, 3), ',');
    source.has_info = rows.boolean(0, 4);
    PGANALYTICS_ASSIGN(source.version, workload::parse_extension_version(source.version_text));
    for (const auto& column : source.columns)
        if (!is_known(column)) source.unknown_columns.push_back(column);
    if (!source.has_column("queryid") || !source.has_column("total_exec_time"))
        return base::Error{base::ErrorCode::install_extension,
                           "pg_stat_statements " + source.version_text + " is too old: it lacks total_exec_time.",
                           "Run: ALTER EXTENSION pg_stat_statements UPDATE;", ""};
    return source;
}

std::string counters_sql(const StatementSource& source) {
    std::string sql = "select userid, dbid, queryid";
    sql += source.has_column("toplevel") ? ", toplevel" : ", true as toplevel";
    if (source.has_column("stats_since")) sql += ", (extract(epoch from stats_since) * 1000000)::bigint as stats_since";
    if (source.has_column(workload::squared_deviation_column))
        sql += ", " + std::string(workload::squared_deviation_column);
    for (const auto& field : workload::counter_fields)
        if (const auto column = source.column_of(field)) sql += ", " + std::string(*column);
    return sql + " from " + catalog::quote_identifier(source.schema) + ".pg_stat_statements(false)";
}

std::string info_sql(const StatementSource& source) {
    if (!source.has_info) return "";
    return "select dealloc, (extract(epoch from stats_reset) * 1000000)::bigint from " +
           catalog::quote_identifier(source.schema) + ".pg_stat_statements_info";
}

std::string texts_sql(const StatementSource& source) {
    // The join, not `= ANY`: before 14 an array of thousands would be searched once for each entry.
    return std::string(
               "with wanted as (select distinct unnest($1::bigint[]) as queryid), read as materialized ("
               "select s.userid, s.dbid, s.queryid, ") +
           (source.has_column("toplevel") ? "s.toplevel" : "true as toplevel") +
           ", left(s.query, $2::int) as text, octet_length(s.query) as bytes from " +
           catalog::quote_identifier(source.schema) +
           ".pg_stat_statements(true) s join wanted using (queryid)), "
           "summed as (select *, sum(octet_length(text)) over shortest as together, "
           "row_number() over shortest as place from read "
           "window shortest as (order by octet_length(text), queryid, dbid, userid rows unbounded preceding)) "
           "select userid, dbid, queryid, toplevel, "
           "case when together <= $3::bigint or place = 1 then text end as text, "
           "bytes > octet_length(text) as cut from summed";
}

}  // namespace pganalytics::collector
