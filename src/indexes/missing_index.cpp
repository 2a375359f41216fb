#include "indexes/missing_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "indexes/cost_estimator.hpp"
#include "indexes/cost_model.hpp"
#include "indexes/ddl.hpp"
#include "indexes/index_advice.hpp"
#include "indexes/selection.hpp"
#include "indexes/subjects.hpp"
#include "indexes/write_cost.hpp"

namespace pganalytics::indexes {
namespace {

std::vector<double> write_costs(const Problem& problem, const std::map<const catalog::Relation*, TableWrites>& writes) {
    std::vector<double> costs;
    if (!problem.times_known) return costs;
    for (const Candidate& candidate : problem.pool) {
        const auto found = writes.find(candidate.relation);
        costs.push_back(found == writes.end() ? 0 : write_cost(candidate, found->second).milliseconds_per_minute());
    }
    return costs;
}

void note_outweighed(const SelectionResult& selection, const Problem& problem, std::vector<Note>& notes) {
    for (const Rejection& rejection : selection.outweighed) {
        notes.push_back(
            {{},
             fmt::format("An index on {} is not advised: it would save about {:.1f} ms of reading a minute and cost "
                         "about {:.1f} ms of writing.",
                         describe(problem.pool[rejection.candidate]), rejection.gain, rejection.write_cost)});
    }
}

}  // namespace

MissingIndexFindings find_missing_indexes(const workload::Workload& workload, const catalog::Database& database,
                                          plan::Planner& planner, const MissingIndexOptions& options) {
    MissingIndexFindings findings;
    const base::Status possible = planner.can_hypothesize();
    std::unique_ptr<CostEstimator> estimator;
    if (possible) {
        estimator = std::make_unique<PlannerEstimator>(planner);
    } else {
        estimator = std::make_unique<CostModel>(planner, database);
        findings.notes.push_back({{}, "Indexes were judged by our own cost formulas: " + possible.error().to_string()});
    }
    const Problem problem = prepare(workload, database, *estimator, options, findings.notes);
    const auto writes = table_writes(workload, database);
    const SelectionResult selection =
        select(problem.pool, problem.subjects, *estimator, write_costs(problem, writes), selection_limits(options));
    const AdviceContext context{.workload = workload,
                                .database = database,
                                .problem = problem,
                                .estimator = *estimator,
                                .writes = writes,
                                .asked_planner = possible.has_value(),
                                .why_not_asked = possible ? "" : possible.error().to_string()};
    Names names(database);
    std::map<std::size_t, std::string> index_names;
    std::vector<std::pair<double, advice::Advice>> ranked;
    std::vector<std::size_t> before;
    for (const Step& step : selection.steps) {
        ranked.emplace_back(step.gain, advise(step, before, context, names, index_names));
        before.insert(before.end(), step.candidates.begin(), step.candidates.end());
    }
    std::ranges::stable_sort(ranked, std::ranges::greater{}, [](const auto& one) { return one.first; });
    for (auto& [gain, advice] : ranked) findings.advice.push_back(std::move(advice));
    note_outweighed(selection, problem, findings.notes);
    return findings;
}

}  // namespace pganalytics::indexes
