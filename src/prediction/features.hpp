#pragma once
// What a prediction looks at: the twelve features that every model has, what observation adds (cache class, load), and
// the plan's own (plan/features.hpp). One definition for training, serving, explanation and docs; its version is stored
// with each model, and a model whose version differs from the program's is refused.
//
// Raw values, not logarithms; what cannot be observed is NaN, never zero. Thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.hpp"

namespace pganalytics::prediction {

struct Feature {
    std::string name;
    std::string unit;     ///< cost, rows, bytes, count, share, calls, percent, ms
    std::string meaning;  ///< one sentence
};

/// In the order of `FeatureVector`: the twelve named ones first.
[[nodiscard]] std::span<const Feature> feature_definitions();
/// 63-bit hash of all names, units and meanings.
[[nodiscard]] std::int64_t feature_version();
[[nodiscard]] std::optional<std::size_t> find_feature(std::string_view name);
/// Position of the plan's total cost, the base of every prediction.
[[nodiscard]] std::size_t total_cost_feature();

using FeatureVector = std::vector<double>;

/// What was observed beside the plan; absent is missing.
struct Observation {
    std::optional<double> query_calls_per_hour, mean_table_size_mb, index_count, concurrent_queries_avg,
        available_memory_pct, std_dev_calls, peak_hour_calls, table_row_count;
    std::optional<double> work_mem_bytes;   ///< under which the statement ran, or will
    std::optional<double> cache_hit_ratio;  ///< 0 (cold) … 1 (warm), of its blocks lately
    std::optional<double> cold_cache;       ///< 1: nothing is in cache, as after a restart; 0: all of it is
    std::optional<double> temp_blocks_per_call, rows_per_call;
};

[[nodiscard]] FeatureVector make_features(const plan::Plan& plan, const Observation& observation = {});

}  // namespace pganalytics::prediction
