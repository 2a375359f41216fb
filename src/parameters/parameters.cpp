#include "parameters/parameters.hpp"

#include <fmt/format.h>

#include "parameters/rules.hpp"

namespace pganalytics::parameters {

std::string_view to_string(Scope scope) {
    switch (scope) {
        case Scope::query:
            return "query";
        case Scope::role:
            return "role";
        case Scope::database:
            return "database";
        case Scope::server:
            return "server";
    }
    return "query";
}

const std::vector<std::string>& parameter_rules() {
    static const std::vector<std::string> names = {"work_mem", "sort_mem", "LIMIT", "batch_size"};
    return names;
}

Findings find_parameters(const workload::Workload& workload, const catalog::Database& database, plan::Planner& planner,
                         const ParameterOptions& options) {
    const Inputs inputs{workload, database, planner, options};
    Findings findings;
    find_work_mem(inputs, findings);
    find_limit(inputs, findings);
    find_batch_size(inputs, findings);
    if (workload.statements.size() > options.maximum_statements) {
        findings.notes.push_back({{},
                                  "",
                                  fmt::format("Only the {} heaviest of {} statements were looked at",
                                              options.maximum_statements, workload.statements.size())});
    }
    return findings;
}

advice::Confidence confidence_of(const std::string& rule, double strength) {
    return advice::rule_prior(rule, strength).value();
}

advice::ServedStatement served_by(const Inputs& inputs, const workload::ObservedStatement& statement,
                                  double improvement_percent) {
    advice::ServedStatement served;
    served.query_hash = statement.query_hash;
    served.improvement_percent = improvement_percent;
    served.calls_per_minute = inputs.workload.calls_per_minute(statement);
    served.mean_exec_time = statement.mean_exec_time();
    served.share_of_benefit = 1;
    return served;
}

std::string identity_of(const std::string& rule, const workload::ObservedStatement& statement) {
    return fmt::format("{}:{}:{}", rule, statement.database_name, base::to_integer(statement.query_hash));
}

}  // namespace pganalytics::parameters
