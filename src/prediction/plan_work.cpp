#include "prediction/plan_work.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace pganalytics::prediction {

namespace {

using plan::Node;
using plan::NodeType;

enum Unit : std::size_t {
    statement,
    nodes,
    sequential_cost,
    sequential_rows,
    index_cost,
    index_probes,
    index_rows,
    bitmap_cost,
    tested_conditions,
    called_functions,
    matched_text,
    searched_documents,
    hash_rows,
    hash_bytes,
    hash_probes,
    hash_join_cost,
    loop_rows,
    loop_cost,
    compared_pairs,
    merge_cost,
    sort_comparisons,
    sort_bytes,
    spilled_bytes,
    hashed_groups,
    aggregate_rows,
    aggregate_cost,
    window_cost,
    subplan_runs,
    other_cost,
    workers,
    gathered_rows,
    written_rows,
    returned_rows,
    returned_bytes,
    jit_functions,
    cold_sequential,
    cold_random,
    cold_files,
    distrusted_rows,
    widest_rows,
    distrusted_cost,
    distrusted_probes,
    index_descents,
    largest_index,
    scanned_cost,
    smallest_hash,
    unit_count
};

// Planner constants that the second column repeats: cpu_tuple_cost 0.01, cpu_index_tuple_cost 0.005, cpu_operator_cost
// 0.0025, parallel_tuple_cost 0.1, parallel_setup_cost 1000.
constexpr std::array<WorkUnit, unit_count> units{{
    {"work_statement", "count", "1: what every statement costs.", 3, 1.5},
    {"work_nodes", "count", "Plan nodes, each of which is started once.", 0.3, 1},
    {"work_sequential_cost", "cost", "Planner's cost of reading whole tables.", 1, 1},
    {"work_sequential_rows", "rows", "Rows that whole-table reads let through.", 0.002, 1},
    {"work_index_cost", "cost", "Planner's cost of index scans.", 0.5, 1},
    {"work_index_probes", "count", "Descents into an index.", 0.1, 1},
    {"work_index_rows", "rows", "Rows found by an index.", 0.02, 1},
    {"work_bitmap_cost", "cost", "Planner's cost of bitmap scans.", 1, 1},
    {"work_tested_conditions", "rows", "Operators of filters, times the rows they are applied to.", 0.0025, 1},
    {"work_called_functions", "rows", "Functions called in filters and keys, likewise.", 0.01, 1},
    {"work_matched_text", "rows", "Patterns matched against text, likewise.", 0.02, 1},
    {"work_searched_documents", "rows", "Operators on documents (JSON) and sets, likewise.", 0.02, 1},
    {"work_hash_rows", "rows", "Rows put into hash tables.", 0.01, 1},
    {"work_hash_bytes", "bytes", "Bytes put into hash tables.", 0.0001, 1},
    {"work_hash_probes", "rows", "Rows looked up in hash tables.", 0.005, 1},
    {"work_hash_join_cost", "cost", "Planner's own cost of hash joins.", 0.5, 1},
    {"work_loop_rows", "rows", "Rows that nested loops give.", 0.005, 1},
    {"work_loop_cost", "cost", "Planner's own cost of nested loops, inner sides apart.", 0.5, 1},
    {"work_compared_pairs", "rows", "Pairs that nested loops compare by a filter.", 0.0025, 1},
    {"work_merge_cost", "cost", "Planner's own cost of merge joins.", 1, 1},
    {"work_sort_comparisons", "rows", "Comparisons of sorts: n log n.", 0.005, 1},
    {"work_sort_bytes", "bytes", "Bytes sorted.", 0.00005, 1},
    {"work_spilled_bytes", "bytes", "Bytes of nodes that need more than work_mem.", 0.0003, 1},
    {"work_hashed_groups", "rows", "Groups of hashed aggregates.", 0.01, 1},
    {"work_aggregate_rows", "rows", "Rows aggregated.", 0.005, 1},
    {"work_aggregate_cost", "cost", "Planner's own cost of aggregates.", 0.5, 1},
    {"work_window_cost", "cost", "Planner's own cost of window functions.", 1, 1},
    {"work_subplan_runs", "count", "Runs of subplans.", 0.02, 1},
    {"work_other_cost", "cost", "Planner's own cost of all other nodes.", 1, 1},
    {"work_workers", "count", "Parallel workers to be started.", 100, 1.5},
    {"work_gathered_rows", "rows", "Rows that workers hand over.", 0.02, 1},
    {"work_written_rows", "rows", "Rows written.", 0.3, 1.5},
    {"work_returned_rows", "rows", "Rows returned.", 0.01, 1},
    {"work_returned_bytes", "bytes", "Bytes returned.", 0.0001, 1},
    {"jit_compiled_functions", "count", "Functions compiled before the first row.", 100, 1.5},
    {"work_cold_sequential_cost", "cost", "Cost of whole-table reads, times the share of blocks not in cache.", 1, 1.5},
    {"work_cold_random_cost", "cost", "Cost of index and bitmap scans, times the share of blocks not in cache.", 1,
     1.5},
    {"work_cold_files", "count", "Tables and indexes whose first blocks must be found, times the same share.", 20, 1.5},
    {"distrusted_rows", "rows", "Rows of the joins if each row found at least one partner.", 0, 0},
    {"widest_rows", "rows", "The most rows on the way, likewise.", 0, 0},
    {"distrusted_cost", "cost", "Planner's cost with these rows.", 0, 0},
    {"distrusted_probes", "count", "Runs of inner sides with these rows.", 0, 0},
    {"index_descents", "cost", "Cost of descending into indexes in all: it grows with their size.", 0, 0},
    {"largest_index", "cost", "Cost of one descent into the largest index.", 0, 0},
    {"scanned_cost", "cost", "Cost of the largest scan that is not repeated.", 0, 0},
    {"smallest_hash_rows", "rows", "Rows of the smallest hash table: of one that is empty the other side is not read.",
     0, 0},
}};

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// What evaluating an expression once takes, by EXPLAIN's rendering of it.
struct Expression {
    double operators = 0, functions = 0, patterns = 0, documents = 0;
};

bool in_a_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '"';
}

