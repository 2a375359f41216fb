#pragma once
// What a statement costs under indexes that do not exist. Two ways: the planner's own answer (HypoPG through the
// Planner port), and where there is no HypoPG our formulas on top of the planner's present plan.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "indexes/candidate.hpp"
#include "plan/planner.hpp"
#include "workload/statement.hpp"

namespace pganalytics::indexes {

/// A text to plan, and how much of it one call of the statement is: 1/n for each of n forms of the same statement
/// (generic and with known literals), rows a call for a referential check that each row triggers.
struct Part {
    std::string text;
    double times = 1;
};

/// An index that exists.
struct Twin {
    std::string name;
    std::string definition;
};

/// A statement under study.
struct Subject {
    const workload::ObservedStatement* statement = nullptr;
    std::vector<Part> parts;
    /// Indexes that exist on the tables under study. HypoPG takes its indexes for flatter than real
    /// ones, so that a real index and a hypothetical one compare fairly only if the real one has a hypothetical twin.
    std::vector<Twin> twins;
    double calls_per_minute = 0;
    double time_per_minute_ms = 0;  ///< lock waits taken out; 0 where times are unknown
};

/// The plan of one part under the indexes asked for.
struct PartPlan {
    plan::PlannedStatement planned;
    double cost = 0;
    double times = 1;
};

struct Estimate {
    double cost = 0;         ///< of one call: Σ parts
    std::vector<bool> used;  ///< which of the candidates some part's plan uses
    std::vector<PartPlan> parts;
};

class CostEstimator {
  public:
    virtual ~CostEstimator() = default;
    /// Errors of the Planner port.
    [[nodiscard]] virtual base::Result<Estimate> estimate(const Subject& subject,
                                                          std::span<const Candidate> candidates) = 0;
};

/// Asks the planner. One caller at a time.
class PlannerEstimator final : public CostEstimator {
  public:
    explicit PlannerEstimator(plan::Planner& planner) : planner_(planner) {}
    [[nodiscard]] base::Result<Estimate> estimate(const Subject& subject,
                                                  std::span<const Candidate> candidates) override;

  private:
    plan::Planner& planner_;
};

}  // namespace pganalytics::indexes
