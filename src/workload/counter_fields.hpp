#pragma once
// The one list of the counters in `Counters`: their names, where they stand, and what each version of the
// pg_stat_statements extension calls them. Collector, store and tests go through this list and never repeat the names.
// `sum_squared_deviation_ms2` is not in it: it is no column of the extension and does not add up by itself
// (see `operator+=` and `counters_delta` in statement.hpp); `squared_deviation_column` names its source.
//
// Source of names and versions: PostgreSQL manual, "pg_stat_statements", releases 13 to 18. Thread-safe (constants).

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workload {

/// pg_extension.extversion of pg_stat_statements: "1.10" is later than "1.9".
struct ExtensionVersion {
    int major = 1;
    int minor = 8;
    friend constexpr auto operator<=>(const ExtensionVersion&, const ExtensionVersion&) = default;
};
/// fix_input where the text is not "number.number".
[[nodiscard]] base::Result<ExtensionVersion> parse_extension_version(std::string_view text);

using CounterMember = std::variant<std::int64_t Counters::*, double Counters::*,
                                   std::optional<std::int64_t> Counters::*, std::optional<double> Counters::*>;

struct CounterField {
    std::string_view name;  ///< the member's own name: also the name of the repository's column
    CounterMember member;
    std::string_view column;            ///< of the newest extension version
    ExtensionVersion since;             ///< first version that has it under any name
    std::string_view earlier_column{};  ///< its name before `renamed_in`; "" where it was never renamed
    ExtensionVersion renamed_in{};

    /// The column of that version; nullopt where the version lacks the counter.
    [[nodiscard]] constexpr std::optional<std::string_view> column_in(ExtensionVersion version) const {
        if (version < since) return std::nullopt;
        if (!earlier_column.empty() && version < renamed_in) return earlier_column;
        return column;
    }
    /// bigint on the server and in the repository; else double precision.
    [[nodiscard]] constexpr bool is_integer() const { return member.index() == 0 || member.index() == 2; }
    /// Never absent, whatever the version.
    [[nodiscard]] constexpr bool is_required() const { return member.index() < 2; }
};

inline constexpr std::string_view squared_deviation_column = "stddev_exec_time";

inline constexpr auto counter_fields = std::to_array<CounterField>({
    {"calls", &Counters::calls, "calls", {1, 8}},
    {"total_exec_time_ms", &Counters::total_exec_time_ms, "total_exec_time", {1, 8}},
    {"rows", &Counters::rows, "rows", {1, 8}},
    {"plans", &Counters::plans, "plans", {1, 8}},
    {"total_plan_time_ms", &Counters::total_plan_time_ms, "total_plan_time", {1, 8}},
    {"shared_blks_hit", &Counters::shared_blks_hit, "shared_blks_hit", {1, 8}},
    {"shared_blks_read", &Counters::shared_blks_read, "shared_blks_read", {1, 8}},
    {"shared_blks_dirtied", &Counters::shared_blks_dirtied, "shared_blks_dirtied", {1, 8}},
    {"shared_blks_written", &Counters::shared_blks_written, "shared_blks_written", {1, 8}},
    {"local_blks_hit", &Counters::local_blks_hit, "local_blks_hit", {1, 8}},
    {"local_blks_read", &Counters::local_blks_read, "local_blks_read", {1, 8}},
    {"local_blks_dirtied", &Counters::local_blks_dirtied, "local_blks_dirtied", {1, 8}},
    {"local_blks_written", &Counters::local_blks_written, "local_blks_written", {1, 8}},
    {"temp_blks_read", &Counters::temp_blks_read, "temp_blks_read", {1, 8}},
    {"temp_blks_written", &Counters::temp_blks_written, "temp_blks_written", {1, 8}},
    {"shared_blk_read_time_ms",
     &Counters::shared_blk_read_time_ms,
     "shared_blk_read_time",
     {1, 8},
     "blk_read_time",
     {1, 11}},
    {"shared_blk_write_time_ms",
     &Counters::shared_blk_write_time_ms,
     "shared_blk_write_time",
     {1, 8},
     "blk_write_time",
     {1, 11}},
    {"local_blk_read_time_ms", &Counters::local_blk_read_time_ms, "local_blk_read_time", {1, 11}},
    {"local_blk_write_time_ms", &Counters::local_blk_write_time_ms, "local_blk_write_time", {1, 11}},
    {"temp_blk_read_time_ms", &Counters::temp_blk_read_time_ms, "temp_blk_read_time", {1, 10}},
    {"temp_blk_write_time_ms", &Counters::temp_blk_write_time_ms, "temp_blk_write_time", {1, 10}},
    {"wal_records", &Counters::wal_records, "wal_records", {1, 8}},
    {"wal_fpi", &Counters::wal_fpi, "wal_fpi", {1, 8}},
    {"wal_bytes", &Counters::wal_bytes, "wal_bytes", {1, 8}},
    {"wal_buffers_full", &Counters::wal_buffers_full, "wal_buffers_full", {1, 12}},
    {"jit_functions", &Counters::jit_functions, "jit_functions", {1, 10}},
    {"jit_generation_time_ms", &Counters::jit_generation_time_ms, "jit_generation_time", {1, 10}},
    {"jit_inlining_count", &Counters::jit_inlining_count, "jit_inlining_count", {1, 10}},
    {"jit_inlining_time_ms", &Counters::jit_inlining_time_ms, "jit_inlining_time", {1, 10}},
    {"jit_optimization_count", &Counters::jit_optimization_count, "jit_optimization_count", {1, 10}},
    {"jit_optimization_time_ms", &Counters::jit_optimization_time_ms, "jit_optimization_time", {1, 10}},
    {"jit_emission_count", &Counters::jit_emission_count, "jit_emission_count", {1, 10}},
    {"jit_emission_time_ms", &Counters::jit_emission_time_ms, "jit_emission_time", {1, 10}},
    {"jit_deform_count", &Counters::jit_deform_count, "jit_deform_count", {1, 11}},
    {"jit_deform_time_ms", &Counters::jit_deform_time_ms, "jit_deform_time", {1, 11}},
    {"parallel_workers_to_launch", &Counters::parallel_workers_to_launch, "parallel_workers_to_launch", {1, 12}},
    {"parallel_workers_launched", &Counters::parallel_workers_launched, "parallel_workers_launched", {1, 12}},
});

/// As a number; nullopt where absent. Exact up to 2^53.
[[nodiscard]] std::optional<double> counter_value(const Counters& counters, const CounterField& field);
/// As PostgreSQL reads it (integers exactly, doubles round-trip); nullopt where absent, which is SQL NULL.
[[nodiscard]] std::optional<std::string> counter_text(const Counters& counters, const CounterField& field);
/// From PostgreSQL's text; nullopt makes an optional counter absent and a required one 0. fix_input where it is no
/// number.
[[nodiscard]] base::Status set_counter(Counters& counters, const CounterField& field,
                                       std::optional<std::string_view> text);

}  // namespace pganalytics::workload
