#include "plan/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace pganalytics::plan {
namespace {

/// "Nested Loop" + "Left" → "Nested Loop Left Join"; an inner nested loop has no suffix, other inner joins have "Join"
/// in their name already.
std::string join_words(const Node& node) {
    if (node.type == NodeType::nested_loop) {
        return node.join_type.empty() || node.join_type == "Inner" ? "Nested Loop"
                                                                   : fmt::format("Nested Loop {} Join", node.join_type);
    }
    const std::string_view method = node.type == NodeType::hash_join ? "Hash" : "Merge";
    if (node.join_type.empty() || node.join_type == "Inner") return fmt::format("{} Join", method);
    return fmt::format("{} {} Join", method, node.join_type);
}

std::string aggregate_words(const Node& node) {
    std::string name = node.strategy == "Sorted"   ? "GroupAggregate"
                       : node.strategy == "Hashed" ? "HashAggregate"
                       : node.strategy == "Mixed"  ? "MixedAggregate"
                                                   : "Aggregate";
    if (!node.partial_mode.empty() && node.partial_mode != "Simple") name = node.partial_mode + ' ' + name;
    return name;
}

std::string operator_words(const Node& node) {
    switch (node.type) {
        case NodeType::nested_loop:
        case NodeType::hash_join:
        case NodeType::merge_join:
            return join_words(node);
        case NodeType::aggregate:
            return aggregate_words(node);
        case NodeType::modify_table:
            return node.operation.empty() ? node.type_name : node.operation;
        case NodeType::set_op:
            return (node.strategy == "Hashed" ? "HashSetOp" : "SetOp") +
                   (node.command.empty() ? "" : ' ' + node.command);
        default:
            return node.type_name;
    }
}

std::string index_words(const Node& node) {
    const std::string name = plain_index_name(node.index_name);
    return is_hypothetical_index(node.index_name) ? fmt::format("hypothetical index {}", name) : name;
}

std::string scanned_object(const Node& node) {
    for (const std::string* name : {&node.relation, &node.cte_name, &node.function_name}) {
        if (name->empty()) continue;
        return node.alias.empty() || node.alias == *name ? *name : *name + ' ' + node.alias;
    }
    return node.alias;
}

void append_line(std::string& text, int depth, std::string_view line) {
    text.append(static_cast<std::size_t>(depth) * 2, ' ');
    text += line;
    text += '\n';
}

void append_conditions(std::string& text, const Node& node, int depth) {
    const auto conditions =
        std::to_array<std::pair<std::string_view, const std::string*>>({{"Index Cond", &node.index_condition},
                                                                        {"Recheck Cond", &node.recheck_condition},
                                                                        {"TID Cond", &node.tid_condition},
                                                                        {"Hash Cond", &node.hash_condition},
                                                                        {"Merge Cond", &node.merge_condition},
                                                                        {"Join Filter", &node.join_filter},
                                                                        {"Filter", &node.filter},
                                                                        {"One-Time Filter", &node.one_time_filter}});
    for (const auto& [label, condition] : conditions) {
        if (!condition->empty()) append_line(text, depth, fmt::format("{}: {}", label, *condition));
    }
    const auto keys = std::to_array<std::pair<std::string_view, const std::vector<std::string>*>>(
        {{"Sort Key", &node.sort_key}, {"Presorted Key", &node.presorted_key}, {"Group Key", &node.group_key}});
    for (const auto& [label, list] : keys) {
        if (!list->empty()) append_line(text, depth, fmt::format("{}: {}", label, base::join(*list, ", ")));
    }
}

}  // namespace

bool is_hypothetical_index(std::string_view index_name) {
    const auto close = index_name.find('>');
    return index_name.starts_with('<') && close != std::string_view::npos && close > 1 &&
           std::ranges::all_of(index_name.substr(1, close - 1), [](char c) { return c >= '0' && c <= '9'; });
}

std::string plain_index_name(std::string_view index_name) {
    return std::string(is_hypothetical_index(index_name) ? index_name.substr(index_name.find('>') + 1) : index_name);
}

std::string to_words(const Node& node) {
    std::string words = node.parallel_aware ? "Parallel " + operator_words(node) : operator_words(node);
    if (node.scan_direction == "Backward") words += " Backward";
    if (!node.index_name.empty()) {
        words += (node.type == NodeType::bitmap_index_scan ? " on " : " using ") + index_words(node);
    }
    const std::string object = scanned_object(node);
    if (!object.empty()) words += (node.type == NodeType::subquery_scan ? " " : " on ") + object;
    return words;
}

std::string to_text(const Plan& plan) {
    std::string text;
    for_each_node(plan.root, [&](const Node& node, int depth) {
        if (!node.subplan_name.empty()) append_line(text, depth, node.subplan_name + ':');
        std::string line =
            fmt::format("{}{}  (cost={:.2f}..{:.2f} rows={:.0f} width={:.0f})", depth > 0 ? "-> " : "", to_words(node),
                        node.startup_cost.value, node.total_cost.value, node.plan_rows, node.plan_width);
        if (node.actuals) {
            line += fmt::format(" (actual time={:.3f}..{:.3f} rows={:g} loops={:g})", node.actuals->startup_time_ms,
                                node.actuals->total_time_ms, node.actuals->rows, node.actuals->loops);
        }
        append_line(text, depth, line);
        append_conditions(text, node, depth + 2);
    });
    return text;
}

}  // namespace pganalytics::plan
