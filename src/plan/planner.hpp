#pragma once
// The Planner port: what a statement would cost, as it is, under hypothetical indexes, or under changed settings.
// Synchronous. Implemented by `postgres` on a real server; capabilities see only this. Nothing is ever executed.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace pganalytics::plan {

/// What to suppose while planning. Empty: as the server is.
struct WhatIf {
    std::vector<std::string> hypothetical_indexes;  ///< CREATE INDEX statements (without CONCURRENTLY)
    std::map<std::string, std::string> settings;    ///< SET LOCAL name = value: work_mem, enable_seqscan, …
    bool operator==(const WhatIf&) const = default;
};

/// How the plan came about: part of the evidence.
enum class PlanSource {
    generic,   ///< parameters unknown: plan_cache_mode = force_generic_plan
    literals,  ///< the text had its literals
};

/// Size of a hypothetical index as the server estimates it (HypoPG overestimates where keys repeat).
struct HypotheticalIndex {
    std::string statement;
    std::string name;  ///< as it appears in the plan
    base::Bytes estimated_size{};
};

struct PlannedStatement {
    Plan plan;
    PlanSource source = PlanSource::literals;
    std::string planned_text;          ///< what was really planned: after repairs, or the SELECT in place of DML
    std::vector<std::string> repairs;  ///< what had to be changed to plan it, in words; empty as a rule
    std::vector<HypotheticalIndex> hypothetical;  ///< in the order given
    std::string explain_json;    ///< as EXPLAIN printed it, to be kept: empty where the planner is no server
    bool dml_as_select = false;  ///< planned as the equivalent SELECT because the privilege is missing
};

class Planner {
  public:
    virtual ~Planner() = default;

    /// Plans one statement. Errors: fix_input (not plannable text: utility statement, syntax), grant_access (privilege,
    /// with the GRANT in the hint), install_extension (hypothetical indexes asked for and no HypoPG), unsupported,
    /// retry_later (lock or statement timeout), connect_failed.
    [[nodiscard]] virtual base::Result<PlannedStatement> plan(std::string_view statement,
                                                              const WhatIf& what_if = {}) = 0;

    /// Whether hypothetical indexes can be asked for here; the reason when not.
    [[nodiscard]] virtual base::Status can_hypothesize() = 0;
};

}  // namespace pganalytics::plan
