#include "indexes/cost_estimator.hpp"

#include <algorithm>

namespace pganalytics::indexes {

base::Result<Estimate> PlannerEstimator::estimate(const Subject& subject, std::span<const Candidate> candidates) {
    plan::WhatIf what_if;
    for (const Twin& twin : subject.twins) what_if.hypothetical_indexes.push_back(twin.definition);
    for (const Candidate& candidate : candidates)
        what_if.hypothetical_indexes.push_back(hypothetical_statement(candidate));
    Estimate estimate;
    estimate.used.assign(candidates.size(), false);
    for (const Part& part : subject.parts) {
        PGANALYTICS_ASSIGN(plan::PlannedStatement planned, planner_.plan(part.text, what_if));
        plan::for_each_node(planned.plan.root, [&](const plan::Node& node, int) {
            if (node.index_name.empty()) return;
            for (std::size_t i = 0; i < candidates.size(); ++i) {
                const std::size_t position = subject.twins.size() + i;
                if (position < planned.hypothetical.size() && planned.hypothetical[position].name == node.index_name) {
                    estimate.used[i] = true;
                }
            }
        });
        const double cost = planned.plan.total_cost().value;
        estimate.cost += cost * part.times;
        estimate.parts.push_back({std::move(planned), cost, part.times});
    }
    return estimate;
}

}  // namespace pganalytics::indexes
