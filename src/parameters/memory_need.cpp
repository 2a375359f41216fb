#include "parameters/memory_need.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "plan/describe.hpp"

namespace pganalytics::parameters {

namespace {

using plan::Node;
using plan::NodeType;

constexpr double least_work_mem = 64.0 * 1024;
constexpr double minimal_tuple_header = 16;  // MAXALIGN(SizeofMinimalTupleHeader)
constexpr double pointer = 8;

double aligned(double bytes) {
    return 8 * std::ceil(bytes / 8);
}

double power_of_two(double n) {
    return n <= 1 ? 1 : std::exp2(std::ceil(std::log2(n)));
}

/// Memory of one allocation in an AllocSet: powers of two up to 8 kB, a header before each.
double allocated(double bytes, int server_major) {
    const double header = server_major >= 16 ? 8 : 16;
    return header + (bytes <= 8192 ? std::max(8.0, power_of_two(bytes)) : aligned(bytes));
}

/// The planner's width is the sum of the columns' average widths; columns start aligned.
double data_width(const MemoryNode& node) {
    return node.width + (node.columns > 1 ? 2 * (node.columns - 1) : 0);
}

double tuple_length(const MemoryNode& node) {
    return minimal_tuple_header + data_width(node);
}

/// From 15, a sort of one by-value column keeps only the values (tuplesort_begin_datum).
bool sorts_values(const MemoryNode& node, const MemorySettings& settings) {
    return settings.server_major >= 15 && node.columns == 1 && node.width <= 8 &&
           std::has_single_bit(static_cast<unsigned>(std::max(1.0, node.width)));
}

double sort_tuple_memory(const MemoryNode& node, const MemorySettings& settings) {
    constexpr double sort_tuple = 24;
    if (node.use == MemoryUse::sort && sorts_values(node, settings)) return sort_tuple;
    const double length = tuple_length(node);
    if (node.use == MemoryUse::bounded_sort || settings.server_major <= 14) {
        return sort_tuple + allocated(length, settings.server_major);
    }
    // Generation contexts from 15 (24 bytes of header, 8 from 16), bump contexts without headers from 17.
    const double header = settings.server_major == 15 ? 24 : (settings.server_major == 16 ? 8 : 0);
    return sort_tuple + header + aligned(length);
}

double sort_tape_bytes(const MemoryNode& node, const MemorySettings& settings) {
    // A length word, then the value; or the minimal tuple without its first ten bytes.
    if (node.use == MemoryUse::sort && sorts_values(node, settings)) return 4 + std::max(8.0, node.width);
    return 4 + tuple_length(node) - 10;
}

double sort_need(const MemoryNode& node, const MemorySettings& settings) {
    // A bounded sort turns to its heap at twice the bound; short of memory it could from the bound on, but then its
    // array is full as a rule before the memory is, and it goes to disk instead.
    const double rows = node.use == MemoryUse::bounded_sort ? std::min(node.rows, 2 * node.bound + 1) : node.rows;
    // The array starts with 1,024 places, and grows by doubling while half the memory is free.
    return rows * sort_tuple_memory(node, settings) + 24.0 * 1024;
}

/// Runs are merged `order` at a time (tuplesort_merge_order); each further pass writes everything again.
double sort_passes(double need, double work_mem) {
    constexpr double run_buffer = 2 * 8192 + 32 * 8192;
    const double order = std::clamp(std::floor(work_mem / run_buffer), 6.0, 500.0);
    const double runs = std::ceil(need / work_mem);
    if (runs <= order) return 1;
    return std::ceil(std::log(runs) / std::log(order));
}

constexpr double hash_tuple_overhead = 16;

double hash_table_need(const MemoryNode& node) {
    const double planned = node.rows * (hash_tuple_overhead + minimal_tuple_header + aligned(data_width(node)));
    return planned + pointer * std::max(1024.0, power_of_two(node.rows));
}

double hash_memory(const MemoryNode& node, const MemorySettings& settings) {
    const double memory = settings.work_mem * settings.hash_mem_multiplier;
    return node.shared_hash ? memory * node.processes : memory;
}

double hash_batches(const MemoryNode& node, const MemorySettings& settings) {
    const double memory = hash_memory(node, settings);
    const double need = hash_table_need(node);
    if (need <= memory) return 1;
    const double tuple = hash_tuple_overhead + minimal_tuple_header + aligned(data_width(node));
    const double buckets = pointer * std::min(power_of_two(memory / (tuple + pointer)), power_of_two(memory / 16));
    return std::max(2.0, power_of_two(node.rows * tuple / std::max(1.0, memory - buckets)));
}

/// A group: its key as a minimal tuple, and the aggregates' states (AggStatePerGroupData, 16 bytes each). After
/// hash_agg_entry_size and the tuple hash table's own array, which doubles at nine tenths.
double group_bytes(const MemoryNode& node, const MemorySettings& settings) {
    const double key = allocated(tuple_length(node), settings.server_major);
    const double states = node.aggregates > 0 ? allocated(16 * node.aggregates, settings.server_major) : 0;
    return key + states;
}

double aggregate_need(const MemoryNode& node, const MemorySettings& settings) {
    constexpr double table_entry = 24;
    const double table = table_entry * power_of_two(node.rows / 0.9);
    // Blocks are taken whole; the last is half empty.
    return table + 1.02 * node.rows * group_bytes(node, settings);
}

double aggregate_spill(const MemoryNode& node, const MemorySettings& settings) {
    const double memory = settings.work_mem * settings.hash_mem_multiplier;
    const double need = aggregate_need(node, settings);
    if (need <= memory || node.rows <= 0) return 0;
    const double kept = memory / need;
    const double arrive = std::max(node.input_rows, node.rows);
    // Each partition's tape takes its blocks in advance (logtape.c): twice the rows' bytes are written, as measured.
    constexpr double taken_in_advance = 2;
    return taken_in_advance * arrive * (1 - kept) * (4 + tuple_length(node));
}

double store_tuple_memory(const MemoryNode& node, const MemorySettings& settings) {
    return pointer + allocated(tuple_length(node), settings.server_major);
}

double need_bytes(const MemoryNode& node, const MemorySettings& settings) {
    switch (node.use) {
        case MemoryUse::sort:
        case MemoryUse::bounded_sort:
            return sort_need(node, settings);
        case MemoryUse::hash_join:
            return hash_table_need(node);
        case MemoryUse::hash_aggregate:
            return aggregate_need(node, settings);
        case MemoryUse::tuple_store:
            return node.rows * store_tuple_memory(node, settings);
    }
    return 0;
}

/// The first relation below the node, to name it by.
std::string relation_below(const Node& node) {
    std::string name;
    plan::for_each_node(node, [&name](const Node& below, int) {
        if (name.empty() && !below.relation.empty()) name = below.relation;
    });
    return name;
}

std::string named(const Node& node, const Node& data) {
    const auto relation = relation_below(data);
    const auto words = plan::to_words(node);
    return relation.empty() ? words : fmt::format("{} over {}", words, relation);
}

/// Rows of a partial plan are one process's share: those of all of them over this (get_parallel_divisor, costsize.c:
/// the leader has less time the more workers it serves).
double parallel_divisor(int processes) {
    const double workers = processes - 1;
    return std::max(1.0, workers + std::max(0.0, 1 - 0.3 * workers));
}

/// Gathers what memory nodes there are, with the processes that run each.
class Reader {
  public:
    std::vector<MemoryNode> nodes;

