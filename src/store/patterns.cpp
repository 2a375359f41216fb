#include "store/patterns.hpp"

#include "store/records.hpp"

namespace pganalytics::store {
namespace {

// xmax is 0 in a row that was inserted, not updated.
constexpr std::string_view upsert =
    "insert into pganalytics.workload_patterns as p (target_id, database_name, identity, pattern_type, "
    "pattern_metadata, detection_timestamp, description, affected_query_count) "
    "select $2, $3, i, t, m, $4, d, n from jsonb_to_recordset($1::jsonb) as r (i text, t text, m jsonb, d text, n int) "
    "on conflict (target_id, database_name, identity) do update set pattern_type = excluded.pattern_type, "
    "pattern_metadata = excluded.pattern_metadata, detection_timestamp = excluded.detection_timestamp, "
    "description = excluded.description, affected_query_count = excluded.affected_query_count, is_stale = false "
    "returning xmax = 0";

constexpr std::string_view mark_stale =
    "update pganalytics.workload_patterns set is_stale = true "
    "where target_id = $2 and database_name = $3 and not is_stale "
    "and identity not in (select r ->> 'i' from jsonb_array_elements($1::jsonb) as r)";

constexpr Columns columns(column("p.id", &StoredPattern::id), column("p.target_id", &StoredPattern::target_id),
                          column("t.name", &StoredPattern::target_name),
                          column("p.database_name", &StoredPattern::database_name),
                          column("p.identity", &StoredPattern::identity),
                          column("p.pattern_type", &StoredPattern::pattern_type),
                          column("p.pattern_metadata", &StoredPattern::pattern_metadata_json),
                          column("p.detection_timestamp", &StoredPattern::detection_timestamp),
                          column("p.description", &StoredPattern::description),
                          column("p.affected_query_count", &StoredPattern::affected_query_count));

}  // namespace

base::Result<PatternSaveReport> PatternStore::save(base::TargetId target, std::string_view database_name,
                                                   std::span<const PatternToSave> patterns,
                                                   base::Timestamp detected_at) {
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& pattern : patterns) {
        rows.push_back({{"i", storable(pattern.identity)},
                        {"t", pattern.pattern_type},
                        {"m", nlohmann::json::parse(pattern.pattern_metadata_json, nullptr, false)},
                        {"d", storable(pattern.description)},
                        {"n", pattern.affected_query_count}});
    }
    const std::string all = rows.dump();
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<PatternSaveReport> {
        PatternSaveReport report;
        PGANALYTICS_ASSIGN(
            const auto saved,
            connection.query(upsert, {all, sql_text(target), std::string(database_name), sql_text(detected_at)}));
        for (std::size_t row = 0; row < saved.size(); ++row) ++(saved.boolean(row, 0) ? report.added : report.updated);
        PGANALYTICS_ASSIGN(const auto gone,
                           connection.query(mark_stale, {all, sql_text(target), std::string(database_name)}));
        report.stale = static_cast<std::size_t>(gone.affected());
        return report;
    });
}

base::Result<Page<StoredPattern>> PatternStore::list(const PatternFilter& filter) {
    postgres::Parameters parameters{sql_optional(filter.target),
                                    sql_optional(filter.database_name),
                                    sql_optional(filter.pattern_type),
                                    std::nullopt,
                                    std::nullopt,
                                    std::to_string(filter.limit + 1)};
    if (filter.cursor) {
        PGANALYTICS_ASSIGN(const auto after, read_time_cursor("patterns", *filter.cursor));
        parameters[3] = after.rank;
        parameters[4] = after.id;
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<StoredPattern>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + columns.list() +
                                 " from pganalytics.workload_patterns as p "
                                 "join pganalytics.targets as t using (target_id) where not p.is_stale "
                                 "and ($1::integer is null or p.target_id = $1) "
                                 "and ($2::text is null or p.database_name = $2) "
                                 "and ($3::text is null or p.pattern_type = $3) "
                                 "and ($4::timestamptz is null or (p.detection_timestamp, p.id) < ($4, $5::bigint)) "
                                 "order by p.detection_timestamp desc, p.id desc limit $6::bigint",
                             parameters));
        return columns.read_page(rows, filter.limit, "patterns", [](const StoredPattern& last) {
            return nlohmann::json{last.detection_timestamp.time_since_epoch().count(), base::to_integer(last.id)};
        });
    });
}

}  // namespace pganalytics::store
