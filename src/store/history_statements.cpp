// The list of statements: filtered, sorted, page by page.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "store/history.hpp"
#include "store/history_source.hpp"
#include "store/stored_counters.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

struct OrderNames {
    StatementOrder order;
    std::string_view name;
    std::string_view value;  ///< SQL over the sums `g`
};
/// Values are rounded: sums of doubles differ in their last digits from run to run, and a cursor compares them.
constexpr std::array orders{
    OrderNames{StatementOrder::total_time, "total_time", "round(coalesce(g.total_exec_time_ms, 0)::numeric, 3)"},
    OrderNames{StatementOrder::calls, "calls", "coalesce(g.calls, 0)::numeric"},
    OrderNames{StatementOrder::mean_time, "mean_time",
               "round(coalesce(g.total_exec_time_ms / nullif(g.calls, 0), 0)::numeric, 6)"},
    OrderNames{StatementOrder::rows, "rows", "coalesce(g.rows, 0)::numeric"},
    OrderNames{StatementOrder::blocks_read, "blocks_read", "coalesce(g.shared_blks_read, 0)::numeric"},
    OrderNames{StatementOrder::temp_blocks, "temp_blocks",
               "(coalesce(g.temp_blks_read, 0) + coalesce(g.temp_blks_written, 0))::numeric"},
    OrderNames{StatementOrder::last_seen, "last_seen", "(extract(epoch from g.last_seen) * 1000)::bigint::numeric"},
};

const OrderNames& names_of_order(StatementOrder order) {
    return *std::ranges::find(orders, order, &OrderNames::order);
}

/// Where the page begins: of the first page the filter's own window, of later ones what the cursor says.
struct Position {
    Window window;
    postgres::Parameters after{std::nullopt, std::nullopt, std::nullopt,
                               std::nullopt};  ///< value, target, database, hash
};

base::Result<Position> position_of(const StatementFilter& filter) {
    Position position{.window = filter.window};
    if (!filter.cursor) return position;
    PGANALYTICS_ASSIGN(const auto values, read_cursor("statements", *filter.cursor, 8));
    const Error other{.code = ErrorCode::fix_input,
                      .message = "The cursor belongs to a list in another order.",
                      .hint = "Keep order and filters while paging, or start again without a cursor.",
                      .field = "cursor"};
    if (!values[0].is_number_integer() || !values[1].is_number_integer() ||
        values[2] != names_of_order(filter.order).name || values[3] != filter.descending || !values[4].is_string() ||
        !values[5].is_number_integer() || !values[6].is_string() || !values[7].is_number_integer() ||
        !base::parse_number(values[4].get<std::string>())) {
        return other;
    }
    position.window = {base::Timestamp(std::chrono::microseconds(values[0].get<std::int64_t>())),
                       base::Timestamp(std::chrono::microseconds(values[1].get<std::int64_t>()))};
    position.after = {values[4].get<std::string>(), values[5].dump(), values[6].get<std::string>(), values[7].dump()};
    return position;
}

constexpr std::size_t first_counter = 12;

StatementSummary summary_of(const postgres::Rows& rows, std::size_t row) {
    StatementSummary summary;
    summary.target_id = id_cell<base::TargetId>(rows, row, 1);
    auto& statement = summary.statement;
    statement.database_name = rows.text(row, 2);
    statement.query_hash = id_cell<base::QueryHash>(rows, row, 3);
    if (const auto family = rows.integer(row, 4)) statement.fingerprint_hash = base::FingerprintHash{*family};
    statement.text = rows.text(row, 5);
    statement.has_literals = rows.boolean(row, 6);
    summary.user_names = json_strings(rows, row, 7);
    if (!summary.user_names.empty()) statement.user_name = summary.user_names.front();
    for (const auto& id : json_strings(rows, row, 8)) statement.query_ids.push_back(base::QueryId{std::stoll(id)});
    statement.max_calls_per_minute = rows.number(row, 9).value_or(0);
    summary.first_seen = time_cell(rows, row, 10);
    summary.last_seen = time_cell(rows, row, 11);
    statement.sum = counters_of(rows, row, first_counter);
    statement.stddev_exec_time_ms = statement.sum.stddev_exec_time_ms();
    return summary;
}

