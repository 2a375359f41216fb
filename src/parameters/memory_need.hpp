#pragma once
// How much work_mem a plan's nodes need to stay in memory, and what they write to temporary files where they lack it.
// Reproduces PostgreSQL's own accounting, version by version, because what counts against work_mem is not the data but
// the data with its headers, pointer arrays and hash buckets: tuplesort.c (SortTuple array, chunk headers, bounded
// heap), nodeHash.c (ExecChooseHashTableSize), nodeAgg.c (hash_agg_set_limits), tuplestore.c, of PostgreSQL 13 to 18.
//
// Estimates come from the planner's rows and widths; `corrected` sets them against the blocks that were really written.
// Bytes throughout. Pure functions, thread-safe, no errors.

#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace pganalytics::parameters {

struct MemorySettings {
    int server_major = 15;
    double work_mem = 4096.0 * 1024;
    double hash_mem_multiplier = 2;  ///< 1 on 13 and 14 unless set, 2 from 15
};

enum class MemoryUse { sort, bounded_sort, hash_join, hash_aggregate, tuple_store };

/// A node that works in memory up to a limit. Rows are of one process.
struct MemoryNode {
    MemoryUse use = MemoryUse::sort;
    std::string words;              ///< "Sort on orders": as a person reads it
    double rows = 0;                ///< put into memory: sorted, hashed, groups
    double width = 0;               ///< bytes of data in one of them
    double columns = 0;             ///< in one of them; 0 where unknown
    double input_rows = 0;          ///< of a hash aggregate: rows that arrive; of a hash join: rows of the other side
    double input_width = 0;         ///< … and their width
    double bound = 0;               ///< of a bounded sort: rows that are wanted
    double aggregates = 0;          ///< of a hash aggregate: calls of aggregate functions
    int processes = 1;              ///< workers and leader that each have such a node
    std::vector<std::string> keys;  ///< of a sort, as EXPLAIN prints them
    bool text_key = false;  ///< of a sort: the first key is compared as text; told by the caller, who has the catalog
    bool shared_hash = false;  ///< one hash table for all processes (Parallel Hash)

    [[nodiscard]] bool hashes() const { return use == MemoryUse::hash_join || use == MemoryUse::hash_aggregate; }
};

/// Every node that could outgrow its memory, in plan order.
[[nodiscard]] std::vector<MemoryNode> memory_nodes(const plan::Plan& plan);

/// The work_mem at which the node stays in memory.
[[nodiscard]] double work_mem_needed(const MemoryNode& node, const MemorySettings& settings);

/// Bytes that one execution writes to temporary files, all processes together; 0 where the node fits.
[[nodiscard]] double spilled_bytes(const MemoryNode& node, const MemorySettings& settings);

/// How often a sort that spills merges its runs: each pass writes and reads everything again. 1 for other nodes.
[[nodiscard]] double merge_passes(const MemoryNode& node, const MemorySettings& settings);

/// The nodes with their rows scaled so that together they spill what was seen (bytes written per execution). Where the
/// planner expects no spill at all, the node nearest to its limit is taken to be the one.
[[nodiscard]] std::vector<MemoryNode> corrected(std::vector<MemoryNode> nodes, const MemorySettings& settings,
                                                double observed_bytes);

}  // namespace pganalytics::parameters
