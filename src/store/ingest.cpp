// What the collector writes beside the counters: texts, plans, catalogs, settings, activity.

#include "store/ingest.hpp"

#include <fmt/format.h>

#include "base/hash.hpp"
#include "store/catalog_json.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

/// Rows travel as one JSON parameter: one statement, one round trip, whatever their number.
constexpr std::string_view insert_texts =
    "insert into pganalytics.statements (query_hash, fingerprint_hash, query_text, has_literals) "
    "select distinct on (h) h, f, t, l from jsonb_to_recordset($1::jsonb) as r (h bigint, f bigint, t text, l boolean) "
    "order by h "
    "on conflict (query_hash) do update set fingerprint_hash = excluded.fingerprint_hash "
    "where statements.fingerprint_hash is distinct from excluded.fingerprint_hash";

constexpr std::string_view insert_keys =
    "insert into pganalytics.statement_keys as k (target_id, database_oid, user_oid, queryid, toplevel, query_hash, "
    "database_name, user_name) "
    "select distinct on (d, u, q, p) $2, d, u, q, p, h, dn, un from jsonb_to_recordset($1::jsonb) "
    "as r (d oid, u oid, q bigint, p boolean, h bigint, dn text, un text) order by d, u, q, p "
    "on conflict (target_id, database_oid, user_oid, queryid, toplevel) do update "
    "set query_hash = excluded.query_hash, database_name = excluded.database_name, user_name = excluded.user_name "
    "where (k.query_hash, k.database_name, k.user_name) is distinct from (excluded.query_hash, excluded.database_name, "
    "excluded.user_name)";

constexpr std::string_view insert_plans =
    "insert into pganalytics.explain_plans as e (target_id, database_name, query_hash, shape_hash, source, "
    "captured_at, last_seen_at, "
    "total_cost, plan, planned_text, repairs, dml_as_select) "
    "select distinct on (dn, h, s, src) $2, dn, h, s, src, c, c, cost, p, nullif(t, ''), array(select "
    "jsonb_array_elements_text(rep)), dml "
    "from jsonb_to_recordset($1::jsonb) as r (dn text, h bigint, s bigint, src text, c timestamptz, cost double "
    "precision, p jsonb, t text, "
    "rep jsonb, dml boolean) "
    "where exists (select from pganalytics.statements where query_hash = h) "
    "order by dn, h, s, src, c desc "
    "on conflict (target_id, database_name, query_hash, shape_hash, source) do update "
    "set last_seen_at = excluded.last_seen_at, total_cost = excluded.total_cost, plan = excluded.plan, planned_text = "
    "excluded.planned_text, "
    "repairs = excluded.repairs, dml_as_select = excluded.dml_as_select "
    "where e.last_seen_at <= excluded.last_seen_at";

constexpr std::string_view insert_settings =
    "insert into pganalytics.settings_history (target_id, database_name, name, changed_at, value, unit, source) "
    "select $2, $3, n, $4, v, u, s from jsonb_to_recordset($1::jsonb) as r (n text, v text, u text, s text) "
    "where v is distinct from (select h.value from pganalytics.settings_history as h "
    "where h.target_id = $2 and h.database_name = $3 and h.name = n and h.changed_at <= $4 order by h.changed_at desc "
    "limit 1) "
    "on conflict do nothing";

constexpr std::string_view insert_activity =
    "insert into pganalytics.activity_samples (target_id, database_name, sampled_at, active, idle_in_transaction, "
    "waiting_for_lock, total, "
    "available_memory_percent, longest_transaction_seconds, lock_waits) "
    "select $2, dn, at, a, i, w, t, m, l, lw from jsonb_to_recordset($1::jsonb) as r (dn text, at timestamptz, a int, "
    "i int, w int, t int, "
    "m double precision, l double precision, lw jsonb) on conflict do nothing";