void read_expression(std::string_view text, Expression& into) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\'') quoted = !quoted;
        if (quoted) continue;
        const char next = i + 1 < text.size() ? text[i + 1] : ' ';
        const bool begins = i == 0 || text[i - 1] == ' ';
        if (c == '(' && i > 0 && in_a_name(text[i - 1])) into.functions += 1;
        if (!begins || in_a_name(c) || c == '(' || c == ')') continue;
        if (c == '~' || (c == '!' && next == '~')) {
            into.patterns += 1;
        } else if ((c == '-' && next == '>') || c == '@' || (c == '<' && next == '@') || c == '?' || c == '#' ||
                   (c == '&' && next == '&')) {
            into.documents += 1;
        } else if (std::string_view("=<>!+-*/%|").find(c) != std::string_view::npos) {
            into.operators += 1;
        }
    }
}

class Counter {
  public:
    explicit Counter(double work_mem) : work_mem_(work_mem) { values_[smallest_hash] = missing; }

    /// Of one run, if joins lose no row.
    struct Distrusted {
        double rows = 0, cost = 0;
    };

    /// Counts a subtree that runs `runs` times.
    Distrusted count(const Node& node, double runs) {
        values_[nodes] += 1;
        const Shares shares = shares_of(node);
        std::vector<Distrusted> inputs;
        for (std::size_t i = 0; i < node.children.size(); ++i)
            inputs.push_back(count(node.children[i], runs * shares.runs[i]));
        add_own(node, runs, runs * shares.own);
        return distrust(node, inputs, shares, runs);
    }
    [[nodiscard]] std::array<double, unit_count>& values() { return values_; }

  private:
    /// How often each child runs and what is left of the node's cost, for one run of the node.
    struct Shares {
        std::vector<double> runs;
        double own = 0;
    };

