#include "store/training_history.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/history_source.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

constexpr std::string_view join_keys =
    "join pganalytics.statement_keys as k on k.target_id = m.target_id and k.statement_id = m.statement_id";

/// Raw where that is kept, hours before; or hours throughout.
std::string source_of(base::TargetId target, const Coverages& coverages, const Window& window, Grain grain) {
    const std::string condition = "m.target_id = " + sql_text(target);
    if (grain == Grain::hours) return history_source(pieces_of(coverages, window.from, window.to), condition);
    const auto raw_from = std::clamp(coverages[0].kept_from, window.from, window.to);
    std::vector<Piece> pieces;
    if (window.from < raw_from) pieces = pieces_of(coverages, window.from, raw_from);
    for (const auto& piece : pieces_of(coverages, raw_from, window.to, Level::raw)) pieces.push_back(piece);
    return history_source(pieces, condition);
}

/// What follows a reset lacks what ran before it. Resets are few: they are found once, not for each row.
std::string resets_of(base::TargetId target) {
    return "with resets as materialized (select begins, ends from pganalytics.collection_intervals where target_id = " +
           sql_text(target) + " and counters_reset) ";
}
constexpr std::string_view no_reset =
    "not exists (select from resets as c where c.begins < m.begins + m.length_s * interval '1 second' and c.ends > "
    "m.begins)";

}  // namespace

base::Result<std::vector<StatementRow>> TrainingHistory::rows(base::TargetId target, std::string_view database_name,
                                                              const Window& window, Grain grain,
                                                              std::size_t most_each) {
    return repository_->with_connection([&](postgres::Connection& connection)
                                            -> base::Result<std::vector<StatementRow>> {
        PGANALYTICS_RETURN_IF_ERROR(check_window(window));
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        // Every n-th row of a statement, counted back from its newest.
        const std::string thinned =
            most_each == 0
                ? ""
                : fmt::format(" where (newness - 1) % greatest(1, (of_statement + {0} - 1) / {0}) = 0", most_each);
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                resets_of(target) +
                    fmt::format(
                        "select * from (select *, row_number() over (partition by query_hash order by begins desc) as "
                        "newness, count(*) over (partition by query_hash) as of_statement from ("
                        "select k.query_hash, {} as begins, m.length_s, sum(m.calls) as calls, "
                        "sum(m.total_exec_time_ms) as time_ms, sum(m.rows) as rows, sum(m.shared_blks_hit) as hit, "
                        "sum(m.shared_blks_read) as read, sum(m.temp_blks_written) as temp "
                        "from {} as m {} where k.database_name = $1 and m.calls > 0 and m.total_exec_time_ms > 0 and "
                        "{} group by 1, 2, 3) as g) as n{} order by begins, query_hash",
                        microseconds_of("m.begins"), source_of(target, coverages, window, grain), join_keys, no_reset,
                        thinned),
                {std::string(database_name)}));
        std::vector<StatementRow> result;
        result.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            result.push_back({.query_hash = id_cell<base::QueryHash>(rows, row, 0),
                              .begins = time_cell(rows, row, 1),
                              .length = base::Seconds(rows.number(row, 2).value_or(0)),
                              .calls = rows.number(row, 3).value_or(0),
                              .time_ms = rows.number(row, 4).value_or(0),
                              .rows = rows.number(row, 5).value_or(0),
                              .blocks_hit = rows.number(row, 6).value_or(0),
                              .blocks_read = rows.number(row, 7).value_or(0),
                              .temp_blocks = rows.number(row, 8).value_or(0)});
        }
        return result;
    });
}