template <typename T>
nlohmann::json optional_json(const std::optional<T>& value) {
    if (!value) return nullptr;
    if constexpr (std::is_enum_v<T>) {
        return base::to_integer(*value);
    } else {
        return *value;
    }
}

base::Status run(postgres::Connection& connection, std::string_view statement, const postgres::Parameters& parameters) {
    auto done = connection.query(statement, parameters);
    if (!done) return std::move(done).error();
    return {};
}

}  // namespace

base::Status Ingest::upsert_statements(base::TargetId target, std::span<const KnownStatement> statements) {
    if (statements.empty()) return {};
    nlohmann::json texts = nlohmann::json::array();
    nlohmann::json keys = nlohmann::json::array();
    for (const auto& statement : statements) {
        const auto hash = base::to_integer(statement.query_hash);
        texts.push_back({{"h", hash},
                         {"f", optional_json(statement.fingerprint_hash)},
                         {"t", storable(statement.text)},
                         {"l", statement.has_literals}});
        keys.push_back({{"d", base::to_integer(statement.key.database)},
                        {"u", base::to_integer(statement.key.user)},
                        {"q", base::to_integer(statement.key.query_id)},
                        {"p", statement.key.top_level},
                        {"h", hash},
                        {"dn", storable(statement.database_name)},
                        {"un", storable(statement.user_name)}});
    }
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_RETURN_IF_ERROR(run(connection, insert_texts, {texts.dump()}));
        return run(connection, insert_keys, {keys.dump(), sql_text(target)});
    });
}

base::Status Ingest::plans(base::TargetId target, std::span<const CapturedPlan> plans) {
    if (plans.empty()) return {};
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& plan : plans) {
        auto parsed = nlohmann::json::parse(storable(plan.plan_json), nullptr, false);
        if (parsed.is_discarded()) {
            return base::Error{
                .code = base::ErrorCode::fix_input, .message = "A captured plan is not JSON.", .hint = {}, .field = {}};
        }
        rows.push_back({{"dn", storable(plan.database_name)},
                        {"h", base::to_integer(plan.query_hash)},
                        {"s", plan.shape_hash},
                        {"src", plan.source == plan::PlanSource::generic ? "generic" : "literals"},
                        {"c", base::to_rfc3339(plan.captured_at)},
                        {"cost", plan.total_cost},
                        {"p", std::move(parsed)},
                        {"t", storable(plan.planned_text)},
                        {"rep", plan.repairs},
                        {"dml", plan.dml_as_select}});
    }
    return repository_->with_connection([&](postgres::Connection& connection) {
        return run(connection, insert_plans, {rows.dump(), sql_text(target)});
    });
}

base::Status Ingest::catalog(base::TargetId target, const catalog::Database& database, base::Timestamp taken_at) {
    const auto content = catalog_to_json(database).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return repository_->with_connection([&](postgres::Connection& connection) {
        return run(
            connection,
            "insert into pganalytics.catalog_snapshots as c (target_id, database_name, taken_on, taken_at, content) "
            "values ($1, $2, ($3::timestamptz at time zone 'UTC')::date, $3, $4) "
            "on conflict (target_id, database_name, taken_on) do update set taken_at = excluded.taken_at, content = "
            "excluded.content "
            "where c.taken_at <= excluded.taken_at",
            {sql_text(target), storable(database.name), sql_text(taken_at), storable(content)});
    });
}

base::Result<std::size_t> Ingest::settings(base::TargetId target, std::string_view database_name,
                                           std::span<const catalog::Setting> settings, base::Timestamp seen_at) {
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& setting : settings) {
        rows.push_back({{"n", storable(setting.name)},
                        {"v", storable(setting.value)},
                        {"u", setting.unit},
                        {"s", setting.source}});
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::size_t> {
        PGANALYTICS_ASSIGN(const auto done,
                           connection.query(insert_settings, {rows.dump(), sql_text(target), storable(database_name),
                                                              sql_text(seen_at)}));
        return static_cast<std::size_t>(done.affected());
    });
}

