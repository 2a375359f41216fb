#pragma once
// The Planner port on a real server. Nothing is executed: each call is a READ ONLY transaction that prepares the text
// through the extended protocol (one statement, whatever it contains), EXPLAINs the prepared statement with NULL
// parameters under plan_cache_mode = force_generic_plan, and rolls back.
//
// A text as pg_stat_statements keeps it ($n in place of constants) is often not valid SQL any more (`date $1`,
// `interval $1 day`, `extract($1 from x)`) or leaves a parameter's type open. The ladder:
//   1. the text as it is, 2. parsed and deparsed, 3. repaired in the tree (sql tree edits), 4. types tried.
// What worked is remembered per text for the life of the planner.
//
// UPDATE, DELETE, INSERT and MERGE without the privilege are planned as the SELECT that finds their rows.
// One thread at a time, as the connection.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plan/planner.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::postgres {

struct ServerPlannerOptions {
    std::chrono::milliseconds statement_timeout{5000};  ///< of each EXPLAIN
    std::chrono::milliseconds lock_timeout{1000};
    std::size_t cached_texts = 2000;  ///< ladder results kept
    int max_type_tries = 120;         ///< rung 4 gives up after as many PREPAREs
};

class ServerPlanner final : public plan::Planner {
  public:
    /// `connection` outlives the planner.
    explicit ServerPlanner(Connection& connection, ServerPlannerOptions options = {});
    ~ServerPlanner() override;
    ServerPlanner(const ServerPlanner&) = delete;
    ServerPlanner& operator=(const ServerPlanner&) = delete;

    [[nodiscard]] base::Result<plan::PlannedStatement> plan(std::string_view statement,
                                                            const plan::WhatIf& what_if = {}) override;
    [[nodiscard]] base::Status can_hypothesize() override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::postgres
