#include "advice/advice.hpp"

#include <nlohmann/json.hpp>

namespace pganalytics::advice {
namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json to_json(const CostComparison& comparison) {
    const auto hash = base::to_integer(comparison.query_hash);
    return {{"query_hash", hash},
            {"query_hash_text", std::to_string(hash)},
            {"cost_before", comparison.before.value},
            {"cost_after", comparison.after.value},
            {"plan_before", comparison.before_shape},
            {"plan_after", comparison.after_shape},
            {"generic_plan", comparison.generic_plan},
            {"calls_per_minute", comparison.calls_per_minute}};
}

}  // namespace

std::string_view to_string(SourceType type) {
    switch (type) {
        case SourceType::index:
            return "index";
        case SourceType::rewrite:
            return "rewrite";
        case SourceType::parameter:
            return "parameter";
        case SourceType::workload:
            return "workload";
    }
    base::fail_invariant("a source type without a name");
}

std::string_view to_string(Basis basis) {
    switch (basis) {
        case Basis::planner_cost:
            return "planner_cost";
        case Basis::modelled_cost:
            return "modelled_cost";
        case Basis::predicted_time:
            return "predicted_time";
        case Basis::statement_count:
            return "statement_count";
        case Basis::calls_per_parent:
            return "calls_per_parent";
        case Basis::correctness:
            return "correctness";
        case Basis::measured_time:
            return "measured_time";
    }
    base::fail_invariant("a basis without a name");
}

std::string_view to_string(Equivalence equivalence) {
    switch (equivalence) {
        case Equivalence::not_applicable:
            return "not_applicable";
        case Equivalence::proven:
            return "proven";
        case Equivalence::tested:
            return "tested";
    }
    base::fail_invariant("an equivalence without a name");
}

std::string_view to_string(Complexity complexity) {
    switch (complexity) {
        case Complexity::low:
            return "low";
        case Complexity::medium:
            return "medium";
        case Complexity::high:
            return "high";
    }
    base::fail_invariant("a complexity without a name");
}

nlohmann::json Evidence::to_json() const {
    auto comparisons = nlohmann::json::array();
    for (const CostComparison& comparison : costs) comparisons.push_back(advice::to_json(comparison));
    return {{"basis", to_string(basis)},
            {"costs", std::move(comparisons)},
            {"equivalence", to_string(equivalence)},
            {"facts", facts},
            {"checked", checked},
            {"not_checked", not_checked},
            {"write_cost_ms_per_minute", or_null(write_cost_ms_per_minute)},
            {"storage_bytes", storage ? nlohmann::json(storage->value) : nlohmann::json(nullptr)},
            {"predicted_ms",
             {{"before", or_null(predicted_ms_before)},
              {"after", or_null(predicted_ms_after)},
              {"lower", or_null(predicted_ms_lower)},
              {"upper", or_null(predicted_ms_upper)}}},
            {"record",
             {{"improved", record.improved},
              {"no_effect", record.no_effect},
              {"regressed", record.regressed},
              {"inconclusive", record.inconclusive}}}};
}

double urgency_score(double calls_per_minute, base::Milliseconds mean_exec_time) {
    return calls_per_minute * mean_exec_time.count() / 1000;
}

double roi_score(double confidence, double improvement_percent, double urgency) {
    return confidence * improvement_percent * urgency;
}

}  // namespace pganalytics::advice