    void read(const Node& node, int processes, double bound) {
        if (node.type == NodeType::gather || node.type == NodeType::gather_merge) {
            processes = node.workers_planned + 1;
        }
        add(node, processes, bound);
        for (const auto& child : node.children) read(child, processes, bound_for(node, child, bound));
    }

  private:
    /// LIMIT tells a sort below it how many rows are wanted; some nodes pass it on (ExecSetTupleBound).
    static double bound_for(const Node& node, const Node& child, double bound) {
        if (child.parent_relationship == "InitPlan" || child.parent_relationship == "SubPlan") return 0;
        if (node.type == NodeType::limit) return node.plan_rows;
        const bool passes = node.type == NodeType::gather || node.type == NodeType::gather_merge ||
                            (node.type == NodeType::subquery_scan && node.filter.empty()) ||
                            node.type == NodeType::merge_append || node.type == NodeType::append;
        return passes ? bound : 0;
    }

    void add(const Node& node, int processes, double bound) {
        switch (node.type) {
            case NodeType::sort:
                add_sort(node, processes, bound);
                break;
            case NodeType::hash_join:
                add_hash_join(node, processes);
                break;
            case NodeType::aggregate:
                if (node.strategy == "Hashed" || node.strategy == "Mixed") add_aggregate(node, processes);
                break;
            case NodeType::materialize:
                add_store(node, processes);
                break;
            default:
                // How many rows a recursion comes to is not planned but guessed.
                if (node.type != NodeType::recursive_union && node.subplan_name.rfind("CTE ", 0) == 0) {
                    add_store(node, 1);
                }
                break;
        }
    }

