#include "store/load_history.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/history_source.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using namespace std::chrono_literals;

/// Two readings follow each other within this: it is no break.
constexpr auto longest_pause = 5s;

constexpr std::string_view join_keys =
    "join pganalytics.statement_keys as k on k.target_id = m.target_id and k.statement_id = m.statement_id";

std::string row_columns() {
    return "k.query_hash, " + microseconds_of("m.begins") + " as begins, m.length_s, " +
           microseconds_of("m.active_from") + " as active_from, " + microseconds_of("m.active_to") +
           " as active_to, coalesce(m.calls, 0) as calls, coalesce(m.total_exec_time_ms, 0) as time_ms";
}

std::vector<LoadRow> load_rows(const postgres::Rows& rows) {
    std::vector<LoadRow> result;
    result.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        result.push_back({.query_hash = id_cell<base::QueryHash>(rows, row, 0),
                          .begins = time_cell(rows, row, 1),
                          .length = base::Seconds(rows.number(row, 2).value_or(0)),
                          .active_from = time_cell(rows, row, 3),
                          .active_to = time_cell(rows, row, 4),
                          .calls = rows.number(row, 5).value_or(0),
                          .time_ms = rows.number(row, 6).value_or(0)});
    }
    return result;
}

std::string source_of(base::TargetId target, const Coverages& coverages, const Window& window, Level coarsest) {
    return history_source(pieces_of(coverages, window.from, window.to, coarsest), "m.target_id = " + sql_text(target));
}

}  // namespace

base::Result<std::vector<LoadRow>> LoadHistory::by_hour(base::TargetId target, std::string_view database_name,
                                                        const Window& window, std::size_t max_queries) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<LoadRow>> {
        PGANALYTICS_RETURN_IF_ERROR(check_window(window));
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                fmt::format("with load as materialized (select {columns} from {source} as m {join} "
                            "where k.database_name = $1) "
                            "select * from load where query_hash in (select query_hash from load group by query_hash "
                            "order by sum(time_ms) desc, query_hash limit $2::bigint)",
                            fmt::arg("columns", row_columns()),
                            fmt::arg("source", source_of(target, coverages, window, Level::hour)),
                            fmt::arg("join", join_keys)),
                {std::string(database_name), std::to_string(max_queries)}));
        return load_rows(rows);
    });
}

base::Result<std::vector<LoadRow>> LoadHistory::finest(base::TargetId target, std::string_view database_name,
                                                       const Window& window, std::span<const base::QueryHash> queries) {
    if (queries.empty()) return std::vector<LoadRow>{};
    std::vector<std::string> hashes;
    for (const base::QueryHash query : queries) hashes.push_back(sql_text(query));
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<LoadRow>> {
        PGANALYTICS_RETURN_IF_ERROR(check_window(window));
        PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(fmt::format("select {} from {} as m {} where k.database_name = $1 "
                                         "and k.query_hash = any($2::bigint[])",
                                         row_columns(), source_of(target, coverages, window, Level::raw), join_keys),
                             {std::string(database_name), sql_array(hashes)}));
        return load_rows(rows);
    });
}

base::Result<std::vector<ObservedSpan>> LoadHistory::observed_spans(base::TargetId target, const Window& window) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<ObservedSpan>> {
            PGANALYTICS_RETURN_IF_ERROR(check_window(window));
            PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
            const auto ledger_from = std::max(window.from, std::min(window.to, coverages[1].kept_from));
            PGANALYTICS_ASSIGN(
                const auto rows,
                connection.query(
                    "select " + microseconds_of("begins") + ", " + microseconds_of("ends") +
                        " from ("
                        "select begins, ends from pganalytics.collection_intervals "
                        "where target_id = $4 and begins >= $2 and begins < $3 union all "
                        "select hour, hour + interval '1 hour' from pganalytics.observed_hours "
                        "where target_id = $4 and hour >= $1 and hour < $2 and observed_seconds >= 1800) as o "
                        "order by 1",
                    {sql_text(window.from), sql_text(ledger_from), sql_text(window.to), sql_text(target)}));
            std::vector<ObservedSpan> spans;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                const ObservedSpan span{time_cell(rows, row, 0), time_cell(rows, row, 1)};
                if (!spans.empty() && span.begins - spans.back().ends <= longest_pause) {
                    spans.back().ends = std::max(spans.back().ends, span.ends);
                } else {
                    spans.push_back(span);
                }
            }
            return spans;
        });
}

}  // namespace pganalytics::store
