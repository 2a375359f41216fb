#include "plan/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace pganalytics::plan {
namespace {

/// Everything about the tree as a whole that is gathered in one walk.
struct Totals {
    double nodes = 0, depth = 0, leaves = 0, scans = 0, joins = 0, subplans = 0, initplans = 0;
    double filters = 0, index_conditions = 0, join_filters = 0, sort_keys = 0, group_keys = 0;
    double workers = 0, parallel_nodes = 0, disabled = 0;
    double rows = 0, bytes = 0, max_rows = 0, max_bytes = 0, max_self_cost = 0;
    double executed_rows = 0, executed_bytes = 0, max_executions = 1;
    double loop_pairs = 0, max_loop_pairs = 0, unparameterised_inner_scans = 0;
    double sort_bytes = 0, hash_bytes = 0, aggregate_rows = 0, spill_partitions = 0;
    std::set<std::string> relations;
};

struct OperatorTotals {
    double count = 0, self_cost = 0, rows = 0, bytes = 0;
};

constexpr std::size_t operator_count = static_cast<std::size_t>(NodeType::hash) + 1;

struct Gathered {
    Totals totals;
    std::array<OperatorTotals, operator_count> operators;
};

bool is_join(NodeType type) {
    return type == NodeType::nested_loop || type == NodeType::merge_join || type == NodeType::hash_join;
}

bool is_scan(NodeType type) {
    return type >= NodeType::seq_scan && type <= NodeType::custom_scan && type != NodeType::gather &&
           type != NodeType::gather_merge;
}

double count_of(bool condition) {
    return condition ? 1 : 0;
}

/// How often the estimates say a child runs, given how often its parent does. The inner side of a nested loop runs once
/// an outer row, a correlated subplan once a row of its node; what is materialised reads its input once.
double executions_of(const Node& parent, std::size_t index, double parent_executions) {
    const Node& child = parent.children[index];
    if (parent.type == NodeType::materialize || child.parent_relationship == "InitPlan") return 1;
    if (child.parent_relationship == "SubPlan") return parent_executions * std::max(1.0, parent.plan_rows);
    if (parent.type == NodeType::nested_loop && child.parent_relationship == "Inner") {
        return parent_executions * std::max(1.0, parent.children.front().plan_rows);
    }
    return parent_executions;
}

void gather_loop(const Node& node, Totals& totals) {
    if (node.type != NodeType::nested_loop || node.children.size() < 2) return;
    const Node& inner = node.children[1];
    const double pairs = node.children[0].plan_rows * inner.plan_rows;
    totals.loop_pairs += pairs;
    totals.max_loop_pairs = std::max(totals.max_loop_pairs, pairs);
    totals.unparameterised_inner_scans +=
        count_of(inner.type == NodeType::seq_scan || inner.type == NodeType::materialize);
}

void gather_memory(const Node& node, double bytes, Totals& totals) {
    if (node.type == NodeType::sort || node.type == NodeType::incremental_sort) {
        totals.sort_bytes = std::max(totals.sort_bytes, bytes);
    }
    if (node.type == NodeType::hash) totals.hash_bytes = std::max(totals.hash_bytes, bytes);
    if (node.type == NodeType::aggregate && !node.children.empty()) {
        totals.aggregate_rows = std::max(totals.aggregate_rows, node.children.front().plan_rows);
    }
    totals.spill_partitions += static_cast<double>(node.planned_partitions.value_or(0));
}

void gather_node(const Node& node, double depth, double executions, Gathered& gathered) {
    Totals& totals = gathered.totals;
    const double bytes = node.plan_rows * node.plan_width;
    const double self_cost = node.self_cost().value;
    totals.nodes += 1;
    totals.depth = std::max(totals.depth, depth);
    totals.leaves += count_of(node.children.empty());
    totals.scans += count_of(is_scan(node.type));
    totals.joins += count_of(is_join(node.type));
    totals.subplans += count_of(node.parent_relationship == "SubPlan");
    totals.initplans += count_of(node.parent_relationship == "InitPlan");
    totals.filters += count_of(!node.filter.empty());
    totals.index_conditions += count_of(!node.index_condition.empty());
    totals.join_filters += count_of(!node.join_filter.empty());
    totals.sort_keys += static_cast<double>(node.sort_key.size());
    totals.group_keys += static_cast<double>(node.group_key.size());
    totals.workers = std::max(totals.workers, static_cast<double>(node.workers_planned));
    totals.parallel_nodes += count_of(node.parallel_aware);
    totals.disabled += count_of(node.disabled);
    totals.rows += node.plan_rows;
    totals.bytes += bytes;
    totals.max_rows = std::max(totals.max_rows, node.plan_rows);
    totals.max_bytes = std::max(totals.max_bytes, bytes);
    totals.max_self_cost = std::max(totals.max_self_cost, self_cost);
    totals.executed_rows += node.plan_rows * executions;
    totals.executed_bytes += bytes * executions;
    totals.max_executions = std::max(totals.max_executions, executions);
    if (!node.relation.empty()) totals.relations.insert(node.schema + '.' + node.relation);
    gather_loop(node, totals);
    gather_memory(node, bytes, totals);
    OperatorTotals& own = gathered.operators[static_cast<std::size_t>(node.type)];
    own.count += 1;
    own.self_cost += self_cost;
    own.rows += node.plan_rows;
    own.bytes += bytes;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
        gather_node(node.children[i], depth + 1, executions_of(node, i, executions), gathered);
    }
}

