#include "collector/statement_delta.hpp"

#include <algorithm>

namespace pganalytics::collector {

namespace {

/// Whether `stats_since` tells that counting began anew after what we know. Known on one side only means that the
/// extension was updated in between; then a time after our last sample tells it as well.
bool began_anew(const CumulativeEntry& entry, const std::optional<base::Timestamp>& known, base::Timestamp last_seen) {
    if (!entry.stats_since) return false;
    return known ? *entry.stats_since != *known : *entry.stats_since > last_seen;
}

/// Planned but not executed is not run: with track_planning on, that is what our own EXPLAINs leave behind.
bool ran(const workload::Counters& delta) {
    return delta.calls > 0;
}

}  // namespace

std::size_t StatementKeyHash::operator()(const workload::StatementKey& key) const {
    // queryid is a good hash already; the rest is mixed in by a multiplication.
    const auto id = static_cast<std::uint64_t>(base::to_integer(key.query_id));
    const auto owner = (std::uint64_t{base::to_integer(key.database)} << 32U) | base::to_integer(key.user);
    return id ^ ((owner + (key.top_level ? 1U : 0U)) * 0x9e3779b97f4a7c15ULL);
}

DeltaReport DeltaTracker::compare_server(const CumulativeSample& sample) {
    DeltaReport report;
    report.hidden = sample.hidden;
    report.first = !last_.has_value();
    if (report.first) return report;

    const bool started_anew = sample.server_started != last_->started;
    const bool other_identity =
        sample.system_identifier && last_->system_identifier && *sample.system_identifier != *last_->system_identifier;
    report.server_replaced = other_identity || (started_anew && sample.server_started < last_->ended);
    report.server_restarted = started_anew && !report.server_replaced;
    // Known on one side only: the extension was updated, or downgraded, in between.
    report.reset = !report.server_replaced && sample.stats_reset && last_->stats_reset &&
                   *sample.stats_reset != *last_->stats_reset;
    if (sample.dealloc && last_->dealloc && !report.reset && *sample.dealloc >= *last_->dealloc)
        report.evictions = *sample.dealloc - *last_->dealloc;
    return report;
}

void DeltaTracker::take_entry(const CumulativeEntry& entry, const CumulativeSample& sample, bool deliver,
                              DeltaResult& result) {
    const auto [place, first_seen] = entries_.try_emplace(entry.key);
    Tracked& tracked = place->second;
    tracked.generation = generation_;
    if (first_seen) {
        tracked.stats_since = entry.stats_since;
        if (entry.stats_since && first_sample_ && *entry.stats_since >= *first_sample_) {
            tracked.since = *entry.stats_since;
        } else if (complete_since_) {
            tracked.since = *complete_since_;
        } else {
            tracked.counters = entry.counters;
            tracked.since = sample.ended;
            ++result.report.baseline_keys;
            return;
        }
    } else if (const bool told = result.report.reset || began_anew(entry, tracked.stats_since, tracked.since);
               told || (tracked.counters && !workload::counters_delta(*tracked.counters, entry.counters))) {
        ++result.report.restarted_keys;
        // The restart's own time where the server tells it and it can be true: a clock may have been set back.
        const auto restart = entry.stats_since ? entry.stats_since : sample.stats_reset;
        if (told && restart && *restart > tracked.since && *restart <= sample.ended) tracked.since = *restart;
        tracked.counters.reset();
        tracked.stats_since = entry.stats_since;
    }

    const auto delta =
        tracked.counters ? workload::counters_delta(*tracked.counters, entry.counters) : std::optional(entry.counters);
    const bool active = ran(*delta);
    if (active && !deliver) {
        ++result.report.waiting_keys;
        return;
    }
    if (active) result.intervals.push_back({entry.key, tracked.since, std::max(sample.ended, tracked.since), *delta});
    tracked.counters = entry.counters;
    tracked.stats_since = entry.stats_since;
    tracked.since = sample.ended;
}

void DeltaTracker::forget_vanished(const CumulativeSample& sample, DeltaReport& report) {
    // A key that is merely hidden from us may still be counting: its baseline is kept for the day it is seen again.
    if (sample.hidden > 0) return;
    report.vanished_keys = static_cast<std::int64_t>(
        std::erase_if(entries_, [&](const auto& known) { return known.second.generation != generation_; }));
}

DeltaResult DeltaTracker::advance(const CumulativeSample& sample,
                                  const std::function<bool(const workload::StatementKey&)>& deliverable) {
    DeltaResult result;
    result.report = compare_server(sample);
    ++generation_;
    if (result.report.server_replaced) {
        entries_.clear();
        complete_since_.reset();
        first_sample_.reset();
    }
    result.intervals.reserve(std::min<std::size_t>(sample.entries.size(), 1024));
    for (const auto& entry : sample.entries) take_entry(entry, sample, deliverable(entry.key), result);
    forget_vanished(sample, result.report);

    if (!first_sample_) first_sample_ = sample.began;
    if (sample.hidden == 0) complete_since_ = sample.began;
    last_ = Server{sample.ended, sample.server_started, sample.stats_reset, sample.dealloc, sample.system_identifier};
    return result;
}

}  // namespace pganalytics::collector
