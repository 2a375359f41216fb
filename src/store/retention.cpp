#include "store/retention.hpp"

#include <fmt/format.h>

#include <optional>

#include "store/levels.hpp"
#include "store/stored_counters.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Timestamp;
using namespace std::chrono_literals;
using postgres::Connection;

/// The collector may still be about to store what ended just now.
constexpr auto grace = 3min;
/// One transaction rolls up no more than this, however far behind it is: ingest waits for it.
constexpr auto longest_step = 6h;

std::string moment(Timestamp time) {
    return "timestamptz '" + base::to_rfc3339(time) + "'";
}

base::Status run(Connection& connection, const std::string& statement, const postgres::Parameters& parameters = {}) {
    auto done = connection.query(statement, parameters);
    if (!done) return std::move(done).error();
    return {};
}

/// Sums of the finer level over [from, to) into `level`.
std::string roll_up_statement(Level level, Timestamp from, Timestamp to) {
    const auto& names = names_of(level);
    const bool from_raw = level == Level::ten_minutes;
    const auto& finer = names_of(from_raw ? Level::raw : Level::ten_minutes);
    const std::string bucket =
        fmt::format("to_timestamp(floor(extract(epoch from m.begins) / {0}) * {0})", names.bucket.count());
    const std::string offset = fmt::format("extract(epoch from m.begins - {})", bucket);
    const std::string columns =
        "target_id, statement_id, begins, active_from_s, active_to_s, peak_calls_per_minute, " + counter_column_names();
    return fmt::format(
        "insert into pganalytics.{table} as m ({columns}) select {columns} from ("
        "select m.target_id, m.statement_id, {bucket} as begins, min({first})::smallint as active_from_s, "
        "least(max({last}), 32767)::smallint as active_to_s, "
        "max({peak}) as peak_calls_per_minute, {sums} from pganalytics.{finer} as m where m.begins >= {from} and "
        "m.begins < {to} group by 1, 2, 3) as r {add}",
        fmt::arg("table", names.table), fmt::arg("columns", columns), fmt::arg("bucket", bucket),
        fmt::arg("first", from_raw ? offset : offset + " + m.active_from_s"),
        fmt::arg("last", from_raw ? "ceil(" + offset + " + m.length_ms / 1000.0)" : offset + " + m.active_to_s"),
        fmt::arg("peak", from_raw ? "m.calls * 60000.0 / m.length_ms" : "m.peak_calls_per_minute"),
        fmt::arg("sums", aggregate_columns()), fmt::arg("finer", finer.table), fmt::arg("from", moment(from)),
        fmt::arg("to", moment(to)), fmt::arg("add", add_on_conflict()));
}

/// One step of one level; nullopt when there is nothing left to roll up.
base::Result<std::optional<std::size_t>> roll_up_step(Connection& connection, Level level, Timestamp now) {
    PGANALYTICS_RETURN_IF_ERROR(lock_history(connection, true));
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    const auto from = coverages[static_cast<std::size_t>(level)].rolled_up_to;
    const auto complete =
        level == Level::ten_minutes ? bucket_begin(now - grace, 600s) : bucket_begin(coverages[1].rolled_up_to, 3600s);
    const auto to = std::min(complete, from + longest_step);
    if (from >= to) return std::optional<std::size_t>();
    const std::string key(names_of(level).key);
    PGANALYTICS_RETURN_IF_ERROR(
        run(connection, "select pganalytics.ensure_partitions($1, $2, $3)", {key, sql_text(from), sql_text(to)}));
    PGANALYTICS_ASSIGN(const auto rolled, connection.query(roll_up_statement(level, from, to)));
    PGANALYTICS_RETURN_IF_ERROR(run(
        connection, "update pganalytics.history_levels set rolled_up_to = $2 where level = $1", {key, sql_text(to)}));
    return std::optional<std::size_t>(static_cast<std::size_t>(rolled.affected()));
}

base::Result<std::size_t> make_ahead(Connection& connection, Timestamp now) {
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("select pganalytics.ensure_partitions('raw', $1, $1::timestamptz + interval '12 hours') "
                         "+ pganalytics.ensure_partitions('10 minutes', $1, $1::timestamptz + interval '2 days') "
                         "+ pganalytics.ensure_partitions('1 hour', $1, $1::timestamptz + interval '10 days')",
                         {sql_text(now)}));
    return static_cast<std::size_t>(rows.integer(0, 0).value_or(0));
}

struct Partition {
    Level level = Level::raw;
    std::string name;
    Timestamp begins, ends;
    base::Bytes size;
};

base::Result<std::vector<Partition>> partitions_of(Connection& connection, Level level) {
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("select partition_name, " + microseconds_of("begins") + ", " + microseconds_of("ends") +
                             ", bytes from pganalytics.list_partitions($1) order by begins",
                         {std::string(names_of(level).key)}));
    std::vector<Partition> partitions;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        partitions.push_back({level, rows.text(row, 0), time_cell(rows, row, 1), time_cell(rows, row, 2),
                              base::Bytes{rows.integer(row, 3).value_or(0)}});
    }
    return partitions;
}

/// Under the exclusive lock. What the level keeps begins where the partition ends.
base::Status drop(Connection& connection, const Partition& partition, std::string_view event,
                  const std::string& sentence) {
    PGANALYTICS_RETURN_IF_ERROR(run(connection, "drop table pganalytics." + partition.name));
    PGANALYTICS_RETURN_IF_ERROR(
        run(connection, "update pganalytics.history_levels set kept_from = greatest(kept_from, $2) where level = $1",
            {std::string(names_of(partition.level).key), sql_text(partition.ends)}));
    return run(connection, "insert into pganalytics.maintenance_events (event, detail) values ($1, $2)",
               {std::string(event), sentence});
}