base::Status Ingest::activity(base::TargetId target, std::span<const ActivitySample> samples) {
    if (samples.empty()) return {};
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& sample : samples) {
        nlohmann::json waits = nlohmann::json::array();
        for (const auto& [hash, backends] : sample.lock_waits)
            waits.push_back({{"query_hash", base::to_integer(hash)}, {"backends", backends}});
        rows.push_back({{"dn", storable(sample.database_name)},
                        {"at", base::to_rfc3339(sample.sampled_at)},
                        {"a", sample.active},
                        {"i", sample.idle_in_transaction},
                        {"w", sample.waiting_for_lock},
                        {"t", sample.total},
                        {"m", optional_json(sample.available_memory_percent)},
                        {"l", optional_json(sample.longest_transaction_seconds)},
                        {"lw", waits.empty() ? nlohmann::json(nullptr) : std::move(waits)}});
    }
    return repository_->with_connection([&](postgres::Connection& connection) {
        return run(connection, insert_activity, {rows.dump(), sql_text(target)});
    });
}

base::Status Ingest::examples(base::TargetId target, std::string_view database_name, base::QueryHash query_hash,
                              std::span<const std::string> texts) {
    if (texts.empty()) return {};
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& text : texts) rows.push_back({{"x", base::sha256_hex(text)}, {"t", storable(text)}});
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_RETURN_IF_ERROR(
            run(connection,
                "insert into pganalytics.statement_examples (target_id, database_name, query_hash, example_hash, "
                "example_text, seen_at) "
                "select $1, $2, $3, x, t, clock_timestamp() from (select distinct on (x) x, t from "
                "jsonb_to_recordset($4::jsonb) "
                "as r (x text, t text)) as e on conflict (target_id, database_name, query_hash, example_hash) do "
                "update set seen_at = excluded.seen_at",
                {sql_text(target), storable(database_name), sql_text(query_hash), rows.dump()}));
        return run(connection,
                   "delete from pganalytics.statement_examples as e where target_id = $1 and database_name = $2 and "
                   "query_hash = $3 "
                   "and example_hash not in (select example_hash from pganalytics.statement_examples where target_id = "
                   "$1 and database_name = $2 "
                   "and query_hash = $3 order by seen_at desc, example_hash limit 5)",
                   {sql_text(target), storable(database_name), sql_text(query_hash)});
    });
}

base::Result<std::vector<KnownStatement>> Ingest::known_statements(base::TargetId target) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<KnownStatement>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(
                    "select k.database_oid, k.user_oid, k.queryid, k.toplevel, k.database_name, k.user_name, "
                    "k.query_hash, s.fingerprint_hash, s.query_text, s.has_literals "
                    "from pganalytics.statement_keys as k join pganalytics.statements as s using (query_hash) "
                    "where k.target_id = $1",
                    {sql_text(target)}));
            std::vector<KnownStatement> known;
            known.reserve(rows.size());
            for (std::size_t row = 0; row < rows.size(); ++row) {
                KnownStatement statement;
                statement.key = {.database = base::Oid{static_cast<std::uint32_t>(rows.integer(row, 0).value_or(0))},
                                 .user = base::Oid{static_cast<std::uint32_t>(rows.integer(row, 1).value_or(0))},
                                 .query_id = id_cell<base::QueryId>(rows, row, 2),
                                 .top_level = rows.boolean(row, 3)};
                statement.database_name = rows.text(row, 4);
                statement.user_name = rows.text(row, 5);
                statement.query_hash = id_cell<base::QueryHash>(rows, row, 6);
                if (const auto family = rows.integer(row, 7))
                    statement.fingerprint_hash = base::FingerprintHash{*family};
                statement.text = rows.text(row, 8);
                statement.has_literals = rows.boolean(row, 9);
                known.push_back(std::move(statement));
            }
            return known;
        });
}

}  // namespace pganalytics::store