base::Result<TrainingHistory::Count> TrainingHistory::count(base::TargetId target, std::string_view database_name,
                                                            const Window& window) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Count> {
        PGANALYTICS_RETURN_IF_ERROR(check_window(window));
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        const auto last_day = std::max(window.from, window.to - std::chrono::days(1));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                resets_of(target) +
                    // Once, too: the planner knows nothing of tables that were just filled.
                    ", planned as materialized (select distinct query_hash from pganalytics.explain_plans where "
                    "target_id = " +
                    sql_text(target) + " and database_name = $1) " +
                    fmt::format("select count(*), count(*) filter (where begins >= $2::timestamptz) from ("
                                "select distinct k.query_hash, m.begins from {} as m {} where k.database_name = $1 "
                                "and m.calls > 0 and m.total_exec_time_ms > 0 and {} and k.query_hash in "
                                "(select query_hash from planned)) as s",
                                source_of(target, coverages, window, Grain::intervals), join_keys, no_reset),
                {std::string(database_name), sql_text(last_day)}));
        PGANALYTICS_ASSIGN(const auto observed, observed_minutes(connection, coverages, {last_day, window.to}));
        Count count{rows.integer(0, 0).value_or(0), rows.integer(0, 1).value_or(0), base::Seconds(0)};
        for (const auto& [id, minutes] : observed) {
            if (id == target) count.observed_of_last_day = minutes;
        }
        return count;
    });
}

base::Result<std::vector<StoredPlan>> TrainingHistory::plans(base::TargetId target, std::string_view database_name) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<StoredPlan>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select query_hash, shape_hash, source, " + microseconds_of("captured_at") + ", " +
                                 microseconds_of("last_seen_at") +
                                 ", total_cost, plan from pganalytics.explain_plans where target_id = $1 and "
                                 "database_name = $2 order by query_hash, captured_at, source desc, shape_hash",
                             {sql_text(target), std::string(database_name)}));
        std::vector<StoredPlan> plans;
        plans.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            StoredPlan plan;
            plan.target_id = target;
            plan.database_name = database_name;
            plan.query_hash = id_cell<base::QueryHash>(rows, row, 0);
            plan.shape_hash = rows.integer(row, 1).value_or(0);
            plan.source = rows.text(row, 2) == "generic" ? plan::PlanSource::generic : plan::PlanSource::literals;
            plan.captured_at = time_cell(rows, row, 3);
            plan.last_seen_at = time_cell(rows, row, 4);
            plan.total_cost = rows.number(row, 5).value_or(0);
            plan.plan_json = rows.text(row, 6);
            plans.push_back(std::move(plan));
        }
        return plans;
    });
}

base::Result<std::vector<StatementFamily>> TrainingHistory::families(base::TargetId target,
                                                                     std::string_view database_name) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<StatementFamily>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query("select distinct s.query_hash, s.fingerprint_hash from pganalytics.statement_keys as "
                                 "k join pganalytics.statements as s using (query_hash) where k.target_id = $1 and "
                                 "k.database_name = $2 order by 1",
                                 {sql_text(target), std::string(database_name)}));
            std::vector<StatementFamily> families;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                StatementFamily family{id_cell<base::QueryHash>(rows, row, 0), std::nullopt};
                if (const auto hash = rows.integer(row, 1)) family.fingerprint_hash = base::FingerprintHash{*hash};
                families.push_back(family);
            }
            return families;
        });
}

base::Result<std::vector<ActivityMean>> TrainingHistory::activity(base::TargetId target, std::string_view database_name,
                                                                  const Window& window) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<ActivityMean>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(
                    "select " + microseconds_of("to_timestamp(600 * tens)") +
                        ", active, available from (select floor(extract(epoch from sampled_at) / 600) as "
                        "tens, avg(active)::double precision as active, "
                        "avg(available_memory_percent) as available from pganalytics.activity_samples "
                        "where target_id = $1 and database_name = $2 and sampled_at >= $3 and "
                        "sampled_at < $4 group by 1) as s order by 1",
                    {sql_text(target), std::string(database_name), sql_text(window.from), sql_text(window.to)}));
            std::vector<ActivityMean> means;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                means.push_back({time_cell(rows, row, 0), rows.number(row, 1).value_or(0), rows.number(row, 2)});
            }
            return means;
        });
}

}  // namespace pganalytics::store
