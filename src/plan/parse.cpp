#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "plan/plan.hpp"

namespace pganalytics::plan {
namespace {

using nlohmann::json;

/// Where a field of EXPLAIN goes.
using NodeMember =
    std::variant<std::string Node::*, bool Node::*, double Node::*, int Node::*, base::Cost Node::*,
                 std::vector<std::string> Node::*, std::optional<int> Node::*, std::optional<double> Node::*,
                 std::optional<std::int64_t> Node::*, double Actuals::*, std::int64_t Buffers::*>;

struct Field {
    std::string_view name;
    NodeMember member;
};

// By name, for binary search.
constexpr auto fields = std::to_array<Field>({
    {"Actual Loops", &Actuals::loops},
    {"Actual Rows", &Actuals::rows},
    {"Actual Startup Time", &Actuals::startup_time_ms},
    {"Actual Total Time", &Actuals::total_time_ms},
    {"Alias", &Node::alias},
    {"Async Capable", &Node::async_capable},
    {"CTE Name", &Node::cte_name},
    {"Cache Key", &Node::cache_key},
    {"Cache Mode", &Node::cache_mode},
    {"Command", &Node::command},
    {"Disabled", &Node::disabled},
    {"Disk Usage", &Node::disk_usage_kb},
    {"Filter", &Node::filter},
    {"Function Name", &Node::function_name},
    {"Group Key", &Node::group_key},
    {"Hash Batches", &Node::hash_batches},
    {"Hash Buckets", &Node::hash_buckets},
    {"Hash Cond", &Node::hash_condition},
    {"Hash Key", &Node::hash_key},
    {"HashAgg Batches", &Node::hash_agg_batches},
    {"Heap Fetches", &Node::heap_fetches},
    {"Index Cond", &Node::index_condition},
    {"Index Name", &Node::index_name},
    {"Inner Unique", &Node::inner_unique},
    {"Join Filter", &Node::join_filter},
    {"Join Type", &Node::join_type},
    {"Local Hit Blocks", &Buffers::local_hit},
    {"Local Read Blocks", &Buffers::local_read},
    {"Merge Cond", &Node::merge_condition},
    {"One-Time Filter", &Node::one_time_filter},
    {"Operation", &Node::operation},
    {"Original Hash Batches", &Node::original_hash_batches},
    {"Output", &Node::output},
    {"Parallel Aware", &Node::parallel_aware},
    {"Parent Relationship", &Node::parent_relationship},
    {"Partial Mode", &Node::partial_mode},
    {"Peak Memory Usage", &Node::peak_memory_kb},
    {"Plan Rows", &Node::plan_rows},
    {"Plan Width", &Node::plan_width},
    {"Planned Partitions", &Node::planned_partitions},
    {"Presorted Key", &Node::presorted_key},
    {"Recheck Cond", &Node::recheck_condition},
    {"Relation Name", &Node::relation},
    {"Rows Removed by Filter", &Node::rows_removed_by_filter},
    {"Rows Removed by Index Recheck", &Node::rows_removed_by_index_recheck},
    {"Rows Removed by Join Filter", &Node::rows_removed_by_join_filter},
    {"Scan Direction", &Node::scan_direction},
    {"Schema", &Node::schema},
    {"Shared Dirtied Blocks", &Buffers::shared_dirtied},
    {"Shared Hit Blocks", &Buffers::shared_hit},
    {"Shared Read Blocks", &Buffers::shared_read},
    {"Shared Written Blocks", &Buffers::shared_written},
    {"Sort Key", &Node::sort_key},
    {"Sort Method", &Node::sort_method},
    {"Sort Space Type", &Node::sort_space_type},
    {"Sort Space Used", &Node::sort_space_kb},
    {"Startup Cost", &Node::startup_cost},
    {"Strategy", &Node::strategy},
    {"Subplan Name", &Node::subplan_name},
    {"TID Cond", &Node::tid_condition},
    {"Temp Read Blocks", &Buffers::temp_read},
    {"Temp Written Blocks", &Buffers::temp_written},
    {"Total Cost", &Node::total_cost},
    {"Workers Launched", &Node::workers_launched},
    {"Workers Planned", &Node::workers_planned},
});
static_assert(std::ranges::is_sorted(fields, {}, &Field::name));

bool assign(std::string& target, const json& value) {
    if (!value.is_string()) return false;
    target = value.get_ref<const std::string&>();
    return true;
}

bool assign(bool& target, const json& value) {
    if (!value.is_boolean()) return false;
    target = value.get<bool>();
    return true;
}

bool assign(double& target, const json& value) {
    if (!value.is_number()) return false;
    target = value.get<double>();
    return true;
}

bool assign(std::int64_t& target, const json& value) {
    if (!value.is_number()) return false;
    // A hostile 1e300 must not become undefined behaviour in the conversion.
    target = value.is_number_integer() ? value.get<std::int64_t>()
                                       : static_cast<std::int64_t>(std::clamp(value.get<double>(), -9e18, 9e18));
    return true;
}

bool assign(int& target, const json& value) {
    std::int64_t wide = 0;
    if (!assign(wide, value)) return false;
    target = static_cast<int>(std::clamp<std::int64_t>(wide, -2147483647, 2147483647));
    return true;
}

bool assign(base::Cost& target, const json& value) {
    return assign(target.value, value);
}

bool assign(std::vector<std::string>& target, const json& value) {
    if (value.is_string()) {  // "Cache Key" of Memoize is one string
        target = {value.get_ref<const std::string&>()};
        return true;
    }
    if (!value.is_array() || !std::ranges::all_of(value, [](const json& item) { return item.is_string(); }))
        return false;
    target.clear();
    for (const json& item : value) target.push_back(item.get_ref<const std::string&>());
    return true;
}

template <typename T>
bool assign(std::optional<T>& target, const json& value) {
    T plain{};
    if (!assign(plain, value)) return false;
    target = plain;
    return true;
}

struct MemberAssigner {
    Node& node;
    const json& value;