/// A feature of the whole plan: its words and its number in one place.
struct GlobalFeature {
    std::string_view name, unit, meaning;
    double (*value)(const Plan&, const Totals&);
};

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

constexpr auto global_features = std::to_array<GlobalFeature>({
    {"root_total_cost", "cost", "Planner's cost of the whole plan.",
     [](const Plan& plan, const Totals&) { return plan.root.total_cost.value; }},
    {"root_startup_cost", "cost", "Planner's cost before the first row.",
     [](const Plan& plan, const Totals&) { return plan.root.startup_cost.value; }},
    {"root_rows", "rows", "Rows estimated to be returned.",
     [](const Plan& plan, const Totals&) { return plan.root.plan_rows; }},
    {"root_width", "bytes", "Width of a returned row.",
     [](const Plan& plan, const Totals&) { return plan.root.plan_width; }},
    {"node_count", "count", "Plan nodes.", [](const Plan&, const Totals& t) { return t.nodes; }},
    {"depth", "count", "Levels of the plan tree.", [](const Plan&, const Totals& t) { return t.depth; }},
    {"leaf_count", "count", "Nodes without input.", [](const Plan&, const Totals& t) { return t.leaves; }},
    {"scan_count", "count", "Scans.", [](const Plan&, const Totals& t) { return t.scans; }},
    {"join_count", "count", "Joins.", [](const Plan&, const Totals& t) { return t.joins; }},
    {"subplan_count", "count", "Subplans that may run once a row.",
     [](const Plan&, const Totals& t) { return t.subplans; }},
    {"initplan_count", "count", "Subplans that run once.", [](const Plan&, const Totals& t) { return t.initplans; }},
    {"relation_count", "count", "Different relations read or written.",
     [](const Plan&, const Totals& t) { return static_cast<double>(t.relations.size()); }},
    {"filter_count", "count", "Nodes that filter rows.", [](const Plan&, const Totals& t) { return t.filters; }},
    {"index_condition_count", "count", "Scans bounded by an index condition.",
     [](const Plan&, const Totals& t) { return t.index_conditions; }},
    {"join_filter_count", "count", "Joins with a condition that is no join key.",
     [](const Plan&, const Totals& t) { return t.join_filters; }},
    {"sort_key_count", "count", "Sort keys in all.", [](const Plan&, const Totals& t) { return t.sort_keys; }},
    {"group_key_count", "count", "Grouping keys in all.", [](const Plan&, const Totals& t) { return t.group_keys; }},
    {"workers_planned", "count", "Parallel workers, the most of any node.",
     [](const Plan&, const Totals& t) { return t.workers; }},
    {"parallel_node_count", "count", "Nodes that workers share.",
     [](const Plan&, const Totals& t) { return t.parallel_nodes; }},
    {"disabled_node_count", "count", "Nodes of a kind that settings disable (from 18).",
     [](const Plan&, const Totals& t) { return t.disabled; }},
    {"jit", "share", "1 where expressions would be compiled.",
     [](const Plan& plan, const Totals&) { return plan.jit ? 1.0 : 0.0; }},
    {"jit_functions", "count", "Functions that would be compiled.",
     [](const Plan& plan, const Totals&) { return static_cast<double>(plan.jit_functions); }},
    {"node_rows", "rows", "Rows of all nodes.", [](const Plan&, const Totals& t) { return t.rows; }},
    {"node_bytes", "bytes", "Rows times width of all nodes.", [](const Plan&, const Totals& t) { return t.bytes; }},
    {"max_node_rows", "rows", "Rows of the largest node.", [](const Plan&, const Totals& t) { return t.max_rows; }},
    {"max_node_bytes", "bytes", "Bytes of the largest node.", [](const Plan&, const Totals& t) { return t.max_bytes; }},
    {"max_self_cost", "cost", "Own cost of the most expensive node.",
     [](const Plan&, const Totals& t) { return t.max_self_cost; }},
    {"max_self_cost_share", "share", "Its share of the whole cost.",
     [](const Plan& plan,
        const Totals&
            t) { return plan.root.total_cost.value > 0 ? t.max_self_cost / plan.root.total_cost.value : missing; }},
    {"executed_rows", "rows", "Rows of all nodes times how often each runs.",
     [](const Plan&, const Totals& t) { return t.executed_rows; }},
    {"executed_bytes", "bytes", "The same in bytes.", [](const Plan&, const Totals& t) { return t.executed_bytes; }},
    {"max_executions", "count", "How often the most repeated node runs.",
     [](const Plan&, const Totals& t) { return t.max_executions; }},
    {"nested_loop_pairs", "rows", "Outer times inner rows of the nested loops.",
     [](const Plan&, const Totals& t) { return t.loop_pairs; }},
    {"max_nested_loop_pairs", "rows", "The same of the largest nested loop.",
     [](const Plan&, const Totals& t) { return t.max_loop_pairs; }},
    {"rescanned_inner_count", "count", "Nested loops whose inner side is a whole table or materialised.",
     [](const Plan&, const Totals& t) { return t.unparameterised_inner_scans; }},
    {"max_sort_bytes", "bytes", "Input of the largest sort.",
     [](const Plan&, const Totals& t) { return t.sort_bytes; }},
    {"max_hash_bytes", "bytes", "Input of the largest hash table of a join.",
     [](const Plan&, const Totals& t) { return t.hash_bytes; }},
    {"max_aggregate_input_rows", "rows", "Input of the largest aggregate.",
     [](const Plan&, const Totals& t) { return t.aggregate_rows; }},
    {"planned_partitions", "count", "Partitions that hash aggregates plan to spill to.",
     [](const Plan&, const Totals& t) { return t.spill_partitions; }},
});

