#pragma once
// A plan in words: single operators for evidence, whole plans for people. Hypothetical indexes are named as such,
// without the number that HypoPG puts before their name. Thread-safe, no errors.

#include <string>

#include "plan/plan.hpp"

namespace pganalytics::plan {

/// "Seq Scan on orders o", "Index Scan using orders_pkey on orders", "Hash Left Join", "HashAggregate": as EXPLAIN's
/// text format prints a node, without costs.
[[nodiscard]] std::string to_words(const Node& node);

/// The whole tree, one line a node, indented, with costs, rows and conditions, as EXPLAIN's text format reads.
[[nodiscard]] std::string to_text(const Plan& plan);

/// "<13447>btree_orders_buyer" → "btree_orders_buyer"; other names as they are.
[[nodiscard]] std::string plain_index_name(std::string_view index_name);
/// Whether EXPLAIN's index name is one of HypoPG's.
[[nodiscard]] bool is_hypothetical_index(std::string_view index_name);

}  // namespace pganalytics::plan
