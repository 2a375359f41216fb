// Workloads, series, plans, catalogs and settings, read back.

#include "store/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "store/catalog_json.hpp"
#include "store/history_source.hpp"
#include "store/stored_counters.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view join_keys =
    "join pganalytics.statement_keys as k on k.target_id = m.target_id and k.statement_id = m.statement_id";

Error never_seen(base::QueryHash hash) {
    return {.code = ErrorCode::not_found,
            .message = "Query " + sql_text(hash) + " was never seen there.",
            .hint = "List what was seen with: pganalytics queries",
            .field = "query_hash"};
}

base::Minutes observed_of(const std::vector<std::pair<base::TargetId, base::Minutes>>& all, base::TargetId target) {
    const auto found = std::ranges::find(all, target, &std::pair<base::TargetId, base::Minutes>::first);
    return found == all.end() ? base::Minutes{0} : found->second;
}

base::Status add_examples(postgres::Connection& connection, base::TargetId target, workload::Workload& workload) {
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select query_hash, example_text from pganalytics.statement_examples "
                                        "where target_id = $1 and database_name = $2 order by query_hash, seen_at desc",
                                        {sql_text(target), workload.database_name}));
    std::unordered_map<std::int64_t, std::vector<std::string>> examples;
    for (std::size_t row = 0; row < rows.size(); ++row)
        examples[rows.integer(row, 0).value_or(0)].push_back(rows.text(row, 1));
    for (auto& statement : workload.statements) {
        const auto found = examples.find(base::to_integer(statement.query_hash));
        if (found != examples.end()) statement.example_texts = found->second;
    }
    return {};
}

/// Series of what `condition` (on k) chooses, on the grid of `step`, or as kept.
base::Result<std::vector<HistoryPoint>> series(postgres::Connection& connection, base::TargetId target,
                                               const Window& window, std::optional<base::Seconds> step,
                                               const std::string& condition, const postgres::Parameters& parameters) {
    PGANALYTICS_RETURN_IF_ERROR(check_window(window));
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    const double step_s = step ? step->count() : 0;
    // A step that is a multiple of a bucket needs nothing finer than the bucket.
    const auto fits = [&](double bucket) { return step_s >= bucket && std::fmod(step_s, bucket) == 0; };
    const Level coarsest = fits(3600) ? Level::hour : fits(600) ? Level::ten_minutes : Level::raw;
    const auto pieces = pieces_of(coverages, window.from, window.to, coarsest);
    const std::string bucket =
        step ? fmt::format("to_timestamp(floor(extract(epoch from m.begins) / {0}) * {0})", step_s) : "m.begins";
    const std::string length = step ? fmt::format("{}::double precision", step_s) : "max(m.length_s)";
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query(
            fmt::format("select {}, g.length_s, {}, {}, {} from (select {} as bucket, {} as length_s, "
                        "min(m.active_from) as active_from, "
                        "max(m.active_to) as active_to, {} from {} as m {} where {} group by 1) as g order by g.bucket",
                        microseconds_of("g.bucket"), microseconds_of("g.active_from"), microseconds_of("g.active_to"),
                        counter_column_names(), bucket, length, aggregate_columns(),
                        history_source(pieces, "m.target_id = " + sql_text(target)), join_keys, condition),
            parameters));
    std::vector<HistoryPoint> points;
    points.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        points.push_back({.begins = time_cell(rows, row, 0),
                          .length = base::Seconds(rows.number(row, 1).value_or(0)),
                          .active_from = time_cell(rows, row, 2),
                          .active_to = time_cell(rows, row, 3),
                          .sum = counters_of(rows, row, 4)});
    }
    return points;
}

}  // namespace

base::Result<std::vector<std::string>> History::databases(base::TargetId target, const Window& window) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<std::string>> {
            PGANALYTICS_RETURN_IF_ERROR(check_window(window));
            PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
            const auto source =
                history_source(pieces_of(coverages, window.from, window.to), "m.target_id = " + sql_text(target));
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(fmt::format("select k.database_name from {} as m {} group by k.database_name "
                                             "order by sum(m.total_exec_time_ms) desc nulls last, k.database_name",
                                             source, join_keys)));
            std::vector<std::string> names;
            for (std::size_t row = 0; row < rows.size(); ++row) names.push_back(rows.text(row, 0));
            return names;
        });
}

