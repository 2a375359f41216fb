#pragma once
// Numbers that describe a plan before it has run: costs, rows, operators and shape as EXPLAIN estimates them. One list
// of definitions is the meaning of each position, for training, serving, explanation and docs alike.
// Nothing that only execution can know is read: a plan with and without "Actual …" gives the same numbers.
// Raw values (no logarithms); a number the plan does not hold is NaN, never zero. Thread-safe.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.hpp"

namespace pganalytics::plan {

struct FeatureDefinition {
    std::string name;     ///< "root_total_cost", "seq_scan_self_cost"
    std::string unit;     ///< "cost", "rows", "bytes", "count", "share"
    std::string meaning;  ///< one sentence
};

/// In the order of `features`. The same in every process; its names are the version of the definition.
[[nodiscard]] std::span<const FeatureDefinition> feature_definitions();

/// One number for each definition.
[[nodiscard]] std::vector<double> features(const Plan& plan);

}  // namespace pganalytics::plan
