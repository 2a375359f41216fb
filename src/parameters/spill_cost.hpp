#pragma once
// What a spill costs: the time that memory would give back, which is often nothing, because temporary files live in
// the file system's cache and the work itself stays. docs/rules/work_mem.md has the model and the measurements behind
// its constants. Pure functions, thread-safe, no errors.

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

    [[nodiscard]] double bytes_written() const { return blocks_written * 8192; }
};
[[nodiscard]] TemporaryIo temporary_io(const workload::Counters& sum);

struct SpillCost {
    double io_ms = 0;       ///< of the temporary files alone: measured, else estimated
    double saved_ms = 0;    ///< what memory gives back in all; negative where it takes longer
    bool measured = false;  ///< io_ms is measured
};

/// Of one execution, for the nodes that spill (corrected, see memory_need.hpp).
[[nodiscard]] SpillCost cost_of_spill(const std::vector<MemoryNode>& spilling, const TemporaryIo& io,
                                      const MemorySettings& settings);

}  // namespace pganalytics::parameters