base::Result<workload::Workload> History::workload(base::TargetId target, std::string_view database_name,
                                                   const Window& window, std::size_t max_statements) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<workload::Workload> {
        PGANALYTICS_RETURN_IF_ERROR(check_window(window));
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        const auto source =
            history_source(pieces_of(coverages, window.from, window.to), "m.target_id = " + sql_text(target));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(fmt::format("select s.query_hash, s.fingerprint_hash, s.query_text, s.has_literals, "
                                         "g.user_name, g.query_ids, g.peak, {} from ("
                                         "select k.query_hash, (array_agg(k.user_name order by m.total_exec_time_ms "
                                         "desc nulls last))[1] as user_name, "
                                         "array_to_json(array_agg(distinct k.queryid::text)) as query_ids, "
                                         "max(m.peak_calls_per_minute) as peak, {} "
                                         "from {} as m {} where k.database_name = $1 group by k.query_hash) as g "
                                         "join pganalytics.statements as s using (query_hash) "
                                         "order by g.total_exec_time_ms desc nulls last, s.query_hash limit $2::bigint",
                                         counter_column_names(), aggregate_columns(), source, join_keys),
                             {std::string(database_name), std::to_string(max_statements)}));
        PGANALYTICS_ASSIGN(const auto observed, observed_minutes(connection, coverages, window));
        workload::Workload result{
            .database_name = std::string(database_name), .window = observed_of(observed, target), .statements = {}};
        result.statements.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            workload::ObservedStatement statement;
            statement.query_hash = id_cell<base::QueryHash>(rows, row, 0);
            if (const auto family = rows.integer(row, 1)) statement.fingerprint_hash = base::FingerprintHash{*family};
            statement.text = rows.text(row, 2);
            statement.has_literals = rows.boolean(row, 3);
            statement.database_name = result.database_name;
            statement.user_name = rows.text(row, 4);
            for (const auto& id : json_strings(rows, row, 5))
                statement.query_ids.push_back(base::QueryId{std::stoll(id)});
            statement.max_calls_per_minute = rows.number(row, 6).value_or(0);
            statement.sum = counters_of(rows, row, 7);
            statement.stddev_exec_time_ms = statement.sum.stddev_exec_time_ms();
            result.statements.push_back(std::move(statement));
        }
        PGANALYTICS_RETURN_IF_ERROR(add_examples(connection, target, result));
        return result;
    });
}

base::Result<std::vector<StatementPlace>> History::places(base::QueryHash query_hash) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<StatementPlace>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(
                    "select distinct k.target_id, t.name, k.database_name from pganalytics.statement_keys as k "
                    "join pganalytics.targets as t using (target_id) where k.query_hash = $1 order by 1, 3",
                    {sql_text(query_hash)}));
            std::vector<StatementPlace> places;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                places.push_back({.target_id = id_cell<base::TargetId>(rows, row, 0),
                                  .target_name = rows.text(row, 1),
                                  .database_name = rows.text(row, 2)});
            }
            return places;
        });
}

base::Result<StatementText> History::text(base::QueryHash query_hash) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<StatementText> {
        PGANALYTICS_ASSIGN(const auto rows, connection.query("select query_text, has_literals, fingerprint_hash "
                                                             "from pganalytics.statements where query_hash = $1",
                                                             {sql_text(query_hash)}));
        if (rows.empty()) return never_seen(query_hash);
        StatementText found{rows.text(0, 0), rows.boolean(0, 1), std::nullopt};
        if (const auto family = rows.integer(0, 2)) found.fingerprint_hash = base::FingerprintHash{*family};
        return found;
    });
}

base::Result<StatementPlace> History::resolve(base::QueryHash query_hash, std::optional<base::TargetId> target,
                                              std::optional<std::string> database_name) {
    PGANALYTICS_ASSIGN(auto all, places(query_hash));
    std::erase_if(all, [&](const StatementPlace& place) {
        return (target && place.target_id != *target) || (database_name && place.database_name != *database_name);
    });
    if (all.empty()) return never_seen(query_hash);
    if (all.size() == 1) return all.front();
    std::string choices;
    for (const auto& place : all) {
        if (!choices.empty()) choices += "; ";
        choices +=
            "target=" + sql_text(place.target_id) + " (" + place.target_name + ") database_name=" + place.database_name;
    }
    return Error{.code = ErrorCode::conflict,
                 .message = "Query " + sql_text(query_hash) + " runs in " + std::to_string(all.size()) + " places.",
                 .hint = "Name one: " + choices,
                 .field = "database_name"};
}

base::Result<std::vector<HistoryPoint>> History::statement_history(const StatementPlace& place,
                                                                   base::QueryHash query_hash, const Window& window,
                                                                   std::optional<base::Seconds> step) {
    return repository_->with_connection([&](postgres::Connection& connection) {
        return series(connection, place.target_id, window, step, "k.database_name = $1 and k.query_hash = $2",
                      {place.database_name, sql_text(query_hash)});
    });
}

base::Result<std::vector<HistoryPoint>> History::database_history(base::TargetId target, std::string_view database_name,
                                                                  const Window& window,
                                                                  std::optional<base::Seconds> step) {
    return repository_->with_connection([&](postgres::Connection& connection) {
        return series(connection, target, window, step, "k.database_name = $1", {std::string(database_name)});
    });
}

