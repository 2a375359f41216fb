#pragma once
// Which of the candidates are worth making, for the workload as a whole. Greedy by net gain, with costs asked again
// under what is already chosen, so that two indexes never both claim one gain; a narrower index is taken where the
// wider one adds too little; sets that only help together (an OR over two columns) are tried as one; what the rest
// makes needless is taken out again. The literature's measure for such heuristics is the what-if cost itself: Kossmann
// et al., "Magic mirror in my hand, which is the best in the land?", PVLDB 13(11), 2020 (this is closest to its
// "Extend").

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "indexes/candidate.hpp"
#include "indexes/cost_estimator.hpp"

namespace pganalytics::indexes {

struct SelectionLimits {
    double minimum_improvement_percent = 15;
    double minimum_cost_saved = 10;
    double minimum_gain_over_writes = 1;
};

/// A subject with what it costs now and the candidates it could use (numbers in the pool).
struct SelectionSubject {
    Subject subject;
    double base_cost = 0;
    double least_cost = 0;              ///< with every candidate of its own there
    std::vector<std::size_t> relevant;  ///< sorted
    std::vector<std::size_t> together;  ///< what its plan used with every candidate there
    double weight = 1;  ///< gain of one cost unit saved a call: ms a minute, or 1 where times are unknown
};

/// A gain of one step: what it did to one subject.
struct StepEffect {
    std::size_t subject = 0;
    double cost_before = 0;
    double cost_after = 0;
    double gain = 0;  ///< weight × difference
};

/// Indexes to make together: one as a rule.
struct Step {
    std::vector<std::size_t> candidates;
    std::vector<StepEffect> effects;  ///< qualifying ones, largest gain first
    double gain = 0;                  ///< of all subjects
    double write_cost = 0;            ///< ms a minute
};

struct Rejection {
    std::size_t candidate = 0;
    double gain = 0;
    double write_cost = 0;
};

struct SelectionResult {
    std::vector<Step> steps;            ///< in the order of their choice; each one's effects assume those before it
    std::vector<Rejection> outweighed;  ///< would help reads less than it costs writes
};

/// `write_cost_of(candidate number)` in ms a minute; empty where rates are unknown.
[[nodiscard]] SelectionResult select(std::span<const Candidate> pool, std::span<const SelectionSubject> subjects,
                                     CostEstimator& estimator, const std::vector<double>& write_costs,
                                     const SelectionLimits& limits);

/// Whether a fall of the cost is large enough to count.
[[nodiscard]] bool qualifies(double before, double after, const SelectionLimits& limits);

}  // namespace pganalytics::indexes
