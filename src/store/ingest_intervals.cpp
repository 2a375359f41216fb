// Intervals into the history: the ledger says which are new, COPY takes the rows, and what comes late is added to the
// roll-ups that are already closed for its time.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "store/binary_copy.hpp"
#include "store/ingest.hpp"
#include "store/levels.hpp"
#include "store/stored_counters.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;
using base::Timestamp;
using workload::Counters;
using namespace std::chrono_literals;

/// One row for a history table, before it is written.
struct HistoryRow {
    std::int32_t statement_id = 0;
    Timestamp begins;
    std::int32_t length_ms = 0;                       ///< raw
    std::int16_t active_from_s = 0, active_to_s = 0;  ///< roll-ups
    double peak_calls_per_minute = 0;                 ///< roll-ups
    Counters sum;
};

struct KeyHash {
    std::size_t operator()(const workload::StatementKey& key) const {
        auto mix = static_cast<std::uint64_t>(base::to_integer(key.query_id)) * 0x9e3779b97f4a7c15ULL;
        mix ^= (static_cast<std::uint64_t>(base::to_integer(key.database)) << 32 | base::to_integer(key.user)) +
               (key.top_level ? 1 : 0);
        return static_cast<std::size_t>(mix ^ (mix >> 29));
    }
};
using KeyIds = std::unordered_map<workload::StatementKey, std::int32_t, KeyHash>;

base::Status check_batches(std::span<const IntervalBatch> batches, Timestamp now) {
    for (const auto& batch : batches) {
        if (batch.begins >= batch.ends) {
            return Error{.code = ErrorCode::fix_input,
                         .message = "An interval ends (" + base::to_rfc3339(batch.ends) + ") before it begins (" +
                                    base::to_rfc3339(batch.begins) + ").",
                         .hint = {},
                         .field = {}};
        }
        if (batch.begins > now + 24h) {
            return Error{.code = ErrorCode::fix_input,
                         .message = "An interval begins in the future: " + base::to_rfc3339(batch.begins) + ".",
                         .hint = "Set this machine's clock.",
                         .field = {}};
        }
    }
    return {};
}

base::Result<KeyIds> read_key_ids(postgres::Connection& connection, base::TargetId target) {
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select statement_id, database_oid, user_oid, queryid, toplevel "
                                        "from pganalytics.statement_keys where target_id = $1",
                                        {sql_text(target)}));
    KeyIds ids;
    ids.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const workload::StatementKey key{
            .database = base::Oid{static_cast<std::uint32_t>(rows.integer(row, 1).value_or(0))},
            .user = base::Oid{static_cast<std::uint32_t>(rows.integer(row, 2).value_or(0))},
            .query_id = id_cell<base::QueryId>(rows, row, 3),
            .top_level = rows.boolean(row, 4)};
        ids.emplace(key, static_cast<std::int32_t>(rows.integer(row, 0).value_or(0)));
    }
    return ids;
}

/// Enters the intervals into the ledger; gives the begins of those that were not there.
base::Result<std::unordered_set<std::int64_t>> enter_intervals(postgres::Connection& connection, base::TargetId target,
                                                               std::span<const IntervalBatch* const> batches) {
    nlohmann::json entries = nlohmann::json::array();
    for (const auto* batch : batches) {
        entries.push_back({{"b", base::to_rfc3339(batch->begins)},
                           {"e", base::to_rfc3339(batch->ends)},
                           {"r", batch->statements.size()},
                           {"h", batch->hidden_calls},
                           {"v", batch->evicted_entries},
                           {"x", batch->counters_reset}});
    }
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("insert into pganalytics.collection_intervals as i "
                         "(target_id, begins, ends, statement_rows, hidden_calls, evicted_entries, counters_reset) "
                         "select $1, b, e, r, h, v, x "
                         "from jsonb_to_recordset($2::jsonb) as t (b timestamptz, e timestamptz, r int, h bigint, v "
                         "bigint, x boolean) "
                         "order by b on conflict (target_id, begins) do nothing returning " +
                             microseconds_of("i.begins"),
                         {sql_text(target), entries.dump()}));
    std::unordered_set<std::int64_t> added;
    for (std::size_t row = 0; row < rows.size(); ++row) added.insert(rows.integer(row, 0).value_or(0));
    return added;
}