/// A level may lose what the next coarser one holds; the coarsest what nothing finer would leave a hole before.
Timestamp droppable_until(const Coverages& coverages, Level level) {
    switch (level) {
        case Level::raw:
            return coverages[1].rolled_up_to;
        case Level::ten_minutes:
            return std::min(coverages[2].rolled_up_to, coverages[0].kept_from);
        case Level::hour:
            return coverages[1].kept_from;
    }
    return Timestamp::min();
}

base::Status drop_by_age(Connection& connection, const RetentionPolicy& policy, Timestamp now,
                         MaintenanceReport& report) {
    PGANALYTICS_RETURN_IF_ERROR(lock_history(connection, true));
    const std::array<std::chrono::hours, 3> ages{policy.raw, policy.ten_minutes, policy.hours};
    for (const Level level : levels) {
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        PGANALYTICS_ASSIGN(const auto partitions, partitions_of(connection, level));
        for (const auto& partition : partitions) {
            if (partition.ends > now - ages[static_cast<std::size_t>(level)] ||
                partition.ends > droppable_until(coverages, level))
                break;
            const auto sentence = fmt::format("{} history before {} was dropped by age.", names_of(level).key,
                                              base::to_rfc3339(partition.ends));
            PGANALYTICS_RETURN_IF_ERROR(drop(connection, partition, "dropped", sentence));
            report.dropped.push_back(partition.name);
        }
    }
    return {};
}

base::Status forget_the_rest(Connection& connection, const RetentionPolicy& policy, Timestamp now) {
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    const auto tens = sql_text(coverages[1].kept_from);
    // The ledger outlives a late retry, whatever the age of its data.
    PGANALYTICS_RETURN_IF_ERROR(run(
        connection,
        "delete from pganalytics.collection_intervals where begins < $1 and ingested_at < now() - interval '2 days'",
        {tens}));
    PGANALYTICS_RETURN_IF_ERROR(
        run(connection, "delete from pganalytics.observed_hours where hour < $1", {sql_text(coverages[2].kept_from)}));
    PGANALYTICS_RETURN_IF_ERROR(
        run(connection, "delete from pganalytics.activity_samples where sampled_at < $1", {tens}));
    PGANALYTICS_RETURN_IF_ERROR(run(connection, "delete from pganalytics.catalog_snapshots where taken_at < $1",
                                    {sql_text(now - policy.hours)}));
    return run(connection, "delete from pganalytics.explain_plans where last_seen_at < $1",
               {sql_text(now - policy.plans)});
}

base::Result<base::Bytes> size_of(Connection& connection) {
    PGANALYTICS_ASSIGN(const auto rows, connection.query("select pganalytics.repository_size()"));
    return base::Bytes{rows.integer(0, 0).value_or(0)};
}

/// The oldest partition of the coarsest level that may go.
base::Result<std::optional<Partition>> next_to_thin(Connection& connection) {
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    for (const Level level : {Level::hour, Level::ten_minutes, Level::raw}) {
        PGANALYTICS_ASSIGN(auto partitions, partitions_of(connection, level));
        if (!partitions.empty() && partitions.front().ends <= droppable_until(coverages, level))
            return std::optional(std::move(partitions.front()));
    }
    return std::optional<Partition>();
}

base::Status hold_budget(Connection& connection, base::Bytes budget, MaintenanceReport& report) {
    PGANALYTICS_RETURN_IF_ERROR(lock_history(connection, true));
    PGANALYTICS_ASSIGN(report.size, size_of(connection));
    const auto before = report.size;
    while (report.size > budget) {
        PGANALYTICS_ASSIGN(const auto partition, next_to_thin(connection));
        if (!partition) {
            report.thinned.push_back(
                fmt::format("The repository takes {}, over its disk budget of {}, and nothing is left to thin: raise "
                            "the budget or watch fewer targets.",
                            base::to_words(report.size), base::to_words(budget)));
            return {};
        }
        const auto sentence =
            fmt::format("{} history before {} was thinned: the repository took {}, its disk budget is {}.",
                        names_of(partition->level).key, base::to_rfc3339(partition->ends), base::to_words(before),
                        base::to_words(budget));
        PGANALYTICS_RETURN_IF_ERROR(drop(connection, *partition, "thinned", sentence));
        report.thinned.push_back(sentence);
        report.size = report.size - partition->size;
    }
    return {};
}

}  // namespace

base::Result<MaintenanceReport> Retention::run(Timestamp now) {
    MaintenanceReport report;
    for (const Level level : {Level::ten_minutes, Level::hour}) {
        for (;;) {
            PGANALYTICS_ASSIGN(const auto rolled, repository_->with_transaction([&](Connection& connection) {
                return roll_up_step(connection, level, now);
            }));
            if (!rolled) break;
            report.rolled_up_rows += *rolled;
        }
    }
    PGANALYTICS_ASSIGN(report.partitions_made, repository_->with_transaction([&](Connection& connection) {
        return make_ahead(connection, now);
    }));
    PGANALYTICS_RETURN_IF_ERROR(repository_->with_transaction(
        [&](Connection& connection) { return drop_by_age(connection, policy_, now, report); }));
    PGANALYTICS_RETURN_IF_ERROR(repository_->with_transaction(
        [&](Connection& connection) { return forget_the_rest(connection, policy_, now); }));
    PGANALYTICS_RETURN_IF_ERROR(repository_->with_transaction(
        [&](Connection& connection) { return hold_budget(connection, policy_.disk_budget, report); }));
    return report;
}

base::Result<base::Bytes> Retention::size() {
    return repository_->with_connection([](Connection& connection) { return size_of(connection); });
}

}  // namespace pganalytics::store
