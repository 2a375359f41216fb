#pragma once
// Settings and statement shapes that a workload's statements would gain from: `work_mem`, `sort_mem` (work_mem where
// only sorts need it; the name PostgreSQL gave it before 8.0), `LIMIT` and `batch_size`. Each from evidence: temporary
// blocks and their time per call, plan nodes that outgrow their memory, rows per call, call rates; each checked by
// planning under the change. Methods, thresholds and formulas: docs/rules/{work_mem,sort_mem,limit,batch_size}.md.
//
// Values in, values out: nothing is executed, nothing is stored. What was looked at and turned down, or could not be
// judged, is in `notes`, not an error. Not thread-safe through its Planner (one caller at a time per Planner).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "advice/advice.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "plan/planner.hpp"
#include "workload/statement.hpp"

namespace pganalytics::parameters {

struct ParameterOptions {
    /// Of the machine, and the part of it (0..100) that queries may take. Absent: not known; the cap then cannot be
    /// checked and the evidence says so.
    std::optional<base::Bytes> total_memory;
    std::optional<double> available_memory_pct;
    /// Statements that run at one time, as sampled. Absent: estimated from calls and times.
    std::optional<double> concurrent_queries_avg;
    /// Advice is given only where at least this share of the statement's time is expected to go away.
    double minimum_gain_percent = 10;
    /// Statements with less time per call than this gain nothing that anyone would notice from memory.
    base::Milliseconds minimum_spilling_time{5};
    /// LIMIT: rows per call from which a result is large, and calls per minute from which it is no one-off report.
    double large_result_rows = 1000;
    double minimum_list_calls_per_minute = 0.1;
    /// batch_size: single-row statements per minute from which a loop is suspected, and how many times the workload's
    /// median rate they must have: what follows the users' clicks comes at the rate of the clicks.
    double minimum_loop_calls_per_minute = 120;
    double minimum_loop_over_median = 5;
    /// Heaviest first; the rest is noted as not looked at.
    std::size_t maximum_statements = 2000;
};

/// Narrowest first.
enum class Scope { query, role, database, server };
[[nodiscard]] std::string_view to_string(Scope scope);

/// The change at one scope, and what undoes it.
struct Application {
    Scope scope = Scope::query;
    std::string statement;
    std::string inverse;  ///< "" where there is nothing to undo (a changed text)
};

struct Finding {
    advice::Advice advice;       ///< rule is the parameter's name; statement and rollback_statement as below
    std::string parameter_name;  ///< "LIMIT", "work_mem", "sort_mem", "batch_size"
    std::string current_value;
    std::string recommended_value;
    std::vector<Application> applies_as;  ///< narrowest scope first; never empty
    /// Of a setting: shape_hash of the plan as it is now, and temporary blocks that a call writes. By these a measured
    /// run is known to be of the same situation. 0 for the others.
    std::int64_t plan_shape = 0;
    double temp_blocks = 0;
};

/// What was turned down or could not be checked, and why.
struct Note {
    base::QueryHash query_hash{};  ///< 0 where it is about no single statement
    std::string parameter_name;    ///< "" where it is about none
    std::string text;              ///< one sentence
};

struct Findings {
    std::vector<Finding> findings;  ///< heaviest statement first
    std::vector<Note> notes;
};

/// Names of the rules, in the order they run.
[[nodiscard]] const std::vector<std::string>& parameter_rules();

[[nodiscard]] Findings find_parameters(const workload::Workload& workload, const catalog::Database& database,
                                       plan::Planner& planner, const ParameterOptions& options = {});

}  // namespace pganalytics::parameters
