#include "store/history_source.hpp"

#include <fmt/format.h>

#include "store/stored_counters.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

/// Literals rather than parameters: the planner then leaves out the partitions that do not matter.
std::string moment(base::Timestamp time) {
    return "timestamptz '" + base::to_rfc3339(time) + "'";
}

}  // namespace

base::Status check_window(const Window& window) {
    if (window.from < window.to) return {};
    return base::Error{.code = base::ErrorCode::fix_input,
                       .message = "The window ends before it begins.",
                       .hint = "Give a time from that is before the time to.",
                       .field = "from"};
}

std::string history_source(const std::vector<Piece>& pieces, std::string_view condition) {
    constexpr std::string_view own_columns_of_raw =
        "m.length_ms / 1000.0 as length_s, m.begins as active_from, m.begins + m.length_ms * interval '1 millisecond' "
        "as active_to, "
        "m.calls * 60000.0 / m.length_ms as peak_calls_per_minute";
    constexpr std::string_view own_columns_of_rollups =
        "{} as length_s, m.begins + m.active_from_s * interval '1 second' as active_from, "
        "m.begins + m.active_to_s * interval '1 second' as active_to, m.peak_calls_per_minute";
    const auto part = [&](Level level, std::string_view bounds) {
        const auto& names = names_of(level);
        const std::string own = level == Level::raw
                                    ? std::string(own_columns_of_raw)
                                    : fmt::format(fmt::runtime(own_columns_of_rollups), names.bucket.count());
        return fmt::format(
            "select m.target_id, m.statement_id, m.begins, {}, {} from pganalytics.{} as m where {} and {}", own,
            counter_column_names(), names.table, bounds, condition);
    };
    std::string text = "(";
    for (const auto& piece : pieces) {
        if (text.size() > 1) text += " union all ";
        text += part(piece.level, "m.begins >= " + moment(piece.from) + " and m.begins < " + moment(piece.to));
    }
    if (pieces.empty()) text += part(Level::hour, "false");
    return text + ")";
}

base::Result<std::vector<std::pair<base::TargetId, base::Minutes>>> observed_minutes(postgres::Connection& connection,
                                                                                     const Coverages& coverages,
                                                                                     const Window& window) {
    // The ledger goes back as far as the 10 minutes do, before that there are sums by hour.
    const auto ledger_from = std::max(window.from, std::min(window.to, coverages[1].kept_from));
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query(
            "select target_id, sum(minutes) from ("
            "select target_id, extract(epoch from ends - begins) / 60 as minutes from pganalytics.collection_intervals "
            "where begins >= $2 and begins < $3 union all "
            "select target_id, observed_seconds / 60 from pganalytics.observed_hours where hour >= $1 and hour < $2) "
            "as o "
            "group by target_id",
            {sql_text(window.from), sql_text(ledger_from), sql_text(window.to)}));
    std::vector<std::pair<base::TargetId, base::Minutes>> result;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        result.emplace_back(id_cell<base::TargetId>(rows, row, 0), base::Minutes(rows.number(row, 1).value_or(0)));
    }
    return result;
}

}  // namespace pganalytics::store
