#include <algorithm>
#include <array>
#include <utility>

#include "plan/plan.hpp"

namespace pganalytics::plan {
namespace {

// In the order of the enumeration; EXPLAIN's structured formats print these for "Node Type" (explain.c, 13 to 18).
constexpr auto names = std::to_array<std::pair<NodeType, std::string_view>>({
    {NodeType::unknown, "Unknown"},
    {NodeType::result, "Result"},
    {NodeType::project_set, "ProjectSet"},
    {NodeType::modify_table, "ModifyTable"},
    {NodeType::append, "Append"},
    {NodeType::merge_append, "Merge Append"},
    {NodeType::recursive_union, "Recursive Union"},
    {NodeType::bitmap_and, "BitmapAnd"},
    {NodeType::bitmap_or, "BitmapOr"},
    {NodeType::nested_loop, "Nested Loop"},
    {NodeType::merge_join, "Merge Join"},
    {NodeType::hash_join, "Hash Join"},
    {NodeType::seq_scan, "Seq Scan"},
    {NodeType::sample_scan, "Sample Scan"},
    {NodeType::gather, "Gather"},
    {NodeType::gather_merge, "Gather Merge"},
    {NodeType::index_scan, "Index Scan"},
    {NodeType::index_only_scan, "Index Only Scan"},
    {NodeType::bitmap_index_scan, "Bitmap Index Scan"},
    {NodeType::bitmap_heap_scan, "Bitmap Heap Scan"},
    {NodeType::tid_scan, "Tid Scan"},
    {NodeType::tid_range_scan, "Tid Range Scan"},
    {NodeType::subquery_scan, "Subquery Scan"},
    {NodeType::function_scan, "Function Scan"},
    {NodeType::table_function_scan, "Table Function Scan"},
    {NodeType::values_scan, "Values Scan"},
    {NodeType::cte_scan, "CTE Scan"},
    {NodeType::named_tuplestore_scan, "Named Tuplestore Scan"},
    {NodeType::work_table_scan, "WorkTable Scan"},
    {NodeType::foreign_scan, "Foreign Scan"},
    {NodeType::custom_scan, "Custom Scan"},
    {NodeType::materialize, "Materialize"},
    {NodeType::memoize, "Memoize"},
    {NodeType::sort, "Sort"},
    {NodeType::incremental_sort, "Incremental Sort"},
    {NodeType::group, "Group"},
    {NodeType::aggregate, "Aggregate"},
    {NodeType::window_agg, "WindowAgg"},
    {NodeType::unique, "Unique"},
    {NodeType::set_op, "SetOp"},
    {NodeType::lock_rows, "LockRows"},
    {NodeType::limit, "Limit"},
    {NodeType::hash, "Hash"},
});

constexpr bool in_enumeration_order() {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (static_cast<std::size_t>(names[i].first) != i) return false;
    }
    return true;
}
static_assert(in_enumeration_order() && names.back().first == NodeType::hash);

}  // namespace

NodeType parse_node_type(std::string_view name) {
    const auto found = std::ranges::find(names, name, [](const auto& row) { return row.second; });
    return found == names.end() ? NodeType::unknown : found->first;
}

std::string_view to_string(NodeType type) {
    return names.at(static_cast<std::size_t>(type)).second;
}

}  // namespace pganalytics::plan
