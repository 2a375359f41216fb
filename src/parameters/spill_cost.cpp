#include "parameters/spill_cost.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::parameters {

namespace {

// Fitted by least absolute deviations to interleaved runs of generated statements (docs/rules/work_mem.md). Of a row,
// block or megabyte, in the planner's cost units, so that what they come to is a share of the statement.
constexpr double cached_block = 0.35;     // written or read in the file system's cache, where no time was measured
constexpr double merged_row = 0.0135;     // through the tapes, each merge
constexpr double fresh_megabyte = 228;    // page faults, and rows read back in an order that no cache foresees
constexpr double heap_step = 0.0049;      // a bounded sort that overflows sorts everything; one that fits keeps a heap
constexpr double copied_byte = 0.00021;   // of a row to its tape and back
constexpr double text_doubling = 0.0174;  // comparing texts: the larger the array, the more of them miss the caches
constexpr double text_in_heap = 0.0685;
constexpr double batched_block = 0.38;     // of a hash join: packing and unpacking the rows
constexpr double probe_doubling = 0.0054;  // in one large hash table instead of many that fit a cache
constexpr double group_doubling = 0.0038;
constexpr double other_plan = 0.19;             // share of the time, where memory leads to another plan …
constexpr double other_plan_megabyte = 0.0032;  // … less what its memory costs

// Memory is no gift: what the files took, half of it is paid again in page faults.
constexpr double saved_of_cached_io = 0.5;
// Measured times of cached files come to at most this many times the estimate: copying, a busy machine. Above it the
// files are on a disk.
constexpr double cached_io_factor = 3;
constexpr double most_of_cached_io = 0.45;  // of the statement's time
// A list that is written once and read in order is as well off in a file that is cached: rows are copied in memory too,
// and such statements do little else than write and read it.
constexpr double saved_of_cached_store = 0.15;
constexpr double most_of_cached_store = 0.7;
constexpr double most_of_estimated_io = 0.6;
// Rows wider than any that were tried do not save beyond this share.
constexpr double most_of_copying = 0.4;

constexpr double megabyte = 1024.0 * 1024;

double doublings(double need, double work_mem) {
    return std::log2(std::max(1.0, need / work_mem));
}

/// In cost units.
double gain_of(const MemoryNode& node, double blocks, const MemorySettings& settings, const SpillContext& context) {
    const double need = work_mem_needed(node, settings);
    switch (node.use) {
        case MemoryUse::sort:
            if (node.text_key) return -text_doubling * node.rows * doublings(need, settings.work_mem);
            return merged_row * node.rows * merge_passes(node, settings) - fresh_megabyte * need / megabyte;
        case MemoryUse::bounded_sort: {
            const double copying =
                std::min(copied_byte * node.rows * node.width, most_of_copying * context.cost_in_memory);
            if (node.text_key) return 3 * copying - text_in_heap * node.rows;
            return copying + heap_step * node.rows * std::log2(std::max(2.0, node.rows / std::max(1.0, node.bound)));
        }
        case MemoryUse::hash_join:
            return batched_block * blocks -
                   probe_doubling * (node.rows + node.input_rows) * doublings(need, settings.work_mem);
        case MemoryUse::hash_aggregate:
            return -group_doubling * node.rows * doublings(need, settings.work_mem);
        case MemoryUse::tuple_store:
            return 0;
    }
    return 0;
}

bool only_stores(const std::vector<MemoryNode>& nodes) {
    return std::all_of(nodes.begin(), nodes.end(),
                       [](const MemoryNode& node) { return node.use == MemoryUse::tuple_store; });
}

/// Share of the time that is not temporary I/O's: what another plan, or the same in memory, gains of it.
double saved_of_work(const std::vector<MemoryNode>& spilling, const TemporaryIo& io, const MemorySettings& settings,
                     const SpillContext& context) {
    if (context.plan_changes && !only_stores(spilling)) {
        double need = 0;
        for (const auto& node : spilling) need = std::max(need, work_mem_needed(node, settings));
        return other_plan - other_plan_megabyte * need / megabyte;
    }
    double total = 0, gain = 0;
    for (const auto& node : spilling) total += spilled_bytes(node, settings);
    for (const auto& node : spilling) {
        const double share = total > 0 ? spilled_bytes(node, settings) / total : 1;
        gain += gain_of(node, share * io.blocks(), settings, context);
    }
    return context.cost_in_memory > 0 ? gain / context.cost_in_memory : 0;
}

/// A statement takes as long as its slowest process, which has its share of what is hashed together.
std::vector<MemoryNode> of_one_process(std::vector<MemoryNode> nodes) {
    for (auto& node : nodes) {
        if (!node.shared_hash) continue;
        node.rows /= node.processes;
        node.input_rows /= node.processes;
        node.shared_hash = false;
    }
    return nodes;
}

/// The counters add up what processes do at the same time.
TemporaryIo of_one_process(TemporaryIo io, const std::vector<MemoryNode>& spilling) {
    int processes = 1;
    for (const auto& node : spilling) processes = std::max(processes, node.processes);
    io.blocks_written /= processes;
    io.blocks_read /= processes;
    if (io.time_ms) *io.time_ms /= processes;
    return io;
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

SpillCost cost_of_spill(const std::vector<MemoryNode>& nodes, const TemporaryIo& all_io, const MemorySettings& settings,
                        const SpillContext& context) {
    SpillCost cost;
    if (context.mean_ms <= 0) return cost;
    const auto spilling = of_one_process(nodes);
    const auto io = of_one_process(all_io, nodes);
    const double ms_of_unit = context.cost_in_memory > 0 ? context.mean_ms / context.cost_in_memory : 0;
    const double cached = std::min(cached_block * io.blocks() * ms_of_unit, most_of_estimated_io * context.mean_ms);
    cost.measured = io.time_ms.has_value();
    cost.io_ms = std::min(io.time_ms.value_or(cached), context.mean_ms);
    const bool stores = only_stores(spilling);
    // Where the files are slower than a cache, all of that is saved.
    const double most_cached =
        std::min(cached_io_factor * cached, (stores ? most_of_cached_store : most_of_cached_io) * context.mean_ms);
    const double slow_ms = std::max(0.0, cost.io_ms - most_cached);
    const double saved_of_cached = stores ? saved_of_cached_store : saved_of_cached_io;
    const double io_share = cost.io_ms / context.mean_ms;
    cost.saved_share = (slow_ms + saved_of_cached * (cost.io_ms - slow_ms)) / context.mean_ms +
                       (1 - io_share) * saved_of_work(spilling, io, settings, context);
    return cost;
}

}  // namespace pganalytics::parameters