    static Shares shares_of(const Node& node) {
        Shares shares{std::vector<double>(node.children.size(), 1.0), node.total_cost.value};
        double once = 0;
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const Node& child = node.children[i];
            const bool repeated = (node.type == NodeType::nested_loop && i == 1) ||
                                  (child.parent_relationship == "SubPlan" && child.total_cost.value > 0);
            if (!repeated) once += child.total_cost.value;
        }
        // A limit, a merge join or a half join may end before its input does.
        const double share = once > node.total_cost.value && once > 0 ? node.total_cost.value / once : 1.0;
        shares.own = std::max(0.0, node.total_cost.value - share * once);
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const Node& child = node.children[i];
            const double cost = child.total_cost.value;
            if (node.type == NodeType::nested_loop && i == 1) {
                const double most = std::max(1.0, node.children[0].plan_rows);
                shares.runs[i] = cost > 0 ? std::min(shares.own / cost, most) : most;
                shares.own = std::max(0.0, shares.own - shares.runs[i] * cost);
            } else if (child.parent_relationship == "SubPlan" && cost > 0) {
                shares.runs[i] = std::max(0.0, shares.own / cost);
                shares.own = 0;
            } else {
                shares.runs[i] = share;
            }
        }
        return shares;
    }

    double rows_in(const Node& node) const {
        return node.children.empty() ? node.plan_rows : node.children.front().plan_rows;
    }

    void add_own(const Node& node, double runs, double own_cost) {
        const double rows = runs * node.plan_rows;
        if (node.subplan_name.starts_with("SubPlan")) values_[subplan_runs] += runs;
        add_expressions(node, runs, own_cost);
        switch (node.type) {
            case NodeType::seq_scan:
            case NodeType::sample_scan:
                values_[cold_files] += 1;
                values_[sequential_cost] += own_cost;
                values_[sequential_rows] += rows;
                values_[scanned_cost] = std::max(values_[scanned_cost], own_cost);
                break;
            case NodeType::index_scan:
            case NodeType::index_only_scan:
                values_[cold_files] += node.type == NodeType::index_scan ? 2 : 1;
                values_[index_cost] += own_cost;
                values_[index_probes] += runs;
                values_[index_rows] += rows;
                values_[index_descents] += runs * node.startup_cost.value;
                values_[largest_index] = std::max(values_[largest_index], node.startup_cost.value);
                if (runs <= 1) values_[scanned_cost] = std::max(values_[scanned_cost], own_cost);
                break;
            case NodeType::bitmap_index_scan:
                values_[index_probes] += runs;
                [[fallthrough]];
            case NodeType::bitmap_heap_scan:
                values_[cold_files] += 1;
                [[fallthrough]];
            case NodeType::bitmap_and:
            case NodeType::bitmap_or:
                values_[bitmap_cost] += own_cost;
                break;
            case NodeType::hash:
                values_[hash_rows] += rows;
                if (!(values_[smallest_hash] <= node.plan_rows)) values_[smallest_hash] = node.plan_rows;
                values_[hash_bytes] += rows * node.plan_width;
                add_memory(runs, node.plan_rows * node.plan_width);
                break;
            case NodeType::hash_join:
                values_[hash_join_cost] += own_cost;
                values_[hash_probes] += runs * rows_in(node);
                break;
            case NodeType::nested_loop:
                values_[loop_cost] += own_cost;
                values_[loop_rows] += rows;
                if (!node.join_filter.empty() && node.children.size() > 1)
                    values_[compared_pairs] += runs * rows_in(node) * node.children[1].plan_rows;
                break;
            case NodeType::merge_join:
                values_[merge_cost] += own_cost;
                break;
            case NodeType::sort:
            case NodeType::incremental_sort: {
                const double input = rows_in(node);
                values_[sort_comparisons] += runs * input * std::log2(input + 2);
                values_[sort_bytes] += runs * input * node.plan_width;
                add_memory(runs, input * node.plan_width);
                break;
            }
            case NodeType::aggregate:
            case NodeType::group:
                values_[aggregate_cost] += own_cost;
                values_[aggregate_rows] += runs * rows_in(node);
                if (node.strategy == "Hashed") {
                    values_[hashed_groups] += rows;
                    add_memory(runs, node.plan_rows * node.plan_width);
                }
                break;
            case NodeType::window_agg:
                values_[window_cost] += own_cost;
                break;
            case NodeType::gather:
            case NodeType::gather_merge:
                values_[workers] += runs * node.workers_planned;
                values_[gathered_rows] += rows;
                break;
            case NodeType::modify_table:
                values_[written_rows] += runs * rows_in(node);
                break;
            default:
                values_[other_cost] += own_cost;
        }
    }

    void add_expressions(const Node& node, double runs, double own_cost) {
        Expression of_filter, of_keys;
        for (const std::string* text : {&node.filter, &node.join_filter, &node.recheck_condition})
            read_expression(*text, of_filter);
        for (const auto* keys : {&node.sort_key, &node.group_key}) {
            for (const auto& key : *keys) read_expression(key, of_keys);
        }
        const double conditions = of_filter.operators + of_filter.functions + of_filter.patterns + of_filter.documents;
        if (conditions > 0) {
            // How many rows a filter is applied to is not printed. A row costs its share of a page, cpu_tuple_cost and
            // its conditions.
            const double row_cost = 0.02 + 0.0025 * conditions;
            const double tested = std::max(runs * node.plan_rows, node.children.empty() ? own_cost / row_cost : 0.0);
            values_[tested_conditions] += tested * of_filter.operators;
            values_[called_functions] += tested * of_filter.functions;
            values_[matched_text] += tested * of_filter.patterns;
            values_[searched_documents] += tested * of_filter.documents;
        }
        values_[called_functions] += runs * rows_in(node) * of_keys.functions;
        values_[searched_documents] += runs * rows_in(node) * of_keys.documents;
    }

    void add_memory(double runs, double bytes) {
        if (bytes > work_mem_) values_[spilled_bytes] += runs * bytes;
    }

    /// Estimates of joins fall below the truth the further the more of them are stacked (Leis et al. 2015): what if no
    /// join lost a row of its outer side?
    Distrusted distrust(const Node& node, const std::vector<Distrusted>& inputs, const Shares& shares, double runs) {
        Distrusted of_node{node.plan_rows, shares.own};
        for (std::size_t i = 0; i < inputs.size(); ++i) of_node.cost += shares.runs[i] * inputs[i].cost;
        const bool joins =
            node.type == NodeType::nested_loop || node.type == NodeType::hash_join || node.type == NodeType::merge_join;
        if (joins && inputs.size() == 2) {
            const auto& [outer, inner] = std::pair(inputs[0], inputs[1]);
            if (node.type == NodeType::nested_loop) {
                of_node.rows = std::max(of_node.rows, outer.rows * std::max(1.0, inner.rows));
                of_node.cost = shares.own + outer.cost + std::max(shares.runs[1], outer.rows) * inner.cost;
                values_[distrusted_probes] += runs * outer.rows;
            } else {
                of_node.rows = std::max(of_node.rows, std::min(outer.rows, inner.rows));
            }
            values_[distrusted_rows] += runs * of_node.rows;
        }
        const bool passes_on = inputs.size() == 1 && node.type != NodeType::aggregate && node.type != NodeType::group &&
                               node.type != NodeType::limit && node.type != NodeType::unique;
        if (passes_on) of_node.rows = std::max(of_node.rows, inputs.front().rows);
        values_[widest_rows] = std::max(values_[widest_rows], runs * of_node.rows);
        return of_node;
    }

    double work_mem_;
    std::array<double, unit_count> values_{};
};

}  // namespace

std::span<const WorkUnit> work_units() {
    return units;
}

std::vector<double> work_of(const plan::Plan& plan, const WorkSetting& setting) {
    Counter counter(setting.work_mem_bytes.value_or(std::numeric_limits<double>::infinity()));
    const double distrusted = counter.count(plan.root, 1).cost;
    auto& values = counter.values();
    values[distrusted_cost] = distrusted;
    values[statement] = 1;
    values[returned_rows] = plan.root.plan_rows;
    values[returned_bytes] = plan.root.plan_rows * plan.root.plan_width;
    values[jit_functions] = plan.jit_functions;
    const double cold = setting.cold_share ? std::clamp(*setting.cold_share, 0.0, 1.0) : missing;
    values[cold_sequential] = cold * values[sequential_cost];
    values[cold_random] = cold * (values[index_cost] + values[bitmap_cost]);
    // The first block of a file waits for the disk however small the table is; nothing of that is in the cost.
    values[cold_files] *= cold;
    if (!setting.work_mem_bytes) values[spilled_bytes] = missing;
    return {values.begin(), values.end()};
}

}  // namespace pganalytics::prediction
