#pragma once
// EXPLAIN's JSON of PostgreSQL 13 to 18 as a typed tree. Unknown node types and fields are kept, never dropped.
// Works on plans with and without "Actual …" (EXPLAIN ANALYZE); whoever must not see actuals calls `without_actuals`.

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

namespace pganalytics::plan {

enum class NodeType {
    unknown,
    result,
    project_set,
    modify_table,
    append,
    merge_append,
    recursive_union,
    bitmap_and,
    bitmap_or,
    nested_loop,
    merge_join,
    hash_join,
    seq_scan,
    sample_scan,
    gather,
    gather_merge,
    index_scan,
    index_only_scan,
    bitmap_index_scan,
    bitmap_heap_scan,
    tid_scan,
    tid_range_scan,
    subquery_scan,
    function_scan,
    table_function_scan,
    values_scan,
    cte_scan,
    named_tuplestore_scan,
    work_table_scan,
    foreign_scan,
    custom_scan,
    materialize,
    memoize,
    sort,
    incremental_sort,
    group,
    aggregate,
    window_agg,
    unique,
    set_op,
    lock_rows,
    limit,
    hash
};

/// What EXPLAIN ANALYZE adds. Per loop, as PostgreSQL prints it.
struct Actuals {
    double startup_time_ms = 0;
    double total_time_ms = 0;
    double rows = 0;  ///< fractional on 18
    double loops = 0;
};

struct Buffers {
    std::int64_t shared_hit = 0, shared_read = 0, shared_dirtied = 0, shared_written = 0;
    std::int64_t local_hit = 0, local_read = 0, temp_read = 0, temp_written = 0;
};

struct Node {
    NodeType type = NodeType::unknown;
    std::string type_name;            ///< "Node Type" as printed
    std::string parent_relationship;  ///< Outer, Inner, Member, InitPlan, SubPlan, Subquery, ""
    std::string subplan_name;         ///< "CTE x", "InitPlan 1 (returns $0)"
    std::string strategy;             ///< Plain, Sorted, Hashed, Mixed
    std::string partial_mode;         ///< Simple, Partial, Finalize
    std::string operation;            ///< Insert, Update, Delete, Merge
    std::string command;              ///< of SetOp: Except, Intersect All, …
    std::string join_type;            ///< Inner, Left, Full, Right, Semi, Anti, …
    bool inner_unique = false;
    bool parallel_aware = false;
    bool async_capable = false;
    bool disabled = false;  ///< 18

    std::string schema, relation, alias, index_name, cte_name, function_name;
    std::string scan_direction;  ///< Forward, Backward, NoMovement

    base::Cost startup_cost, total_cost;
    double plan_rows = 0;
    double plan_width = 0;  ///< bytes

    std::string filter, index_condition, recheck_condition, hash_condition, merge_condition, join_filter,
        one_time_filter, tid_condition;
    std::vector<std::string> sort_key, presorted_key, group_key, output, hash_key, cache_key;
    std::string cache_mode;

    int workers_planned = 0;
    std::optional<int> workers_launched;

    std::optional<Actuals> actuals;
    std::optional<Buffers> buffers;
    std::optional<double> rows_removed_by_filter, rows_removed_by_index_recheck, rows_removed_by_join_filter;
    std::optional<double> heap_fetches;
    std::string sort_method, sort_space_type;  ///< "external merge", "Disk"
    std::optional<std::int64_t> sort_space_kb;
    std::optional<std::int64_t> hash_buckets, hash_batches, original_hash_batches, peak_memory_kb;
    std::optional<std::int64_t> hash_agg_batches, planned_partitions, disk_usage_kb;
    std::map<std::string, std::string> other;  ///< every field not named above, as JSON text

    std::vector<Node> children;

    /// Cost of this node without its children's (never negative; InitPlans and CTEs counted where EXPLAIN puts them).
    [[nodiscard]] base::Cost self_cost() const;
};

struct Plan {
    Node root;
    std::map<std::string, std::string> settings;  ///< EXPLAIN (SETTINGS)
    std::optional<double> planning_time_ms, execution_time_ms;
    std::optional<std::int64_t> planning_memory_kb;  ///< 17
    bool jit = false;
    int jit_functions = 0;
    std::optional<std::int64_t> query_identifier;

    [[nodiscard]] base::Cost total_cost() const { return root.total_cost; }
};

/// From the text that EXPLAIN (FORMAT JSON) prints: an array of one object with "Plan", the object itself, or the bare
/// node. fix_input where it is none of these; too_large over `max_nodes` nodes or nesting of `max_depth`.
[[nodiscard]] base::Result<Plan> parse_explain_json(std::string_view text, int max_nodes = 20000, int max_depth = 2000);
[[nodiscard]] base::Result<Plan> from_json(const nlohmann::json& explain, int max_nodes = 20000, int max_depth = 2000);

/// A copy without anything that only execution can know.
[[nodiscard]] Plan without_actuals(const Plan& plan);

/// Pre-order visit; `visit(node, depth)`.
template <typename Visit>
void for_each_node(const Node& node, Visit&& visit, int depth = 0) {
    visit(node, depth);
    for (const auto& child : node.children) for_each_node(child, visit, depth + 1);
}

/// 63-bit hash of the plan's shape: operators, relations, indexes, join types, order of children; costs, rows,
/// literals and hypothetical index oids left out. Equal shape means "the same plan" in history.
[[nodiscard]] std::int64_t shape_hash(const Plan& plan);

[[nodiscard]] NodeType parse_node_type(std::string_view name);
[[nodiscard]] std::string_view to_string(NodeType type);

}  // namespace pganalytics::plan
