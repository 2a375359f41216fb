#pragma once
// How much memory advice may hand out: never more than what is available when every statement advised runs at its
// usual concurrency and every node of it takes all it may:
//   Σ over statements of concurrency × Σ over nodes of (workers + 1) × multiplier × work_mem  ≤  available.
// Pure functions, thread-safe, no errors.

#include <optional>
#include <vector>

#include "base/units.hpp"
#include "parameters/memory_need.hpp"

namespace pganalytics::parameters {

/// What one statement takes for each byte of work_mem.
struct MemoryDemand {
    double concurrency = 1;  ///< executions at one time
    double shares = 1;       ///< Σ over nodes of processes × multiplier
    double work_mem = 0;     ///< bytes wanted

    [[nodiscard]] double bytes() const { return concurrency * shares * work_mem; }
};

/// Shares of a plan's nodes: hash nodes may take hash_mem_multiplier times work_mem.
[[nodiscard]] double memory_shares(const std::vector<MemoryNode>& nodes, const MemorySettings& settings);

/// Which demands are granted, in the order given: each whole or not at all, for a spill half removed is a spill.
[[nodiscard]] std::vector<bool> grant(const std::vector<MemoryDemand>& demands, double available_bytes);

/// total × percent / 100; nullopt where either is unknown or makes no sense.
[[nodiscard]] std::optional<double> available_bytes(std::optional<base::Bytes> total, std::optional<double> percent);

}  // namespace pganalytics::parameters
