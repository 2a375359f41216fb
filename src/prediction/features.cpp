#include "prediction/features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "base/hash.hpp"
#include "plan/features.hpp"
#include "prediction/plan_work.hpp"

namespace pganalytics::prediction {

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// What the named features need of the plan beside plan::features.
struct PlanSummary {
    bool seq_scan = false, nested_loop = false;
    int subquery_depth = 0;
    double spilling_nodes = 0;
    double scan_rows = 0, scan_width_rows = 0;
    double one_row_joins = 0, smallest_join_rows = std::numeric_limits<double>::infinity(), joins_on_a_path = 0,
           loops_on_a_path = 0;
    double join_log_rows = 0, joins = 0;
    double lookups = 0;
};

bool is_join(plan::NodeType type) {
    return type == plan::NodeType::nested_loop || type == plan::NodeType::hash_join ||
           type == plan::NodeType::merge_join;
}

/// Where estimates of joins have compounded: errors grow with each join and mostly towards too few rows (Leis et al.
/// 2015), so a join of "one row" in the middle of a plan is a warning, not a promise.
void gather_joins(const plan::Node& node, double joins_above, double loops_above, PlanSummary& summary) {
    if (is_join(node.type)) {
        joins_above += 1;
        loops_above += node.type == plan::NodeType::nested_loop ? 1 : 0;
        summary.joins += 1;
        summary.join_log_rows += std::log1p(node.plan_rows);
        summary.one_row_joins += node.plan_rows <= 1 ? 1 : 0;
        summary.smallest_join_rows = std::min(summary.smallest_join_rows, node.plan_rows);
        if (node.type == plan::NodeType::nested_loop && node.children.size() == 2)
            summary.lookups += std::max(1.0, node.children.front().plan_rows);
    }
    summary.joins_on_a_path = std::max(summary.joins_on_a_path, joins_above);
    summary.loops_on_a_path = std::max(summary.loops_on_a_path, loops_above);
    for (const auto& child : node.children) gather_joins(child, joins_above, loops_above, summary);
}

/// Bytes that a node keeps in memory if the estimates hold; 0 for nodes that keep none.
double memory_need(const plan::Node& node) {
    const bool keeps = node.type == plan::NodeType::sort || node.type == plan::NodeType::hash ||
                       (node.type == plan::NodeType::aggregate && node.strategy == "Hashed");
    return keeps ? node.plan_rows * node.plan_width : 0;
}

void summarise(const plan::Node& node, int depth, double work_mem, PlanSummary& summary) {
    const bool subquery = !node.subplan_name.empty() || node.type == plan::NodeType::subquery_scan;
    if (subquery) ++depth;
    summary.subquery_depth = std::max(summary.subquery_depth, depth);
    summary.seq_scan = summary.seq_scan || node.type == plan::NodeType::seq_scan;
    summary.nested_loop = summary.nested_loop || node.type == plan::NodeType::nested_loop;
    if (memory_need(node) > work_mem) summary.spilling_nodes += 1;
    if (node.children.empty()) {
        summary.scan_rows += node.plan_rows;
        summary.scan_width_rows += node.plan_rows * node.plan_width;
    }
    for (const auto& child : node.children) summarise(child, depth, work_mem, summary);
}

struct Input {
    const PlanSummary& plan;
    const Observation& seen;
};

struct OwnFeature {
    std::string_view name, unit, meaning;
    double (*value)(const Input&);
};

constexpr auto own_features = std::to_array<OwnFeature>({
    // The contract names these twelve and their order.
    {"query_calls_per_hour", "calls", "How often the statement runs.",
     [](const Input& i) { return i.seen.query_calls_per_hour.value_or(missing); }},
    {"mean_table_size_mb", "mb", "Mean size of the tables it touches.",
     [](const Input& i) { return i.seen.mean_table_size_mb.value_or(missing); }},
    {"index_count", "count", "Indexes of the tables it touches.",
     [](const Input& i) { return i.seen.index_count.value_or(missing); }},
    {"has_seq_scan", "share", "1 where its plan reads a whole table.",
     [](const Input& i) { return i.plan.seq_scan ? 1.0 : 0.0; }},
    {"has_nested_loop", "share", "1 where its plan has a nested loop.",
     [](const Input& i) { return i.plan.nested_loop ? 1.0 : 0.0; }},
    {"subquery_depth", "count", "Subqueries within subqueries in its plan.",
     [](const Input& i) { return static_cast<double>(i.plan.subquery_depth); }},
    {"concurrent_queries_avg", "count", "Statements running at the same time.",
     [](const Input& i) { return i.seen.concurrent_queries_avg.value_or(missing); }},
    {"available_memory_pct", "percent", "Memory available on the server.",
     [](const Input& i) { return i.seen.available_memory_pct.value_or(missing); }},
    {"std_dev_calls", "calls", "Standard deviation of its calls an hour.",
     [](const Input& i) { return i.seen.std_dev_calls.value_or(missing); }},
    {"peak_hour_calls", "calls", "Its calls in its busiest hour.",
     [](const Input& i) { return i.seen.peak_hour_calls.value_or(missing); }},
    {"table_row_count", "rows", "Rows of the tables it touches.",
     [](const Input& i) { return i.seen.table_row_count.value_or(missing); }},
    {"avg_row_width_bytes", "bytes", "Mean width of the rows it reads.",
     [](const Input& i) { return i.plan.scan_rows > 0 ? i.plan.scan_width_rows / i.plan.scan_rows : missing; }},
    {"work_mem_bytes", "bytes", "Memory a node may use before it spills.",
     [](const Input& i) { return i.seen.work_mem_bytes.value_or(missing); }},
    {"spilling_nodes", "count", "Nodes whose estimated need is over work_mem.",
     [](const Input& i) { return i.seen.work_mem_bytes ? i.plan.spilling_nodes : missing; }},
    {"cache_hit_ratio", "share", "Share of its blocks found in cache lately: 0 cold, 1 warm.",
     [](const Input& i) { return i.seen.cache_hit_ratio.value_or(missing); }},
    {"cold_cache", "share", "1 where nothing is in cache, 0 where all is.",
     [](const Input& i) { return i.seen.cold_cache.value_or(missing); }},
    {"temp_blocks_per_call", "count", "Temporary blocks it wrote a call lately.",
     [](const Input& i) { return i.seen.temp_blocks_per_call.value_or(missing); }},
    {"rows_per_call", "rows", "Rows it gave a call lately.",
     [](const Input& i) { return i.seen.rows_per_call.value_or(missing); }},
    {"one_row_join_count", "count", "Joins estimated to give one row at most.",
     [](const Input& i) { return i.plan.one_row_joins; }},
    {"smallest_join_rows", "rows", "Rows of the join with the fewest.",
     [](const Input& i) { return i.plan.joins > 0 ? i.plan.smallest_join_rows : missing; }},
    {"typical_join_rows", "rows", "Geometric mean of the joins' rows.",
     [](const Input& i) { return i.plan.joins > 0 ? std::expm1(i.plan.join_log_rows / i.plan.joins) : missing; }},
    {"joins_on_a_path", "count", "Joins one above the other, at most.",
     [](const Input& i) { return i.plan.joins_on_a_path; }},
    {"nested_loops_on_a_path", "count", "Nested loops one above the other, at most.",
     [](const Input& i) { return i.plan.loops_on_a_path; }},
    {"loop_lookups", "rows", "Rows that nested loops look up, as estimated.",
     [](const Input& i) { return i.plan.lookups; }},
});

std::vector<Feature> make_definitions() {
    std::vector<Feature> list;
    for (const auto& own : own_features)
        list.push_back({std::string(own.name), std::string(own.unit), std::string(own.meaning)});
    for (const auto& unit : work_units())
        list.push_back({std::string(unit.name), std::string(unit.unit), std::string(unit.meaning)});
    for (const auto& of_plan : plan::feature_definitions())
        list.push_back({of_plan.name, of_plan.unit, of_plan.meaning});
    return list;
}

}  // namespace

