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

struct Span {
    Timestamp from, to;
};

/// The part of [from, to) that a level of buckets serves: whole buckets where it is `wanted`, and everything of which
/// nothing finer is left. Empty where from >= to.
Span served_by(const Coverage& level, const Coverage& finer, std::chrono::seconds bucket, bool wanted, Span span) {
    const auto left_alone = std::min(span.to, finer.kept_from);
    const auto from = span.from < finer.kept_from ? span.from : bucket_end(span.from, bucket);
    const auto to =
        wanted ? std::max(left_alone, std::min(bucket_begin(span.to, bucket), level.rolled_up_to)) : left_alone;
    return {from, to};
}

void add(std::vector<Piece>& pieces, Level level, Timestamp from, Timestamp to) {
    if (from < to) pieces.push_back({level, from, to});
}

void add_fine(std::vector<Piece>& pieces, const Coverages& coverages, Span span, Level coarsest) {
    if (span.from >= span.to) return;
    const auto tens = served_by(coverages[1], coverages[0], 600s, coarsest != Level::raw, span);
    if (tens.from >= tens.to) {
        add(pieces, Level::raw, span.from, span.to);
        return;
    }
    add(pieces, Level::raw, span.from, tens.from);
    add(pieces, Level::ten_minutes, tens.from, tens.to);
    add(pieces, Level::raw, tens.to, span.to);
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

std::vector<Piece> pieces_of(const Coverages& coverages, Timestamp from, Timestamp to, Level coarsest) {
    std::vector<Piece> pieces;
    const auto hours = served_by(coverages[2], coverages[1], 3600s, coarsest == Level::hour, {from, to});
    if (hours.from >= hours.to) {
        add_fine(pieces, coverages, {from, to}, coarsest);
        return pieces;
    }
    add_fine(pieces, coverages, {from, hours.from}, coarsest);
    add(pieces, Level::hour, hours.from, hours.to);
    add_fine(pieces, coverages, {hours.to, to}, coarsest);
    return pieces;
}

base::Status lock_history(postgres::Connection& connection, bool exclusive) {
    auto taken = connection.query(exclusive ? "select pg_advisory_xact_lock(7164905581264272)"
                                            : "select pg_advisory_xact_lock_shared(7164905581264272)");
    if (!taken) return std::move(taken).error();
    return {};
}

}  // namespace pganalytics::store
