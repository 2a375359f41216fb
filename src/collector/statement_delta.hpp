#pragma once
// From cumulative counters to what happened in an interval. A pure state machine: samples in, intervals out.
//
// The rules, and why none of them can invent a number:
//  1. A key in both samples whose counters all grew or stayed: the difference. It began at the key's own last sample,
//     so a gap in sampling widens the interval and loses nothing.
//  2. A key in both whose counting began anew: its `stats_since` changed (extension 1.11), the server-wide
//  `stats_reset`
//     changed (1.9), or a counter fell. Everything counted now was counted after the restart: the whole value, from the
//     restart's time where it is known, else from the last sample. What ran before the restart is lost, and is said to
//     be.
//  3. A key that was in no earlier sample although the last complete one listed every entry: it had no entry then. An
//     entry's counters start from zero also when it was evicted and came back, because eviction deletes them. So its
//     whole value lies after that sample. With 1.11 its `stats_since` gives the beginning to the microsecond.
//  4. A key that is new while no complete sample exists (the first sample; rows hidden from the role): its counters are
//  a
//     baseline, and nothing is said of it yet; unless `stats_since` is later than the first sample, then rule 3 holds.
//  5. Another server behind the same address (its start time changed, but lies before our last sample; or another
//  system
//     identifier): everything is a baseline again. A restart of the same server is none: its counters are saved, and a
//     crash that loses them makes them fall or changes stats_reset.
//  6. A key whose intervals cannot be delivered yet (its text is not read) keeps its baseline; its first interval then
//     spans all of it.
//  7. Eviction and return between two samples with every counter already above its old value, before 1.11, looks like
//     rule 1 and yields less than what ran: too little, never too much.
//
// Not thread-safe: one tracker a target.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/units.hpp"
#include "workload/statement.hpp"

namespace pganalytics::collector {

struct StatementKeyHash {
    [[nodiscard]] std::size_t operator()(const workload::StatementKey& key) const;
};

struct CumulativeEntry {
    workload::StatementKey key;
    workload::Counters counters;                 ///< with the cumulative sum of squared deviations
    std::optional<base::Timestamp> stats_since;  ///< 1.11
};

/// One reading of pg_stat_statements(false).
struct CumulativeSample {
    /// The server's clock before and after the entries were read. What is not among them was not there at `began`; an
    /// interval runs from one sample's `ended` to the next one's.
    base::Timestamp began;
    base::Timestamp ended;
    std::vector<CumulativeEntry> entries;
    std::int64_t hidden = 0;  ///< rows without queryid: another role's, and we lack pg_read_all_stats
    std::optional<base::Timestamp> stats_reset;  ///< 1.9; before, unknown
    std::optional<std::int64_t> dealloc;         ///< 1.9
    base::Timestamp server_started;
    std::optional<std::int64_t> system_identifier;
    std::string extension_version;  ///< pg_extension.extversion at that moment
};

/// What a sample meant beside its intervals.
struct DeltaReport {
    bool first = false;  ///< a baseline: nothing to compare with
    bool server_restarted = false;
    bool server_replaced = false;     ///< rule 5
    bool reset = false;               ///< server-wide
    std::int64_t restarted_keys = 0;  ///< rule 2, each key
    std::int64_t vanished_keys = 0;   ///< evicted or reset since the last sample; what they did in between is lost
    std::int64_t baseline_keys = 0;   ///< rule 4
    std::int64_t waiting_keys = 0;    ///< rule 6: they ran, and their interval comes with a later sample
    std::int64_t hidden = 0;
    std::optional<std::int64_t> evictions;  ///< how far `dealloc` moved: each evicts 5 % of the entries
};

struct DeltaResult {
    std::vector<workload::StatementInterval> intervals;  ///< only of statements that ran
    DeltaReport report;
};

class DeltaTracker {
  public:
    /// Takes a sample and moves the baseline of every deliverable key to it.
    [[nodiscard]] DeltaResult advance(const CumulativeSample& sample,
                                      const std::function<bool(const workload::StatementKey&)>& deliverable);
    [[nodiscard]] DeltaResult advance(const CumulativeSample& sample) {
        return advance(sample, [](const workload::StatementKey&) { return true; });
    }
    [[nodiscard]] std::size_t tracked() const { return entries_.size(); }
    [[nodiscard]] bool knows(const workload::StatementKey& key) const { return entries_.contains(key); }

  private:
    struct Tracked {
        std::optional<workload::Counters> counters;  ///< absent: counted from zero
        std::optional<base::Timestamp> stats_since;
        base::Timestamp since;         ///< nothing that `counters` hold was counted later
        std::uint64_t generation = 0;  ///< of the last sample it was in
    };
    struct Server {
        base::Timestamp ended;
        base::Timestamp started;
        std::optional<base::Timestamp> stats_reset;
        std::optional<std::int64_t> dealloc;
        std::optional<std::int64_t> system_identifier;
    };

    [[nodiscard]] DeltaReport compare_server(const CumulativeSample& sample);
    void take_entry(const CumulativeEntry& entry, const CumulativeSample& sample, bool deliver, DeltaResult& result);
    void forget_vanished(const CumulativeSample& sample, DeltaReport& report);

    std::unordered_map<workload::StatementKey, Tracked, StatementKeyHash> entries_;
    std::optional<Server> last_;
    std::optional<base::Timestamp> first_sample_;
    std::optional<base::Timestamp> complete_since_;  ///< began of the last sample in which nothing was hidden
    std::uint64_t generation_ = 0;
};

}  // namespace pganalytics::collector