base::Status note_observed(postgres::Connection& connection, base::TargetId target,
                           std::span<const IntervalBatch* const> batches) {
    std::map<Timestamp, double> hours;
    Timestamp newest = Timestamp::min();
    for (const auto* batch : batches) {
        hours[bucket_begin(batch->begins, 3600s)] += base::Seconds(batch->ends - batch->begins).count();
        newest = std::max(newest, batch->ends);
    }
    nlohmann::json entries = nlohmann::json::array();
    for (const auto& [hour, seconds] : hours) entries.push_back({{"h", base::to_rfc3339(hour)}, {"s", seconds}});
    const std::vector<std::pair<std::string, postgres::Parameters>> statements{
        {"insert into pganalytics.observed_hours as o (target_id, hour, observed_seconds) "
         "select $1, h, s from jsonb_to_recordset($2::jsonb) as t (h timestamptz, s double precision) order by h "
         "on conflict (target_id, hour) do update set observed_seconds = o.observed_seconds + "
         "excluded.observed_seconds",
         {sql_text(target), entries.dump()}},
        {"update pganalytics.targets set last_collected_at = greatest(last_collected_at, $2) where target_id = $1",
         {sql_text(target), sql_text(newest)}}};
    auto done = connection.pipeline(statements);
    if (!done) return std::move(done).error();
    return {};
}

/// The columns that hold anything in these rows: the others stay null, and need not be sent.
std::vector<const workload::CounterField*> used_fields(const std::vector<HistoryRow>& rows) {
    std::vector<const workload::CounterField*> used;
    for (const auto& counter : stored_counters) {
        const auto& field = field_of(counter);
        const bool any = std::ranges::any_of(
            rows, [&](const HistoryRow& row) { return workload::counter_value(row.sum, field).value_or(0) != 0; });
        if (any) used.push_back(&field);
    }
    return used;
}

void add_counter(BinaryCopy& copy, const Counters& counters, const workload::CounterField& field) {
    std::visit(
        [&](auto member) {
            const auto& value = counters.*member;
            using Value = std::remove_cvref_t<decltype(value)>;
            if constexpr (std::is_arithmetic_v<Value>) {
                value != 0 ? copy.add(value) : copy.add_null();
            } else {
                value.value_or(0) != 0 ? copy.add(*value) : copy.add_null();
            }
        },
        field.member);
}

base::Status copy_rows(postgres::Connection& connection, base::TargetId target, std::string_view table, bool raw,
                       const std::vector<HistoryRow>& rows) {
    if (rows.empty()) return {};
    const auto fields = used_fields(rows);
    std::string columns =
        raw ? "begins, target_id, statement_id, absent, length_ms"
            : "begins, target_id, statement_id, absent, active_from_s, active_to_s, peak_calls_per_minute";
    for (const auto* field : fields) columns += ", " + std::string(field->name);
    columns += ", " + std::string(squares_column);
    const auto field_count = static_cast<std::int16_t>((raw ? 5 : 7) + fields.size() + 1);
    const auto target_number = static_cast<std::int32_t>(base::to_integer(target));
    std::size_t next = 0;
    BinaryCopy copy([&](BinaryCopy& out) {
        const HistoryRow& row = rows[next];
        out.begin_row(field_count);
        out.add(row.begins);
        out.add(target_number);
        out.add(row.statement_id);
        out.add(absent_bits(row.sum));
        if (raw) {
            out.add(row.length_ms);
        } else {
            out.add(row.active_from_s);
            out.add(row.active_to_s);
            out.add(row.peak_calls_per_minute);
        }
        for (const auto* field : fields) add_counter(out, row.sum, *field);
        row.sum.sum_squared_deviation_ms2.value_or(0) != 0 ? out.add(*row.sum.sum_squared_deviation_ms2)
                                                           : out.add_null();
        return ++next < rows.size();
    });
    auto copied = connection.copy_in(fmt::format("copy {} ({}) from stdin (format binary)", table, columns),
                                     [&] { return copy.next_chunk(); });
    if (!copied) return std::move(copied).error();
    return {};
}

