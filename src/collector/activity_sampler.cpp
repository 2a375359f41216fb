#include "collector/activity_sampler.hpp"

#include <algorithm>
#include <map>

#include "collector/row_values.hpp"

namespace pganalytics::collector {

namespace {

// query_id exists since 14. A state that is NULL belongs to a backend whose state we may not see.
constexpr std::string_view activity_sql = R"(
select (extract(epoch from clock_timestamp()) * 1000000)::bigint,
       (extract(epoch from pg_conf_load_time()) * 1000000)::bigint,
       a.datid, a.datname, a.state, coalesce(a.wait_event_type = 'Lock', false), (to_jsonb(a) ->> 'query_id')::bigint,
       count(*), max(extract(epoch from clock_timestamp() - a.xact_start))
from pg_stat_activity a
where a.backend_type = 'client backend'
  and a.pid <> pg_backend_pid()
  and not (a.usename = current_user and a.application_name = current_setting('application_name'))
group by 3, 4, 5, 6, 7
union all
select (extract(epoch from clock_timestamp()) * 1000000)::bigint,
       (extract(epoch from pg_conf_load_time()) * 1000000)::bigint, null, null, null, false, null, 0, null)";

// A text of the full length that the server keeps may have been cut there. A backend that is idle still shows its last
// statement.
constexpr std::string_view examples_sql = R"(
select distinct on (a.datid, a.id) a.datid, a.id, a.query
from (select s.*, (to_jsonb(s) ->> 'query_id')::bigint as id from pg_stat_activity s) a
where a.backend_type = 'client backend'
  and a.pid <> pg_backend_pid()
  and a.id is not null
  and octet_length(a.query) < (select setting::int from pg_settings where name = 'track_activity_query_size') - 1
  and octet_length(a.query) <= 8192
  and a.query !~ '[$][0-9]'
  and not starts_with(a.query, $1)
order by a.datid, a.id
limit 100)";

void add(std::vector<std::pair<base::QueryId, int>>& counts, base::QueryId id, int count) {
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& one) { return one.first == id; });
    if (found == counts.end()) {
        counts.emplace_back(id, count);
    } else {
        found->second += count;
    }
}

void take_group(DatabaseActivity& database, const postgres::Rows& rows, std::size_t row, int count) {
    const auto state = rows.text(row, 4);
    const bool waits = rows.boolean(row, 5);
    database.total += count;
    if (state.starts_with("idle in transaction")) database.idle_in_transaction += count;
    if (const auto age = rows.number(row, 8))
        database.longest_transaction_seconds = std::max(database.longest_transaction_seconds.value_or(0), *age);
    if (state != "active") return;
    database.active += count;
    if (waits) database.waiting_for_lock += count;
    const auto id = rows.integer(row, 6);
    if (!id) return;
    add(database.running, base::QueryId{*id}, count);
    if (waits) add(database.lock_waits, base::QueryId{*id}, count);
}

}  // namespace

base::Result<ActivityReading> sample_activity(postgres::Connection& connection) {
    const std::vector<std::pair<std::string, postgres::Parameters>> statements{
        {std::string(activity_sql), {}}, {std::string(examples_sql), {std::string(postgres::statement_tag)}}};
    PGANALYTICS_ASSIGN(const auto results, connection.pipeline(statements));
    const auto& rows = results[0];
    ActivityReading reading;
    std::map<std::uint32_t, DatabaseActivity> databases;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        reading.at = timestamp_of(rows, row, 0).value_or(base::Timestamp{});
        reading.configured_at = timestamp_of(rows, row, 1).value_or(base::Timestamp{});
        const int count = static_cast<int>(rows.integer(row, 7).value_or(0));
        if (!rows.cell(row, 2)) continue;
        if (!rows.cell(row, 4)) {
            reading.hidden += count;
            continue;
        }
        const auto oid = oid_of(rows, row, 2);
        auto& database = databases[base::to_integer(oid)];
        database.database = oid;
        database.database_name = rows.text(row, 3);
        take_group(database, rows, row, count);
    }
    for (auto& [oid, database] : databases) reading.databases.push_back(std::move(database));
    for (std::size_t row = 0; row < results[1].size(); ++row)
        reading.examples.push_back({oid_of(results[1], row, 0), base::QueryId{results[1].integer(row, 1).value_or(0)},
                                    results[1].text(row, 2)});
    return reading;
}

}  // namespace pganalytics::collector
