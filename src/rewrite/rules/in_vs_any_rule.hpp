#pragma once
// in_vs_any_optimization: IN lists of varying length, which split one statement into many queryids, become one array:
// `x IN ($1, …)` → `x = ANY ($1::type[])`, `x NOT IN (…)` → `x <> ALL (…)`.
//
// Unit of gain: Basis::statement_count, the number of statements (queryids) that become one. Planner cost is not it:
// for parameters the planner assumes ten elements whatever the array holds. `estimated_improvement_percent` is the
// share of the family's statements that disappear, 100 × (n − 1) / n; where planning time is tracked, `evidence.facts`
// has it.
//
// Fires on a family of at least `minimum_variants` statements that are equal but for the lengths of their lists of
// values. Lists of one length throughout are left alone. On PostgreSQL 18 the server squashes lists itself: there only
// texts that it still tells apart count, never a workload file's literals.

#include "rewrite/rule.hpp"

namespace pganalytics::rewrite {

class InVsAnyRule : public Rule {
  public:
    static constexpr std::size_t minimum_variants = 3;

    [[nodiscard]] std::string_view name() const override { return "in_vs_any_optimization"; }
    [[nodiscard]] std::string_view file_name() const override { return "in_vs_any"; }
    void apply(const Inputs& inputs, StatementTrees& trees, Findings& findings) const override;
};

}  // namespace pganalytics::rewrite
