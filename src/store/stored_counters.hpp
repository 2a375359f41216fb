#pragma once
// How counters of statements lie in the history tables (migrations/0002_history.sql): 0 is stored as null, and the
// column `absent` has a bit for each counter that is unknown. The bits are part of the schema: they never change, a new
// counter gets the next one. Values and constants only; thread-safe.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/connection.hpp"
#include "workload/counter_fields.hpp"

namespace pganalytics::store {

struct StoredCounter {
    std::string_view name;  ///< of the column and of the field in workload::counter_fields
    int absent_bit;         ///< -1: never absent
};

inline constexpr auto stored_counters = std::to_array<StoredCounter>({
    {"calls", -1},
    {"total_exec_time_ms", -1},
    {"rows", -1},
    {"shared_blks_hit", -1},
    {"shared_blks_read", -1},
    {"shared_blks_dirtied", -1},
    {"shared_blks_written", -1},
    {"local_blks_hit", -1},
    {"local_blks_read", -1},
    {"local_blks_dirtied", -1},
    {"local_blks_written", -1},
    {"temp_blks_read", -1},
    {"temp_blks_written", -1},
    {"plans", 0},
    {"total_plan_time_ms", 1},
    {"shared_blk_read_time_ms", 2},
    {"shared_blk_write_time_ms", 3},
    {"local_blk_read_time_ms", 4},
    {"local_blk_write_time_ms", 5},
    {"temp_blk_read_time_ms", 6},
    {"temp_blk_write_time_ms", 7},
    {"wal_records", 8},
    {"wal_fpi", 9},
    {"wal_bytes", 10},
    {"wal_buffers_full", 11},
    {"jit_functions", 12},
    {"jit_generation_time_ms", 13},
    {"jit_inlining_count", 14},
    {"jit_inlining_time_ms", 15},
    {"jit_optimization_count", 16},
    {"jit_optimization_time_ms", 17},
    {"jit_emission_count", 18},
    {"jit_emission_time_ms", 19},
    {"jit_deform_count", 20},
    {"jit_deform_time_ms", 21},
    {"parallel_workers_to_launch", 22},
    {"parallel_workers_launched", 23},
});

inline constexpr int squares_bit = 24;
inline constexpr std::string_view squares_column = "sum_squared_deviation_ms2";

/// The field of a stored counter. Aborts where the two lists disagree, which a test rules out.
[[nodiscard]] const workload::CounterField& field_of(const StoredCounter& counter);
/// Bits of what `counters` does not know.
[[nodiscard]] std::int32_t absent_bits(const workload::Counters& counters);

/// "sum(m.calls)::bigint as calls, …, bits as absent": one row of a group of history rows `m`, zeros as null.
[[nodiscard]] std::string aggregate_columns();
/// The same names without the aggregation: "calls, total_exec_time_ms, …, absent".
[[nodiscard]] std::string counter_column_names();
/// "on conflict … do update set …": adds the new row to the one that is there. `m` is the table's alias.
[[nodiscard]] std::string add_on_conflict();

/// Counters of a row whose columns from `first` on are `counter_column_names()`.
[[nodiscard]] workload::Counters counters_of(const postgres::Rows& rows, std::size_t row, std::size_t first);

}  // namespace pganalytics::store
