#pragma once
// The shared words of every capability: advice, its evidence, its impact. No advice without evidence: whatever is
// claimed names how it was checked; what could not be checked is said in `not_checked`.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "advice/confidence.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"

namespace pganalytics::advice {

enum class SourceType { index, rewrite, parameter, workload };
[[nodiscard]] std::string_view to_string(SourceType type);

/// Where `estimated_improvement_percent` comes from.
enum class Basis {
    planner_cost,      ///< what-if of the planner
    modelled_cost,     ///< our own cost formulas, where the planner could not be asked
    predicted_time,    ///< a trained model
    statement_count,   ///< number of queryids, parse and plan time (IN lists)
    calls_per_parent,  ///< cost × calls per call of the parent (N+1, batching)
    correctness,       ///< the present text gives wrong rows
    measured_time      ///< run with consent
};
[[nodiscard]] std::string_view to_string(Basis basis);

enum class Equivalence { not_applicable, proven, tested };
[[nodiscard]] std::string_view to_string(Equivalence equivalence);

/// Planner cost of one statement before and after.
struct CostComparison {
    base::QueryHash query_hash{};
    base::Cost before, after;
    std::string before_shape,
        after_shape;            ///< the deciding nodes in words: "Seq Scan on orders" → "Index Scan using …"
    bool generic_plan = false;  ///< planned without literals
    double calls_per_minute = 0;
};

struct Evidence {
    Basis basis = Basis::planner_cost;
    std::vector<CostComparison> costs;
    Equivalence equivalence = Equivalence::not_applicable;
    std::vector<std::string> facts;                  ///< what was seen, one sentence each, figures with units
    std::vector<std::string> checked;                ///< what was checked, and how
    std::vector<std::string> not_checked;            ///< what could not be, and why ("no HypoPG on the target: …")
    std::optional<double> write_cost_ms_per_minute;  ///< what the change costs writers, estimated
    std::optional<base::Bytes> storage;              ///< what it needs on disk
    std::optional<double> predicted_ms_before, predicted_ms_after, predicted_ms_lower, predicted_ms_upper;
    RuleRecord record;  ///< how often this kind of advice has held when measured

    [[nodiscard]] nlohmann::json to_json() const;
};

enum class Complexity { low, medium, high };
[[nodiscard]] std::string_view to_string(Complexity complexity);

/// One statement that the advice serves, and what it gains.
struct ServedStatement {
    base::QueryHash query_hash{};
    double improvement_percent = 0;  ///< of that statement's time
    double calls_per_minute = 0;
    base::Milliseconds mean_exec_time{0};
    double share_of_benefit = 0;  ///< 0..1, the shares add up to 1
};

/// A piece of advice as a capability returns it: before ranking, without ids.
struct Advice {
    std::string rule;  ///< "missing_index_detected", "in_vs_any_optimization", …: a registered rule
    SourceType source = SourceType::rewrite;
    std::string database_name;
    std::string title;               ///< one line, for a list
    std::string reasoning;           ///< a paragraph: why, with the figures
    std::string statement;           ///< SQL to run (DDL, the rewritten query, SET …); never prose
    std::string rollback_statement;  ///< SQL that undoes it; "" where there is nothing to undo (a rewrite)
    std::string original_query;      ///< of a rewrite
    std::vector<std::string> alternatives;
    std::vector<ServedStatement> served;       ///< heaviest benefit first; empty when it serves none (a DROP)
    double estimated_improvement_percent = 0;  ///< of the served statements' time together, 0..100
    Confidence confidence;
    Evidence evidence;
    Complexity complexity = Complexity::low;
    /// Names the same advice from run to run, so that it is updated and not doubled: rule + what it is about.
    std::string identity;
};

/// calls_per_minute × mean_exec_time_ms / 1000: database seconds spent on the query per minute.
[[nodiscard]] double urgency_score(double calls_per_minute, base::Milliseconds mean_exec_time);
/// confidence × improvement percent × urgency.
[[nodiscard]] double roi_score(double confidence, double improvement_percent, double urgency);

}  // namespace pganalytics::advice