    template <typename T>
    bool operator()(T Node::*member) const {
        return assign(node.*member, value);
    }
    bool operator()(double Actuals::*member) const { return assign_part(node.actuals, member); }
    bool operator()(std::int64_t Buffers::*member) const { return assign_part(node.buffers, member); }

    template <typename Part, typename T>
    bool assign_part(std::optional<Part>& part, T Part::*member) const {
        T plain{};
        if (!assign(plain, value)) return false;
        if (!part) part.emplace();
        (*part).*member = plain;
        return true;
    }
};

base::Error refuse(std::string message) {
    return {.code = base::ErrorCode::fix_input,
            .message = std::move(message),
            .hint = "Give the output of EXPLAIN (FORMAT JSON) as it was printed.",
            .field = {}};
}

base::Error too_large(std::string_view what, int limit) {
    return {.code = base::ErrorCode::too_large,
            .message = fmt::format("The plan has more than {} {}.", limit, what),
            .hint = {},
            .field = {}};
}

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

class Reader {
  public:
    Reader(int max_nodes, int max_depth) : nodes_left_(max_nodes), max_nodes_(max_nodes), max_depth_(max_depth) {}

    base::Status read_node(const json& source, Node& node, int depth) {
        if (!source.is_object()) return refuse("A plan node is not a JSON object.");
        if (depth > max_depth_) return too_large("levels", max_depth_);
        if (--nodes_left_ < 0) return too_large("nodes", max_nodes_);
        const auto type = source.find("Node Type");
        if (type == source.end() || !type->is_string()) return refuse("A plan node has no \"Node Type\".");
        node.type_name = type->get_ref<const std::string&>();
        node.type = parse_node_type(node.type_name);
        for (const auto& [name, value] : source.items()) {
            if (name == "Node Type" || name == "Plans") continue;
            const auto field = std::ranges::lower_bound(fields, std::string_view(name), {}, &Field::name);
            const bool known = field != fields.end() && field->name == name;
            if (!known || !std::visit(MemberAssigner{node, value}, field->member)) node.other[name] = dump(value);
        }
        return read_children(source, node, depth);
    }

  private:
    base::Status read_children(const json& source, Node& node, int depth) {
        const auto plans = source.find("Plans");
        if (plans == source.end()) return {};
        if (!plans->is_array()) return refuse("\"Plans\" of a plan node is not an array.");
        node.children.reserve(std::min<std::size_t>(plans->size(), static_cast<std::size_t>(std::max(nodes_left_, 0))));
        for (const json& child : *plans) {
            PGANALYTICS_RETURN_IF_ERROR(read_node(child, node.children.emplace_back(), depth + 1));
        }
        return {};
    }

    int nodes_left_;
    int max_nodes_;
    int max_depth_;
};

template <typename T>
void read_number(const json& object, const char* name, std::optional<T>& target) {
    if (const auto found = object.find(name); found != object.end()) assign(target, *found);
}

void read_summary(const json& document, Plan& plan) {
    read_number(document, "Planning Time", plan.planning_time_ms);
    read_number(document, "Execution Time", plan.execution_time_ms);
    read_number(document, "Query Identifier", plan.query_identifier);
    if (const auto planning = document.find("Planning"); planning != document.end() && planning->is_object()) {
        read_number(*planning, "Memory Used", plan.planning_memory_kb);
    }
    if (const auto settings = document.find("Settings"); settings != document.end() && settings->is_object()) {
        for (const auto& [name, value] : settings->items()) {
            plan.settings[name] = value.is_string() ? value.get_ref<const std::string&>() : dump(value);
        }
    }
    if (const auto jit = document.find("JIT"); jit != document.end() && jit->is_object()) {
        plan.jit = true;
        if (const auto functions = jit->find("Functions"); functions != jit->end())
            assign(plan.jit_functions, *functions);
    }
}

/// Brackets outside strings: a document nested deeper than any plan within the caps is refused before it is built.
bool nested_deeper_than(std::string_view text, std::size_t limit) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > limit) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

base::Result<Plan> from_json(const json& explain, int max_nodes, int max_depth) {
    const json* document = &explain;
    if (document->is_array()) {
        if (document->size() != 1)
            return refuse(fmt::format("EXPLAIN's array has {} elements, not one.", document->size()));
        document = &document->front();
    }
    if (!document->is_object()) return refuse("This is not the JSON of an EXPLAIN.");
    Plan plan;
    const auto root = document->find("Plan");
    Reader reader(max_nodes, max_depth);
    PGANALYTICS_RETURN_IF_ERROR(reader.read_node(root == document->end() ? *document : *root, plan.root, 1));
    if (root != document->end()) read_summary(*document, plan);
    return plan;
}

base::Result<Plan> parse_explain_json(std::string_view text, int max_nodes, int max_depth) {
    // A level of the plan is an object in an array; a field's own value may add a few.
    constexpr std::size_t spare_levels = 16;
    if (nested_deeper_than(text, 2 * static_cast<std::size_t>(std::max(max_depth, 0)) + spare_levels)) {
        return too_large("levels", max_depth);
    }
    const json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) return refuse("This is not valid JSON.");
    return from_json(document, max_nodes, max_depth);
}

}  // namespace pganalytics::plan
