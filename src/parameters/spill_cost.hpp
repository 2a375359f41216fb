#pragma once
// What a spill costs: the share of a statement's time that memory would give back, which is often nothing, because
// temporary files live in the file system's cache and the work itself stays. docs/rules/work_mem.md has the model, the
// measurements behind its constants, and how it did on statements that no constant was fitted to.
//
// Nothing in it is a time of one machine: temporary I/O is measured where the server does (track_io_timing), and the
// rest is set against the planner's cost of the whole statement, which stands for the time that was seen. Pure
// functions, thread-safe, no errors.

#include <optional>
#include <vector>

#include "parameters/memory_need.hpp"
#include "workload/statement.hpp"

namespace pganalytics::parameters {

/// Per call.
struct TemporaryIo {
    double blocks_written = 0;
    double blocks_read = 0;
    std::optional<double> time_ms;  ///< measured (track_io_timing, extension 1.10 and newer)

    [[nodiscard]] double blocks() const { return blocks_written + blocks_read; }
    [[nodiscard]] double bytes_written() const { return blocks_written * 8192; }
};
[[nodiscard]] TemporaryIo temporary_io(const workload::Counters& sum);

/// What the statement is as a whole.
struct SpillContext {
    double mean_ms = 0;
    double cost_in_memory = 0;  ///< the planner's, under enough memory
    bool plan_changes = false;  ///< … into another plan
};

struct SpillCost {
    double io_ms = 0;        ///< of the temporary files alone: measured, else estimated
    double saved_share = 0;  ///< of the statement's time; negative where it takes longer in memory
    bool measured = false;   ///< io_ms is measured
};

/// Of one execution, for the nodes that spill (corrected, see memory_need.hpp).
[[nodiscard]] SpillCost cost_of_spill(const std::vector<MemoryNode>& spilling, const TemporaryIo& io,
                                      const MemorySettings& settings, const SpillContext& context);

}  // namespace pganalytics::parameters