/// "Bitmap Heap Scan" → "bitmap_heap_scan"
std::string snake_case(std::string_view name) {
    std::string result;
    for (const char c : name) {
        const bool upper = c >= 'A' && c <= 'Z';
        result += c == ' ' ? '_' : upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return result;
}

std::vector<FeatureDefinition> make_definitions() {
    std::vector<FeatureDefinition> definitions;
    for (const GlobalFeature& feature : global_features) {
        definitions.push_back({std::string(feature.name), std::string(feature.unit), std::string(feature.meaning)});
    }
    for (std::size_t i = 0; i < operator_count; ++i) {
        const std::string_view name = to_string(static_cast<NodeType>(i));
        const std::string stem = snake_case(name);
        definitions.push_back({stem + "_count", "count", fmt::format("{} nodes.", name)});
        definitions.push_back({stem + "_self_cost", "cost", fmt::format("Own cost of the {} nodes.", name)});
        definitions.push_back({stem + "_rows", "rows", fmt::format("Rows of the {} nodes.", name)});
        definitions.push_back({stem + "_bytes", "bytes", fmt::format("Bytes of the {} nodes.", name)});
    }
    return definitions;
}

}  // namespace

std::span<const FeatureDefinition> feature_definitions() {
    static const std::vector<FeatureDefinition> definitions = make_definitions();
    return definitions;
}

std::vector<double> features(const Plan& plan) {
    Gathered gathered;
    gather_node(plan.root, 1, 1, gathered);
    std::vector<double> values;
    values.reserve(global_features.size() + 4 * operator_count);
    for (const GlobalFeature& feature : global_features) values.push_back(feature.value(plan, gathered.totals));
    for (const OperatorTotals& own : gathered.operators) {
        values.insert(values.end(), {own.count, own.self_cost, own.rows, own.bytes});
    }
    return values;
}

}  // namespace pganalytics::plan
