#pragma once
// What a server was seen doing: counters of pg_stat_statements as values. Collected by `collector`, kept by `store`,
// read by the capabilities.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace pganalytics::workload {

/// The identity of one row of pg_stat_statements on one server.
struct StatementKey {
    base::Oid database{};
    base::Oid user{};
    base::QueryId query_id{};
    bool top_level = true;  ///< always true before extension version 1.9
    friend auto operator<=>(const StatementKey&, const StatementKey&) = default;
};

/// Every cumulative counter the extension versions 1.8 to 1.12 have, under the newest version's name. A counter that
/// the version at hand lacks is absent. min/max/mean/stddev are not sums and are not here; `mean` is total / calls.
struct Counters {
    std::int64_t calls = 0;
    double total_exec_time_ms = 0;
    std::int64_t rows = 0;
    std::optional<std::int64_t> plans;
    std::optional<double> total_plan_time_ms;
    std::int64_t shared_blks_hit = 0;
    std::int64_t shared_blks_read = 0;
    std::int64_t shared_blks_dirtied = 0;
    std::int64_t shared_blks_written = 0;
    std::int64_t local_blks_hit = 0;
    std::int64_t local_blks_read = 0;
    std::int64_t local_blks_dirtied = 0;
    std::int64_t local_blks_written = 0;
    std::int64_t temp_blks_read = 0;
    std::int64_t temp_blks_written = 0;
    std::optional<double> shared_blk_read_time_ms;  ///< blk_read_time before 1.11; needs track_io_timing
    std::optional<double> shared_blk_write_time_ms;
    std::optional<double> local_blk_read_time_ms;   ///< 1.11
    std::optional<double> local_blk_write_time_ms;  ///< 1.11
    std::optional<double> temp_blk_read_time_ms;    ///< 1.10
    std::optional<double> temp_blk_write_time_ms;   ///< 1.10
    std::optional<std::int64_t> wal_records;
    std::optional<std::int64_t> wal_fpi;
    std::optional<double> wal_bytes;               ///< numeric on the server
    std::optional<std::int64_t> wal_buffers_full;  ///< 1.12
    std::optional<std::int64_t> jit_functions;     ///< 1.10
    std::optional<double> jit_generation_time_ms;
    std::optional<std::int64_t> jit_inlining_count;
    std::optional<double> jit_inlining_time_ms;
    std::optional<std::int64_t> jit_optimization_count;
    std::optional<double> jit_optimization_time_ms;
    std::optional<std::int64_t> jit_emission_count;
    std::optional<double> jit_emission_time_ms;
    std::optional<std::int64_t> jit_deform_count;            ///< 1.11
    std::optional<double> jit_deform_time_ms;                ///< 1.11
    std::optional<std::int64_t> parallel_workers_to_launch;  ///< 1.12
    std::optional<std::int64_t> parallel_workers_launched;   ///< 1.12
    /// Σ (time − mean)², from stddev_exec_time: calls × stddev². Additive over intervals only by the parallel formula;
    /// absent where the interval cannot give it.
    std::optional<double> sum_squared_deviation_ms2;

    [[nodiscard]] base::Milliseconds mean_exec_time() const {
        return base::Milliseconds{calls > 0 ? total_exec_time_ms / static_cast<double>(calls) : 0.0};
    }
    /// Of one execution; nullopt where the sum of squares is absent or nothing ran.
    [[nodiscard]] std::optional<double> stddev_exec_time_ms() const;

    /// Adds another interval or key. A counter that either side lacks stays as the side that has it; the sum of squares
    /// is combined by Chan, Golub and LeVeque's parallel formula and becomes absent where a side that ran lacks it.
    Counters& operator+=(const Counters& other);

    friend bool operator==(const Counters&, const Counters&) = default;
};

/// What happened between two readings of one key. nullopt where any counter fell: the entry was reset, evicted and made
/// anew, or the server restarted, and which part of `after` belongs to the interval is for the caller to decide.
/// A counter that one reading lacks (extension updated in between) is absent.
[[nodiscard]] std::optional<Counters> counters_delta(const Counters& before, const Counters& after);

/// What one statement did in one interval: the delta of every counter. Never negative.
struct StatementInterval {
    StatementKey key;
    base::Timestamp begins;
    base::Timestamp ends;
    Counters delta;
};

/// One statement of a workload over an observation window, as the capabilities see it: identity, text, sums.
struct ObservedStatement {
    base::QueryHash query_hash{};
    std::optional<base::FingerprintHash> fingerprint_hash;  ///< absent where the grammar refuses the text
    std::string text;  ///< as pg_stat_statements keeps it ($n), or with literals (`has_literals`)
    bool has_literals = false;
    std::string database_name;
    std::string user_name;                 ///< "" where unknown
    std::vector<base::QueryId> query_ids;  ///< all that share the text
    Counters sum;                          ///< over the window
    double max_calls_per_minute = 0;       ///< busiest interval
    std::optional<double> stddev_exec_time_ms;
    std::vector<std::string> example_texts;  ///< with literals, where known; at most a handful

    [[nodiscard]] base::Milliseconds mean_exec_time() const { return sum.mean_exec_time(); }
};

/// The workload of one database over one window. `window` is how long was really observed, gaps left out.
struct Workload {
    std::string database_name;
    base::Minutes window{0};
    std::vector<ObservedStatement> statements;  ///< heaviest total time first

    [[nodiscard]] double calls_per_minute(const ObservedStatement& statement) const {
        return window.count() > 0 ? static_cast<double>(statement.sum.calls) / window.count() : 0.0;
    }
};

/// Heaviest total time first; ties by hash, so that the order is the same from run to run.
void sort_by_total_time(Workload& workload);

}  // namespace pganalytics::workload