base::Status ensure_partitions(postgres::Connection& connection, Level level, const std::vector<HistoryRow>& rows) {
    const auto [first, last] = std::ranges::minmax(rows, {}, &HistoryRow::begins);
    auto made = connection.query("select pganalytics.ensure_partitions($1, $2, $3)",
                                 {std::string(names_of(level).key), sql_text(first.begins), sql_text(last.begins)});
    if (!made) return std::move(made).error();
    return {};
}

/// Rows of intervals summed up into the buckets of a level.
std::vector<HistoryRow> summed_up(const std::vector<HistoryRow>& rows, std::chrono::seconds bucket) {
    constexpr std::int64_t longest = 32767;
    std::map<std::pair<Timestamp, std::int32_t>, HistoryRow> sums;
    for (const auto& row : rows) {
        const auto begins = bucket_begin(row.begins, bucket);
        const auto offset = std::chrono::duration_cast<std::chrono::seconds>(row.begins - begins).count();
        const auto until =
            std::chrono::ceil<std::chrono::seconds>(row.begins + std::chrono::milliseconds(row.length_ms) - begins)
                .count();
        auto [it, is_new] = sums.try_emplace({begins, row.statement_id});
        HistoryRow& sum = it->second;
        const auto from_s = static_cast<std::int16_t>(offset);
        const auto to_s = static_cast<std::int16_t>(std::min(until, longest));
        const double rate = static_cast<double>(row.sum.calls) * 60000.0 / std::max(row.length_ms, 1);
        if (is_new) {
            sum = {.statement_id = row.statement_id,
                   .begins = begins,
                   .active_from_s = from_s,
                   .active_to_s = to_s,
                   .peak_calls_per_minute = rate,
                   .sum = row.sum};
        } else {
            sum.active_from_s = std::min(sum.active_from_s, from_s);
            sum.active_to_s = std::max(sum.active_to_s, to_s);
            sum.peak_calls_per_minute = std::max(sum.peak_calls_per_minute, rate);
            sum.sum += row.sum;
        }
    }
    std::vector<HistoryRow> result;
    result.reserve(sums.size());
    for (auto& [key, row] : sums) result.push_back(std::move(row));
    return result;
}

base::Status add_to_rollup(postgres::Connection& connection, base::TargetId target, Level level,
                           const std::vector<HistoryRow>& late) {
    if (late.empty()) return {};
    const auto rows = summed_up(late, names_of(level).bucket);
    const std::string table = "pganalytics." + std::string(names_of(level).table);
    const std::string staging = "pg_temp.late_" + std::string(names_of(level).table);
    PGANALYTICS_RETURN_IF_ERROR(ensure_partitions(connection, level, rows));
    auto made = connection.query(fmt::format(
        "create temporary table late_{} (like {} including defaults) on commit drop", names_of(level).table, table));
    if (!made) return std::move(made).error();
    PGANALYTICS_RETURN_IF_ERROR(copy_rows(connection, target, staging, false, rows));
    const std::string columns =
        "target_id, statement_id, begins, active_from_s, active_to_s, peak_calls_per_minute, " + counter_column_names();
    auto added = connection.query(fmt::format("insert into {} as m ({}) select {} from {} {}", table, columns, columns,
                                              staging, add_on_conflict()));
    if (!added) return std::move(added).error();
    return {};
}