/// Rows of `summary_of` for $1 target, $2 database, $3 user, $4 text, $5 mean, $6 calls, $7 hash, $8..$11 position, $12
/// limit.
std::string list_statement(const StatementFilter& filter, const std::vector<Piece>& pieces) {
    const auto& order = names_of_order(filter.order);
    const std::string_view direction = filter.descending ? "desc" : "asc";
    const std::string_view beyond = filter.descending ? "<" : ">";
    return fmt::format(
        "select p.value::text, p.target_id, p.database_name, p.query_hash, p.fingerprint_hash, p.query_text, "
        "p.has_literals, p.user_names, p.query_ids, p.peak, "
        "{first_seen}, {last_seen}, {counters} from (select {value} as value, g.*, s.fingerprint_hash, s.query_text, "
        "s.has_literals from ("
        "select k.target_id, k.database_name, k.query_hash, array_to_json(array_agg(distinct k.user_name)) as "
        "user_names, "
        "array_to_json(array_agg(distinct k.queryid::text)) as query_ids, max(m.peak_calls_per_minute) as peak, "
        "min(k.first_seen) as first_seen, "
        "max(m.active_to) as last_seen, {aggregates} from {source} as m "
        "join pganalytics.statement_keys as k on k.target_id = m.target_id and k.statement_id = m.statement_id "
        "where ($1::integer is null or k.target_id = $1) and ($2::text is null or k.database_name = $2) and ($3::text "
        "is null or k.user_name = $3) "
        "and ($7::bigint is null or k.query_hash = $7) "
        "group by k.target_id, k.database_name, k.query_hash) as g join pganalytics.statements as s using (query_hash) "
        "where ($4::text is null or strpos(lower(s.query_text), lower($4)) > 0) "
        "and ($5::double precision is null or g.total_exec_time_ms / nullif(g.calls, 0) >= $5) and ($6::bigint is null "
        "or g.calls >= $6)) as p "
        "where $8::numeric is null or p.value {beyond} $8 or (p.value = $8 and (p.target_id, p.database_name, "
        "p.query_hash) > ($9::integer, $10::text, $11::bigint)) "
        "order by p.value {direction}, p.target_id, p.database_name, p.query_hash limit $12::bigint",
        fmt::arg("first_seen", microseconds_of("p.first_seen")), fmt::arg("last_seen", microseconds_of("p.last_seen")),
        fmt::arg("counters", counter_column_names()), fmt::arg("value", order.value),
        fmt::arg("aggregates", aggregate_columns()),
        fmt::arg("source", history_source(pieces, "($1::integer is null or m.target_id = $1)")),
        fmt::arg("beyond", beyond), fmt::arg("direction", direction));
}

base::Result<Page<StatementSummary>> list(postgres::Connection& connection, const StatementFilter& filter,
                                          std::optional<base::QueryHash> only) {
    PGANALYTICS_ASSIGN(const auto position, position_of(filter));
    PGANALYTICS_RETURN_IF_ERROR(check_window(position.window));
    PGANALYTICS_ASSIGN(const auto coverages, read_coverages(connection));
    postgres::Parameters parameters{sql_optional(filter.target),
                                    sql_optional(filter.database_name),
                                    sql_optional(filter.user_name),
                                    sql_optional(filter.text_contains),
                                    sql_optional(filter.min_mean_time_ms),
                                    sql_optional(filter.min_calls),
                                    sql_optional(only)};
    parameters.insert(parameters.end(), position.after.begin(), position.after.end());
    parameters.emplace_back(std::to_string(filter.limit + 1));
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query(list_statement(filter, pieces_of(coverages, position.window.from, position.window.to)),
                         parameters));
    PGANALYTICS_ASSIGN(const auto observed, observed_minutes(connection, coverages, position.window));
    Page<StatementSummary> page;
    for (std::size_t row = 0; row < rows.size() && row < filter.limit; ++row) {
        auto summary = summary_of(rows, row);
        const auto minutes =
            std::ranges::find(observed, summary.target_id, &std::pair<base::TargetId, base::Minutes>::first);
        if (minutes != observed.end() && minutes->second.count() > 0) {
            summary.calls_per_minute = static_cast<double>(summary.statement.sum.calls) / minutes->second.count();
        }
        page.items.push_back(std::move(summary));
    }
    if (rows.size() > filter.limit && !page.items.empty()) {
        const auto& last = page.items.back();
        page.next_cursor = make_cursor(
            "statements", {position.window.from.time_since_epoch().count(),
                           position.window.to.time_since_epoch().count(), names_of_order(filter.order).name,
                           filter.descending, rows.text(page.items.size() - 1, 0), base::to_integer(last.target_id),
                           last.statement.database_name, base::to_integer(last.statement.query_hash)});
    }
    return page;
}

}  // namespace

base::Result<StatementOrder> parse_statement_order(std::string_view name) {
    const auto found = std::ranges::find(orders, name, &OrderNames::name);
    if (found != orders.end()) return found->order;
    std::vector<std::string> names;
    for (const auto& order : orders) names.emplace_back(order.name);
    return Error{.code = ErrorCode::fix_input,
                 .message = "'" + std::string(name) + "' is not an order of statements.",
                 .hint = "Orders are " + base::join(names, ", ") + ".",
                 .field = "sort"};
}

base::Result<Page<StatementSummary>> History::statements(const StatementFilter& filter) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) { return list(connection, filter, std::nullopt); });
}

base::Result<StatementSummary> History::statement(const StatementPlace& place, base::QueryHash query_hash,
                                                  const Window& window) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<StatementSummary> {
        StatementFilter filter;
        filter.window = window;
        filter.target = place.target_id;
        filter.database_name = place.database_name;
        filter.limit = 1;
        PGANALYTICS_ASSIGN(auto page, list(connection, filter, query_hash));
        if (page.items.empty()) {
            return Error{.code = ErrorCode::not_found,
                         .message = "Query " + sql_text(query_hash) + " did not run in database " +
                                    place.database_name + " in that window.",
                         .hint = "Take a longer one.",
                         .field = "query_hash"};
        }
        return std::move(page.items.front());
    });
}

}  // namespace pganalytics::store
