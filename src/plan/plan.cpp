#include "plan/plan.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/hash.hpp"
#include "plan/describe.hpp"

namespace pganalytics::plan {
namespace {

// Fields outside the typed ones that the planner alone decides. A list of what may stay, so that a field of a newer
// version that nobody here knows can never bring a measurement into a plan that must have none.
constexpr auto planner_fields = std::to_array<std::string_view>({"Conflict Arbiter Indexes",
                                                                 "Conflict Filter",
                                                                 "Conflict Resolution",
                                                                 "Custom Plan Provider",
                                                                 "Function Call",
                                                                 "Grouping Sets",
                                                                 "Order By",
                                                                 "Params Evaluated",
                                                                 "Relations",
                                                                 "Remote SQL",
                                                                 "Repeatable Seed",
                                                                 "Run Condition",
                                                                 "Sampling Method",
                                                                 "Sampling Parameters",
                                                                 "Single Copy",
                                                                 "Subplans Removed",
                                                                 "Table Function Call",
                                                                 "Table Function Name",
                                                                 "Target Tables",
                                                                 "Tuplestore Name",
                                                                 "Window"});

void drop_actuals(Node& node) {
    node.workers_launched.reset();
    node.actuals.reset();
    node.buffers.reset();
    node.rows_removed_by_filter.reset();
    node.rows_removed_by_index_recheck.reset();
    node.rows_removed_by_join_filter.reset();
    node.heap_fetches.reset();
    node.sort_method.clear();
    node.sort_space_type.clear();
    node.sort_space_kb.reset();
    node.hash_buckets.reset();
    node.hash_batches.reset();
    node.original_hash_batches.reset();
    node.peak_memory_kb.reset();
    node.hash_agg_batches.reset();
    node.disk_usage_kb.reset();
    std::erase_if(node.other, [](const auto& field) {
        return std::ranges::find(planner_fields, field.first) == planner_fields.end();
    });
    for (Node& child : node.children) drop_actuals(child);
}

void add_shape(base::StableHash& hash, const Node& node) {
    for (const std::string* part :
         {&node.type_name, &node.parent_relationship, &node.strategy, &node.partial_mode, &node.operation,
          &node.command, &node.join_type, &node.relation, &node.cte_name, &node.function_name, &node.scan_direction}) {
        hash.add(std::uint64_t{part->size()});
        hash.add(*part);
    }
    const std::string index = plain_index_name(node.index_name);
    hash.add(std::uint64_t{index.size()});
    hash.add(index);
    hash.add(std::uint64_t{node.parallel_aware});
    hash.add(std::uint64_t{node.children.size()});
}

}  // namespace

base::Cost Node::self_cost() const {
    double own = total_cost.value;
    for (const Node& child : children) own -= child.total_cost.value;
    return {std::max(0.0, own)};
}

Plan without_actuals(const Plan& plan) {
    Plan copy = plan;
    copy.planning_time_ms.reset();
    copy.execution_time_ms.reset();
    copy.planning_memory_kb.reset();
    drop_actuals(copy.root);
    return copy;
}

std::int64_t shape_hash(const Plan& plan) {
    base::StableHash hash;
    for_each_node(plan.root, [&](const Node& node, int) { add_shape(hash, node); });
    return hash.positive_digest();
}

}  // namespace pganalytics::plan