base::Result<std::vector<StoredPlan>> History::plans(const StatementPlace& place, base::QueryHash query_hash,
                                                     std::size_t limit) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<StoredPlan>> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select shape_hash, source, " + microseconds_of("captured_at") + ", " +
                                                microseconds_of("last_seen_at") +
                                                ", total_cost, plan, planned_text, array_to_json(repairs), "
                                                "dml_as_select from pganalytics.explain_plans "
                                                "where target_id = $1 and database_name = $2 and query_hash = $3 "
                                                "order by last_seen_at desc, shape_hash limit $4::bigint",
                                            {sql_text(place.target_id), place.database_name, sql_text(query_hash),
                                             std::to_string(limit)}));
        std::vector<StoredPlan> plans;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            StoredPlan plan;
            plan.target_id = place.target_id;
            plan.database_name = place.database_name;
            plan.query_hash = query_hash;
            plan.shape_hash = rows.integer(row, 0).value_or(0);
            plan.source = rows.text(row, 1) == "generic" ? plan::PlanSource::generic : plan::PlanSource::literals;
            plan.captured_at = time_cell(rows, row, 2);
            plan.last_seen_at = time_cell(rows, row, 3);
            plan.total_cost = rows.number(row, 4).value_or(0);
            plan.plan_json = rows.text(row, 5);
            plan.planned_text = rows.text(row, 6);
            plan.repairs = json_strings(rows, row, 7);
            plan.dml_as_select = rows.boolean(row, 8);
            plans.push_back(std::move(plan));
        }
        return plans;
    });
}

base::Result<catalog::Database> History::latest_catalog(base::TargetId target, std::string_view database_name) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<catalog::Database> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select content from pganalytics.catalog_snapshots where target_id = $1 and database_name = $2 "
                "order by taken_on desc limit 1",
                {sql_text(target), std::string(database_name)}));
        if (rows.empty()) {
            return Error{.code = ErrorCode::not_found,
                         .message = "The catalog of database " + std::string(database_name) + " was not read yet.",
                         .hint = "The collector reads it at its first visit.",
                         .field = "database_name"};
        }
        return catalog_from_json(nlohmann::json::parse(rows.text(0, 0), nullptr, false));
    });
}

base::Result<std::vector<SettingChange>> History::setting_changes(base::TargetId target, const Window& window) {
    return repository_->with_connection([&](postgres::Connection& connection)
                                            -> base::Result<std::vector<SettingChange>> {
        // The first value seen of a setting is no change.
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select database_name, name, old_value, value, unit, " + microseconds_of("changed_at") +
                    " from (select *, lag(value) over (partition by database_name, name order by changed_at) as "
                    "old_value "
                    "from pganalytics.settings_history where target_id = $1) as h "
                    "where old_value is not null and changed_at >= $2 and changed_at < $3 order by changed_at, name",
                {sql_text(target), sql_text(window.from), sql_text(window.to)}));
        std::vector<SettingChange> changes;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            changes.push_back({.database_name = rows.text(row, 0),
                               .name = rows.text(row, 1),
                               .old_value = optional_text_cell(rows, row, 2),
                               .new_value = rows.text(row, 3),
                               .unit = rows.text(row, 4),
                               .changed_at = time_cell(rows, row, 5)});
        }
        return changes;
    });
}

base::Result<std::vector<ActivitySample>> History::activity(base::TargetId target, std::string_view database_name,
                                                            const Window& window) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<ActivitySample>> {
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(
                    "select " + microseconds_of("sampled_at") +
                        ", active, idle_in_transaction, waiting_for_lock, total, available_memory_percent, "
                        "longest_transaction_seconds, lock_waits from pganalytics.activity_samples "
                        "where target_id = $1 and database_name = $2 and sampled_at >= $3 and sampled_at < $4 order by "
                        "sampled_at",
                    {sql_text(target), std::string(database_name), sql_text(window.from), sql_text(window.to)}));
            std::vector<ActivitySample> samples;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                const auto count = [&](std::size_t column) {
                    return static_cast<int>(rows.integer(row, column).value_or(0));
                };
                ActivitySample sample;
                sample.sampled_at = time_cell(rows, row, 0);
                sample.database_name = database_name;
                sample.active = count(1);
                sample.idle_in_transaction = count(2);
                sample.waiting_for_lock = count(3);
                sample.total = count(4);
                sample.available_memory_percent = rows.number(row, 5);
                sample.longest_transaction_seconds = rows.number(row, 6);
                const auto waits = nlohmann::json::parse(rows.text(row, 7), nullptr, false);
                if (waits.is_array()) {
                    for (const auto& wait : waits)
                        sample.lock_waits.emplace_back(base::QueryHash{wait["query_hash"].get<std::int64_t>()},
                                                       wait["backends"].get<int>());
                }
                samples.push_back(std::move(sample));
            }
            return samples;
        });
}

base::Result<base::Minutes> History::observed(base::TargetId target, const Window& window) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<base::Minutes> {
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        PGANALYTICS_ASSIGN(const auto all, observed_minutes(connection, coverages, window));
        return observed_of(all, target);
    });
}

}  // namespace pganalytics::store
