#pragma once
// Runs the capabilities over one workload and ranks what they say. The list of capabilities is in analysis.cpp, in the
// order they run, with the reason for it. Values and ports in, values out: where the workload comes from (live
// counters, history, files) and where the result goes (terminal, repository) is the caller's.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "parameters/parameters.hpp"
#include "plan/planner.hpp"
#include "store/setting_measurements.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workflow {

struct AnalysisOptions {
    std::set<std::string> only;  ///< capability names; empty: all
    /// Share of each statement's time spent waiting for locks, where it was sampled.
    std::map<base::QueryHash, double> lock_wait_share;
    /// Of the server, and the part of it (0..100) that queries may have; statements that run at one time. Absent: not
    /// known, and advice that rests on it says so.
    std::optional<base::Bytes> total_memory;
    std::optional<double> available_memory_pct;
    std::optional<double> concurrent_queries_avg;
    /// How often a rule's advice has held when measured; absent: nothing was measured yet.
    std::function<advice::RuleRecord(std::string_view rule)> record_of;
    std::function<void(std::string_view stage)> progress;
};

/// Beside the advice, what only parameter advice has.
struct ParameterChange {
    std::string name, current_value, recommended_value;
    std::vector<parameters::Application> scopes{};  ///< narrowest first
    std::int64_t plan_shape = 0;                    ///< of a setting, as parameters::Finding
    double temp_blocks = 0;
};

struct RankedAdvice {
    advice::Advice advice;
    std::optional<ParameterChange> parameter;  ///< for SourceType::parameter
    double urgency_score = 0;  ///< database seconds a minute of the statements it serves; 0 where times are unknown
    double roi_score = 0;
    double cost_saved_per_minute = 0;  ///< planner units; ranks where times are unknown
};

struct AnalysisNote {
    std::string capability;
    base::QueryHash query_hash{};  ///< 0 where it is about no single statement
    std::string text;
};

struct Analysis {
    std::string database_name;
    base::Minutes window{0};
    std::size_t statements = 0;
    std::vector<RankedAdvice> advice;  ///< highest return first
    std::vector<AnalysisNote> notes;
    std::vector<std::string> rules;                   ///< rules that ran to their end
    std::vector<store::SettingMeasurement> measured;  ///< settings that were tried, with consent
};

/// Names that `only` takes.
[[nodiscard]] const std::vector<std::string>& capability_names();
/// fix_input, with the nearest name, where `name` is no capability.
[[nodiscard]] base::Status check_capability(std::string_view name);

[[nodiscard]] Analysis analyze(const workload::Workload& workload, const catalog::Database& database,
                               plan::Planner& planner, const AnalysisOptions& options = {});

/// Urgency and ROI over the statements that the advice serves.
[[nodiscard]] RankedAdvice rank(advice::Advice advice);
/// Highest return first; where times are unknown, most planner cost saved.
void sort_by_return(Analysis& analysis);

}  // namespace pganalytics::workflow
