#pragma once
// What advice would make of a statement, so that it can be planned without anything being changed: another text,
// indexes that do not exist, other settings. Pure functions, thread-safe.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "plan/planner.hpp"

namespace pganalytics::workflow {

/// Advice as far as planning is concerned.
struct Proposal {
    std::string title;                              ///< for people
    std::string source_type;                        ///< index, rewrite, parameter, workload
    std::string statement;                          ///< what to run: DDL, the rewritten query, …
    std::string parameter_name, recommended_value;  ///< of parameter advice
};

struct StatementChange {
    std::string text;  ///< the statement, rewritten where something rewrites it
    plan::WhatIf what_if;
    std::optional<base::Bytes> work_mem;
    std::vector<std::string> applied;   ///< titles
    std::vector<std::string> left_out;  ///< sentences: what planning cannot show, and why
    [[nodiscard]] bool changes_anything() const { return !applied.empty(); }
};

/// In their order; of several that rewrite the statement the first.
[[nodiscard]] StatementChange apply_proposals(std::string_view text, std::span<const Proposal> proposals);

}  // namespace pganalytics::workflow
