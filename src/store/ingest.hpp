#pragma once
// What the collector writes. Every call is one transaction: all of it is there or nothing is, and saying it again after
// a lost connection changes nothing (an interval counts once per target; texts, plans and settings are upserts). Errors
// as store/repository.hpp; fix_input for intervals that end before they begin or lie over a day in the future.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "plan/planner.hpp"
#include "store/repository.hpp"
#include "workload/statement.hpp"

namespace pganalytics::store {

/// One visit to a target: what its statements did between two readings of the counters. A statement whose own interval
/// began earlier (it waited until its text was read) is stored from its own begin.
struct IntervalBatch {
    base::Timestamp begins;
    base::Timestamp ends;
    std::span<const workload::StatementInterval>
        statements;                    ///< those that ran; keys must be known (upsert_statements)
    std::int64_t hidden_calls = 0;     ///< calls of rows whose text or queryid the role may not see
    std::int64_t evicted_entries = 0;  ///< pg_stat_statements_info.dealloc, delta
    bool counters_reset = false;       ///< the interval begins at a reset or restart, not at the previous reading
};

struct IngestReport {
    std::size_t rows_stored = 0;
    std::size_t intervals_known = 0;    ///< were there already: not counted twice
    std::size_t rows_unknown_key = 0;   ///< dropped: their key was never announced by upsert_statements
    std::size_t intervals_too_old = 0;  ///< older than the longest history kept
};

/// A statement as first seen: its key on that server, and the text it stands for.
struct KnownStatement {
    workload::StatementKey key;
    std::string database_name;
    std::string user_name;
    base::QueryHash query_hash{};
    std::optional<base::FingerprintHash> fingerprint_hash;
    std::string text;
    bool has_literals = false;
};

struct CapturedPlan {
    std::string database_name;
    base::QueryHash query_hash{};
    std::int64_t shape_hash = 0;
    base::Timestamp captured_at;
    plan::PlanSource source = plan::PlanSource::generic;
    double total_cost = 0;
    std::string plan_json;     ///< as EXPLAIN printed it
    std::string planned_text;  ///< "" where it is the statement's own
    std::vector<std::string> repairs;
    bool dml_as_select = false;
};

/// pg_stat_activity at one moment, for one database.
struct ActivitySample {
    base::Timestamp sampled_at;
    std::string database_name;
    int active = 0;  ///< running a statement
    int idle_in_transaction = 0;
    int waiting_for_lock = 0;
    int total = 0;                                   ///< client backends
    std::optional<double> available_memory_percent;  ///< 0..100, where it can be seen
    std::optional<double> longest_transaction_seconds;
    std::vector<std::pair<base::QueryHash, int>> lock_waits;  ///< statements seen waiting, with the number of backends
};

class Ingest {
  public:
    explicit Ingest(Repository& repository) : repository_(&repository) {}

    /// Announces statements before (or again after) their first interval.
    [[nodiscard]] base::Status upsert_statements(base::TargetId target, std::span<const KnownStatement> statements);
    /// COPY of one or many intervals. Late intervals land in the roll-ups that are already closed.
    [[nodiscard]] base::Result<IngestReport> intervals(base::TargetId target, std::span<const IntervalBatch> batches);
    [[nodiscard]] base::Status plans(base::TargetId target, std::span<const CapturedPlan> plans);
    /// Keeps the newest of each day.
    [[nodiscard]] base::Status catalog(base::TargetId target, const catalog::Database& database,
                                       base::Timestamp taken_at);
    /// Stores what differs from the last known value; gives the number of changes.
    [[nodiscard]] base::Result<std::size_t> settings(base::TargetId target, std::string_view database_name,
                                                     std::span<const catalog::Setting> settings,
                                                     base::Timestamp seen_at);
    [[nodiscard]] base::Status activity(base::TargetId target, std::span<const ActivitySample> samples);
    /// Literal examples of a statement (at most five are kept, the newest).
    [[nodiscard]] base::Status examples(base::TargetId target, std::string_view database_name,
                                        base::QueryHash query_hash, std::span<const std::string> texts);
    /// Keys that the repository knows for this target: what a restarted collector need not read texts for.
    [[nodiscard]] base::Result<std::vector<KnownStatement>> known_statements(base::TargetId target);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
