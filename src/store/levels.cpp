#include "store/levels.hpp"

#include <algorithm>

#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Timestamp;
using namespace std::chrono_literals;

constexpr std::array<LevelNames, 3> names{
    {{"raw", "metrics_raw", 0s}, {"10 minutes", "metrics_10_minutes", 600s}, {"1 hour", "metrics_hours", 3600s}}};

Timestamp bucket_end(Timestamp time, std::chrono::seconds bucket) {
    const auto begin = bucket_begin(time, bucket);
    return begin == time ? time : begin + bucket;
}

const Coverage& of(const Coverages& coverages, Level level) {
    return coverages[static_cast<std::size_t>(level)];
}

void add(std::vector<Piece>& pieces, Level level, Timestamp from, Timestamp to) {
    if (from < to) pieces.push_back({level, from, to});
}

}  // namespace

const LevelNames& names_of(Level level) {
    return names[static_cast<std::size_t>(level)];
}

base::Result<Coverages> read_coverages(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto rows, connection.query("select level, " + microseconds_of("kept_from") + ", " +
                                                         microseconds_of("nullif(rolled_up_to, 'infinity')") +
                                                         " from pganalytics.history_levels"));
    Coverages coverages{};
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (const Level level : levels) {
            if (rows.cell(row, 0) != names_of(level).key) continue;
            coverages[static_cast<std::size_t>(level)] = {time_cell(rows, row, 1),
                                                          optional_time_cell(rows, row, 2).value_or(Timestamp::max())};
        }
    }
    return coverages;
}

Timestamp bucket_begin(Timestamp time, std::chrono::seconds bucket) {
    const std::int64_t length = std::chrono::microseconds(bucket).count();
    const std::int64_t value = time.time_since_epoch().count();
    const std::int64_t rest = ((value % length) + length) % length;
    return Timestamp(std::chrono::microseconds(value - rest));
}

std::vector<Piece> coarsest_pieces(const Coverages& coverages, Timestamp from, Timestamp to) {
    std::vector<Piece> pieces;
    const auto& raw = of(coverages, Level::raw);
    const auto& ten = of(coverages, Level::ten_minutes);
    const auto& hour = of(coverages, Level::hour);
    // Hours: whole ones, and everything of which nothing finer is left.
    const auto hours_from = from < ten.kept_from ? from : bucket_end(from, 3600s);
    const auto hours_to = std::max(std::min(bucket_begin(to, 3600s), hour.rolled_up_to), std::min(to, ten.kept_from));
    if (hours_from >= hours_to) {
        // Inside an hour or two: the same one level down.
        const auto tens_from = from < raw.kept_from ? from : bucket_end(from, 600s);
        const auto tens_to = std::max(std::min(bucket_begin(to, 600s), ten.rolled_up_to), std::min(to, raw.kept_from));
        if (tens_from >= tens_to) {
            add(pieces, Level::raw, from, to);
            return pieces;
        }
        add(pieces, Level::raw, from, tens_from);
        add(pieces, Level::ten_minutes, tens_from, tens_to);
        add(pieces, Level::raw, tens_to, to);
        return pieces;
    }
    const auto head_tens =
        hours_from > from ? (from < raw.kept_from ? from : std::min(bucket_end(from, 600s), hours_from)) : hours_from;
    add(pieces, Level::raw, from, head_tens);
    add(pieces, Level::ten_minutes, head_tens, hours_from);
    add(pieces, Level::hour, hours_from, hours_to);
    const auto tail_tens =
        std::max({hours_to, std::min(bucket_begin(to, 600s), ten.rolled_up_to), std::min(to, raw.kept_from)});
    add(pieces, Level::ten_minutes, hours_to, tail_tens);
    add(pieces, Level::raw, tail_tens, to);
    return pieces;
}

std::vector<Piece> finest_pieces(const Coverages& coverages, Timestamp from, Timestamp to, Level at_least) {
    std::vector<Piece> pieces;
    // Where a level may be used: from what is kept of it, up to where it was rolled up.
    const auto raw_from = at_least == Level::raw ? std::max(from, of(coverages, Level::raw).kept_from)
                                                 : std::max(from, of(coverages, at_least).rolled_up_to);
    const auto ten_from = at_least == Level::hour
                              ? std::min(raw_from, std::max(from, of(coverages, Level::hour).rolled_up_to))
                              : std::max(from, of(coverages, Level::ten_minutes).kept_from);
    add(pieces, Level::hour, from, std::min(ten_from, to));
    add(pieces, Level::ten_minutes, std::min(ten_from, to), std::min(std::max(raw_from, ten_from), to));
    add(pieces, Level::raw, std::max({from, raw_from, ten_from}), to);
    return pieces;
}

base::Status lock_history(postgres::Connection& connection, bool exclusive) {
    auto taken = connection.query(exclusive ? "select pg_advisory_xact_lock(7164905581264272)"
                                            : "select pg_advisory_xact_lock_shared(7164905581264272)");
    if (!taken) return std::move(taken).error();
    return {};
}

}  // namespace pganalytics::store
