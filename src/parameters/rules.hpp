#pragma once
// The rules behind `find_parameters`. Each takes the inputs and adds what it found and what it turned down. Internal to
// this module.

#include "parameters/parameters.hpp"

namespace pganalytics::parameters {

struct Inputs {
    const workload::Workload& workload;
    const catalog::Database& database;
    plan::Planner& planner;
    const ParameterOptions& options;
};

/// work_mem and sort_mem: one rule, because both are one setting and one statement gets one recommendation.
void find_work_mem(const Inputs& inputs, Findings& findings);
void find_limit(const Inputs& inputs, Findings& findings);
void find_batch_size(const Inputs& inputs, Findings& findings);

/// Beta prior of the rule, placed in its range by the strength of the evidence (0..1).
[[nodiscard]] advice::Confidence confidence_of(const std::string& rule, double strength);
/// One statement that has the whole benefit.
[[nodiscard]] advice::ServedStatement served_by(const Inputs& inputs, const workload::ObservedStatement& statement,
                                                double improvement_percent);
/// The same advice from run to run.
[[nodiscard]] std::string identity_of(const std::string& rule, const workload::ObservedStatement& statement);

}  // namespace pganalytics::parameters