    static MemoryNode made(MemoryUse use, const Node& node, const Node& data, int processes) {
        MemoryNode made;
        made.use = use;
        made.words = named(node, data);
        made.rows = data.plan_rows;
        made.width = data.plan_width;
        made.columns = static_cast<double>(data.output.size());
        made.processes = processes;
        return made;
    }

    void add_sort(const Node& node, int processes, double bound) {
        auto sort = made(MemoryUse::sort, node, node, processes);
        if (!node.children.empty()) sort.rows = std::max(sort.rows, node.children.front().plan_rows);
        sort.keys = node.sort_key;
        if (bound > 0 && bound < sort.rows) {
            sort.use = MemoryUse::bounded_sort;
            sort.bound = bound;
        }
        nodes.push_back(std::move(sort));
    }

    void add_hash_join(const Node& node, int processes) {
        if (node.children.size() < 2) return;
        const auto& outer = node.children[0];
        const auto& hash = node.children[1];
        auto join = made(MemoryUse::hash_join, node, hash, processes);
        join.input_rows = outer.plan_rows;
        join.input_width = outer.plan_width;
        join.shared_hash = hash.type == NodeType::hash && hash.parallel_aware;
        if (join.shared_hash) {
            join.rows *= parallel_divisor(processes);
            join.input_rows *= parallel_divisor(processes);
        }
        nodes.push_back(std::move(join));
    }

    void add_aggregate(const Node& node, int processes) {
        auto aggregate = made(MemoryUse::hash_aggregate, node, node, processes);
        aggregate.columns = static_cast<double>(node.group_key.size());
        const double outputs = static_cast<double>(node.output.size());
        aggregate.aggregates = std::max(0.0, outputs - aggregate.columns);
        // What is kept as the key does not hold the results, which the node's width counts.
        constexpr double result_width = 8;
        aggregate.width = std::max(4 * aggregate.columns, node.plan_width - result_width * aggregate.aggregates);
        if (!node.children.empty()) aggregate.input_rows = node.children.front().plan_rows;
        nodes.push_back(std::move(aggregate));
    }