std::span<const Feature> feature_definitions() {
    static const std::vector<Feature> list = make_definitions();
    return list;
}

std::int64_t feature_version() {
    base::StableHash hash;
    for (const auto& feature : feature_definitions()) {
        hash.add(feature.name);
        hash.add(feature.unit);
        hash.add(feature.meaning);
    }
    return hash.positive_digest();
}

std::optional<std::size_t> find_feature(std::string_view name) {
    const auto list = feature_definitions();
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Feature& feature) { return feature.name == name; });
    if (found == list.end()) return std::nullopt;
    return static_cast<std::size_t>(found - list.begin());
}

std::size_t total_cost_feature() {
    static const std::size_t position = [] {
        const auto found = find_feature("root_total_cost");
        base::check(found.has_value(), "the plan features hold root_total_cost");
        return *found;
    }();
    return position;
}

FeatureVector make_features(const plan::Plan& plan, const Observation& observation) {
    PlanSummary summary;
    summarise(plan.root, 0, observation.work_mem_bytes.value_or(std::numeric_limits<double>::infinity()), summary);
    gather_joins(plan.root, 0, 0, summary);
    const Input input{summary, observation};
    FeatureVector values;
    values.reserve(feature_definitions().size());
    for (const auto& own : own_features) values.push_back(own.value(input));
    WorkSetting setting{observation.work_mem_bytes, observation.cold_cache};
    if (!setting.cold_share && observation.cache_hit_ratio) setting.cold_share = 1 - *observation.cache_hit_ratio;
    const auto work = work_of(plan, setting);
    values.insert(values.end(), work.begin(), work.end());
    const auto of_plan = plan::features(plan);
    values.insert(values.end(), of_plan.begin(), of_plan.end());
    return values;
}

}  // namespace pganalytics::prediction
