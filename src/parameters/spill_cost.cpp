#include "parameters/spill_cost.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::parameters {

namespace {

// Fitted to runs of parameters_work_mem_test in its deep form (docs/rules/work_mem.md). Milliseconds.
constexpr double cached_block = 0.0018;  // one block written or read in the file system's cache
constexpr double merged_row = 6e-5;      // through the tape and the merge
constexpr double heap_compare = 3e-5;    // of two rows, in a bounded sort that overflows
constexpr double text_compare = 4e-4;    // of two texts that are not in the processor's cache, each time memory doubles
constexpr double heap_text = 8e-4;       // of a text with the top of a heap
constexpr double large_megabyte = 1.2;   // of fresh memory beyond the caches: page faults, misses
constexpr double cached_megabytes = 20;
constexpr double batched_block = 0.015;  // of a hash join's batches, with packing and unpacking the rows
constexpr double probed_row = 2.2e-4;    // in one large hash table instead of many small ones
constexpr double partition_block = 0.006;
constexpr double grouped_row = 1.5e-4;

// Measured times of cached files come to at most this many times the above: copying, a busy machine.
constexpr double cached_io_factor = 6;

constexpr double megabyte = 1024.0 * 1024;

double sort_gain(const MemoryNode& node, double blocks, const MemorySettings& settings) {
    const double need = work_mem_needed(node, settings);
    const double doublings = std::log2(std::max(1.0, need / settings.work_mem));
    double gain = merged_row * node.rows + cached_block * blocks;
    gain -= large_megabyte * std::max(0.0, need / megabyte - cached_megabytes);
    if (node.text_key) gain -= text_compare * node.rows * doublings;
    return gain;
}

double bounded_gain(const MemoryNode& node, double blocks) {
    if (node.text_key) return cached_block * blocks - heap_text * node.rows;
    // A bounded sort that overflows sorts everything; one that fits keeps a heap of what is wanted.
    const double compares = node.rows * std::log2(std::max(2.0, node.rows / std::max(1.0, node.bound)));
    return cached_block * blocks + heap_compare * compares;
}

double gain_of(const MemoryNode& node, double blocks, const MemorySettings& settings) {
    switch (node.use) {
        case MemoryUse::sort:
            return sort_gain(node, blocks, settings);
        case MemoryUse::bounded_sort:
            return bounded_gain(node, blocks);
        case MemoryUse::hash_join:
            return batched_block * blocks - probed_row * (node.rows + node.input_rows);
        case MemoryUse::hash_aggregate:
            return partition_block * blocks - grouped_row * node.rows;
        case MemoryUse::tuple_store:
            return cached_block * blocks;
    }
    return 0;
}

}  // namespace

TemporaryIo temporary_io(const workload::Counters& sum) {
    TemporaryIo io;
    if (sum.calls <= 0) return io;
    const auto calls = static_cast<double>(sum.calls);
    io.blocks_written = static_cast<double>(sum.temp_blks_written) / calls;
    io.blocks_read = static_cast<double>(sum.temp_blks_read) / calls;
    // Zero with blocks written means that track_io_timing is off.
    const double time = sum.temp_blk_read_time_ms.value_or(0) + sum.temp_blk_write_time_ms.value_or(0);
    if (time > 0) io.time_ms = time / calls;
    return io;
}

SpillCost cost_of_spill(const std::vector<MemoryNode>& spilling, const TemporaryIo& io,
                        const MemorySettings& settings) {
    SpillCost cost;
    const double blocks = io.blocks_written + io.blocks_read;
    cost.measured = io.time_ms.has_value();
    cost.io_ms = io.time_ms.value_or(cached_block * blocks);
    double total = 0;
    for (const auto& node : spilling) total += spilled_bytes(node, settings);
    for (const auto& node : spilling) {
        const double share = total > 0 ? spilled_bytes(node, settings) / total : 1;
        cost.saved_ms += gain_of(node, share * blocks, settings);
    }
    // Where the files are slower than a cache, all of that is saved too.
    cost.saved_ms += std::max(0.0, cost.io_ms - cached_io_factor * cached_block * blocks);
    return cost;
}

}  // namespace pganalytics::parameters