    void add_store(const Node& node, int processes) {
        nodes.push_back(made(MemoryUse::tuple_store, node, node, processes));
    }
};

double total_spill(const std::vector<MemoryNode>& nodes, const MemorySettings& settings) {
    double sum = 0;
    for (const auto& node : nodes) sum += spilled_bytes(node, settings);
    return sum;
}

MemoryNode scaled(MemoryNode node, double factor) {
    const double arrived = node.rows;
    node.rows *= factor;
    // An aggregate's groups grow within the rows that arrive, and what it spills may be spilled again: up to three
    // times what the estimate says that is no sign of more rows.
    if (node.use == MemoryUse::hash_aggregate) {
        node.input_rows = std::max(node.input_rows, arrived) * std::max(1.0, factor / 3);
        node.rows = std::min(node.rows, node.input_rows);
    } else {
        node.input_rows *= factor;
    }
    return node;
}

/// The factor at which the nodes spill `observed` bytes. Spills grow with rows, so halving the interval finds it.
double factor_for(const std::vector<MemoryNode>& nodes, const MemorySettings& settings, double observed) {
    double low = 1e-4, high = 1e6;
    for (int step = 0; step < 60; ++step) {
        const double middle = std::sqrt(low * high);
        std::vector<MemoryNode> tried;
        for (const auto& node : nodes) tried.push_back(scaled(node, middle));
        (total_spill(tried, settings) < observed ? low : high) = middle;
    }
    return high;
}

}  // namespace

std::vector<MemoryNode> memory_nodes(const plan::Plan& plan) {
    Reader reader;
    reader.read(plan.root, 1, 0);
    return reader.nodes;
}

double work_mem_needed(const MemoryNode& node, const MemorySettings& settings) {
    double need = need_bytes(node, settings);
    if (node.hashes()) need /= settings.hash_mem_multiplier;
    if (node.shared_hash) need /= node.processes;
    return std::max(least_work_mem, need);
}

double merge_passes(const MemoryNode& node, const MemorySettings& settings) {
    if (node.use != MemoryUse::sort && node.use != MemoryUse::bounded_sort) return 1;
    return sort_passes(node.rows * sort_tuple_memory(node, settings), settings.work_mem);
}

double spilled_bytes(const MemoryNode& node, const MemorySettings& settings) {
    if (work_mem_needed(node, settings) <= settings.work_mem) return 0;
    // A hash join's inner side is each process's own and whole; what is sorted or grouped is divided among them.
    const bool divided = node.use != MemoryUse::hash_join && node.use != MemoryUse::tuple_store;
    const double processes = node.shared_hash ? 1 : (divided ? parallel_divisor(node.processes) : node.processes);
    switch (node.use) {
        case MemoryUse::sort:
        case MemoryUse::bounded_sort: {
            return processes * merge_passes(node, settings) * node.rows * sort_tape_bytes(node, settings);
        }
        case MemoryUse::hash_join: {
            const double batches = hash_batches(node, settings);
            const double inner = node.rows * (4 + tuple_length(node));
            const double outer = node.input_rows * (4 + minimal_tuple_header + node.input_width);
            return processes * (1 - 1 / batches) * (inner + outer);
        }
        case MemoryUse::hash_aggregate:
            return processes * aggregate_spill(node, settings);
        case MemoryUse::tuple_store:
            return processes * node.rows * (4 + tuple_length(node) - 10);
    }
    return 0;
}

std::vector<MemoryNode> corrected(std::vector<MemoryNode> nodes, const MemorySettings& settings,
                                  double observed_bytes) {
    if (nodes.empty() || observed_bytes <= 0) return nodes;
    std::vector<std::size_t> spilling;
    std::size_t nearest = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (spilled_bytes(nodes[i], settings) > 0) spilling.push_back(i);
        if (work_mem_needed(nodes[i], settings) > work_mem_needed(nodes[nearest], settings)) nearest = i;
    }
    if (spilling.empty()) spilling.push_back(nearest);
    std::vector<MemoryNode> seen;
    for (const auto i : spilling) seen.push_back(nodes[i]);
    const double factor = factor_for(seen, settings, observed_bytes);
    for (const auto i : spilling) nodes[i] = scaled(nodes[i], factor);
    return nodes;
}

}  // namespace pganalytics::parameters