/// The rows of the new intervals with their short keys, one for each statement and interval.
std::vector<HistoryRow> rows_of(std::span<const IntervalBatch* const> batches, const KeyIds& ids,
                                IngestReport& report) {
    std::vector<HistoryRow> rows;
    std::unordered_map<std::int32_t, std::size_t> in_batch;
    for (const auto* batch : batches) {
        in_batch.clear();
        for (const auto& interval : batch->statements) {
            const auto id = ids.find(interval.key);
            if (id == ids.end()) {
                ++report.rows_unknown_key;
                continue;
            }
            const auto [it, is_new] = in_batch.try_emplace(id->second, rows.size());
            if (!is_new) {
                rows[it->second].sum += interval.delta;
                continue;
            }
            // A statement that waited for its text brings several intervals in one: over all of them, or its rate would
            // look as many times too high.
            const bool waited = interval.begins != Timestamp{} && interval.begins < batch->begins - 1s;
            const auto begins = waited ? interval.begins : batch->begins;
            const auto length = std::chrono::duration_cast<std::chrono::milliseconds>(batch->ends - begins).count();
            rows.push_back({.statement_id = id->second,
                            .begins = begins,
                            .length_ms = static_cast<std::int32_t>(std::clamp<std::int64_t>(length, 1, INT32_MAX)),
                            .sum = interval.delta});
        }
    }
    return rows;
}

std::vector<HistoryRow> between(const std::vector<HistoryRow>& rows, Timestamp from, Timestamp to) {
    std::vector<HistoryRow> chosen;
    std::ranges::copy_if(rows, std::back_inserter(chosen),
                         [&](const HistoryRow& row) { return row.begins >= from && row.begins < to; });
    return chosen;
}

base::Result<IngestReport> store_intervals(postgres::Connection& connection, base::TargetId target,
                                           std::span<const IntervalBatch> batches) {
    PGANALYTICS_RETURN_IF_ERROR(lock_history(connection, false));
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    const auto& [raw, tens, hours] = coverages;
    IngestReport report;
    std::vector<const IntervalBatch*> fresh;
    for (const auto& batch : batches) {
        if (batch.begins < hours.kept_from) {
            ++report.intervals_too_old;
        } else {
            fresh.push_back(&batch);
        }
    }
    if (fresh.empty()) return report;
    PGANALYTICS_ASSIGN(const auto added, enter_intervals(connection, target, fresh));
    report.intervals_known = fresh.size();
    std::erase_if(
        fresh, [&](const IntervalBatch* batch) { return !added.contains(batch->begins.time_since_epoch().count()); });
    report.intervals_known -= fresh.size();
    if (fresh.empty()) return report;

    PGANALYTICS_ASSIGN(const auto ids, read_key_ids(connection, target));
    const auto rows = rows_of(fresh, ids, report);
    report.rows_stored = rows.size();
    if (const auto recent = between(rows, raw.kept_from, Timestamp::max()); !recent.empty()) {
        PGANALYTICS_RETURN_IF_ERROR(ensure_partitions(connection, Level::raw, recent));
        PGANALYTICS_RETURN_IF_ERROR(copy_rows(connection, target, "pganalytics.metrics_raw", true, recent));
    }
    PGANALYTICS_RETURN_IF_ERROR(
        add_to_rollup(connection, target, Level::ten_minutes, between(rows, tens.kept_from, tens.rolled_up_to)));
    PGANALYTICS_RETURN_IF_ERROR(
        add_to_rollup(connection, target, Level::hour, between(rows, hours.kept_from, hours.rolled_up_to)));
    PGANALYTICS_RETURN_IF_ERROR(note_observed(connection, target, fresh));
    return report;
}

}  // namespace

base::Result<IngestReport> Ingest::intervals(base::TargetId target, std::span<const IntervalBatch> batches) {
    PGANALYTICS_RETURN_IF_ERROR(check_batches(batches, base::SystemClock().now()));
    return repository_->with_transaction(
        [&](postgres::Connection& connection) { return store_intervals(connection, target, batches); });
}

}  // namespace pganalytics::store
