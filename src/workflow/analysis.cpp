#include "workflow/analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/text.hpp"
#include "indexes/missing_index.hpp"
#include "parameters/parameters.hpp"
#include "rewrite/registry.hpp"
#include "rewrite/rewrite.hpp"
#include "rewrite/rule.hpp"

namespace pganalytics::workflow {

namespace {

struct Input {
    const workload::Workload& workload;
    const catalog::Database& database;
    plan::Planner& planner;
    const AnalysisOptions& options;
};

struct Found {
    advice::Advice advice;
    std::optional<ParameterChange> parameter;
};

/// What one capability gives: advice not yet ranked.
struct Findings {
    std::vector<Found> found;
    std::vector<AnalysisNote> notes;
    std::vector<std::string> rules;
};

std::vector<Found> all_of(std::vector<advice::Advice> advice) {
    std::vector<Found> found;
    for (auto& one : advice) found.push_back({std::move(one), std::nullopt});
    return found;
}

Findings run_indexes(const Input& input) {
    indexes::MissingIndexOptions options;
    options.lock_wait_share = input.options.lock_wait_share;
    auto found = indexes::find_missing_indexes(input.workload, input.database, input.planner, options);
    Findings findings{all_of(std::move(found.advice)), {}, {"missing_index_detected"}};
    for (auto& note : found.notes) findings.notes.push_back({"indexes", note.query_hash, std::move(note.text)});
    return findings;
}

Findings run_rewrites(const Input& input) {
    auto found = rewrite::suggest_rewrites({input.workload, input.database, input.planner});
    Findings findings{all_of(std::move(found.advice)), {}, {}};
    for (const auto& rule : rewrite::registered_rules()) findings.rules.emplace_back(rule->name());
    for (auto& refusal : found.refused) {
        findings.notes.push_back({"rewrite", refusal.query_hash, fmt::format("{}: {}", refusal.rule, refusal.reason)});
    }
    return findings;
}

/// Which statement a note is about, for whoever reads it beside others; "" where it is about none.
std::string excerpt_of(const workload::Workload& workload, base::QueryHash query) {
    const auto found = std::find_if(workload.statements.begin(), workload.statements.end(),
                                    [query](const auto& statement) { return statement.query_hash == query; });
    constexpr std::size_t longest = 60;
    return found == workload.statements.end() ? "" : fmt::format("{}: ", base::one_line(found->text, longest));
}

Findings run_parameters(const Input& input) {
    parameters::ParameterOptions options;
    options.total_memory = input.options.total_memory;
    options.available_memory_pct = input.options.available_memory_pct;
    options.concurrent_queries_avg = input.options.concurrent_queries_avg;
    auto result = parameters::find_parameters(input.workload, input.database, input.planner, options);
    Findings findings{{}, {}, parameters::parameter_rules()};
    for (auto& one : result.findings) {
        findings.found.push_back(
            {std::move(one.advice), ParameterChange{std::move(one.parameter_name), std::move(one.current_value),
                                                    std::move(one.recommended_value), std::move(one.applies_as),
                                                    one.plan_shape, one.temp_blocks}});
    }
    for (auto& note : result.notes) {
        auto text =
            note.parameter_name.empty() ? std::move(note.text) : fmt::format("{}: {}", note.parameter_name, note.text);
        findings.notes.push_back(
            {"parameters", note.query_hash, excerpt_of(input.workload, note.query_hash) + std::move(text)});
    }
    return findings;
}

struct Capability {
    std::string_view name;
    std::string_view stage;
    Findings (*run)(const Input&);
};

// Indexes first: their what-if plans are the costliest, and a rewrite that only wins where an index is missing is
// judged against the database as it is either way. Parameters last: they are for what neither mends.
constexpr std::array capabilities{
    Capability{"indexes", "looking for missing indexes", run_indexes},
    Capability{"rewrite", "looking for statements to rewrite", run_rewrites},
    Capability{"parameters", "looking for memory, limits and batches", run_parameters},
};

}  // namespace

const std::vector<std::string>& capability_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const auto& capability : capabilities) list.emplace_back(capability.name);
        return list;
    }();
    return names;
}

base::Status check_capability(std::string_view name) {
    const auto& names = capability_names();
    if (std::find(names.begin(), names.end(), name) != names.end()) return {};
    const auto nearest = base::nearest_name(name, names);
    return base::Error{base::ErrorCode::usage, fmt::format("There is no capability \"{}\"", name),
                       nearest ? fmt::format("Did you mean \"{}\"?", *nearest)
                               : fmt::format("Choose from: {}.", base::join(names, ", ")),
                       "--only"};
}

RankedAdvice rank(advice::Advice advice) {
    RankedAdvice ranked;
    for (const auto& served : advice.served) {
        ranked.urgency_score += advice::urgency_score(served.calls_per_minute, served.mean_exec_time);
    }
    for (const auto& cost : advice.evidence.costs) {
        // A file of statements has no rate: each counts once.
        const double calls = cost.calls_per_minute > 0 ? cost.calls_per_minute : 1;
        ranked.cost_saved_per_minute += calls * std::max(0.0, cost.before.value - cost.after.value);
    }
    ranked.roi_score =
        advice::roi_score(advice.confidence.mean(), advice.estimated_improvement_percent, ranked.urgency_score);
    ranked.advice = std::move(advice);
    return ranked;
}

void sort_by_return(Analysis& analysis) {
    std::stable_sort(analysis.advice.begin(), analysis.advice.end(), [](const RankedAdvice& a, const RankedAdvice& b) {
        if (a.roi_score != b.roi_score) return a.roi_score > b.roi_score;
        return a.cost_saved_per_minute > b.cost_saved_per_minute;
    });
}

Analysis analyze(const workload::Workload& workload, const catalog::Database& database, plan::Planner& planner,
                 const AnalysisOptions& options) {
    Analysis analysis;
    analysis.database_name = workload.database_name;
    analysis.window = workload.window;
    analysis.statements = workload.statements.size();
    const Input input{workload, database, planner, options};
    for (const auto& capability : capabilities) {
        if (!options.only.empty() && !options.only.contains(std::string(capability.name))) continue;
        if (options.progress) options.progress(capability.stage);
        Findings findings = capability.run(input);
        for (auto& [advice, parameter] : findings.found) {
            if (options.record_of) {
                advice.evidence.record = options.record_of(advice.rule);
                advice.confidence = advice.confidence.updated(advice.evidence.record);
            }
            analysis.advice.push_back(rank(std::move(advice)));
            analysis.advice.back().parameter = std::move(parameter);
        }
        std::move(findings.notes.begin(), findings.notes.end(), std::back_inserter(analysis.notes));
        std::move(findings.rules.begin(), findings.rules.end(), std::back_inserter(analysis.rules));
    }
    sort_by_return(analysis);
    return analysis;
}

}  // namespace pganalytics::workflow
