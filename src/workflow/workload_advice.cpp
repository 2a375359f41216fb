#include "workflow/workload_advice.hpp"

namespace pganalytics::workflow {

const std::vector<std::string>& workload_rules() {
    static const std::vector<std::string> rules{std::string(collision_rule), std::string(repeated_read_rule)};
    return rules;
}

base::Result<std::vector<patterns::StatementActivity>> ActivityReader::read(std::span<const base::QueryHash> queries) {
    std::vector<base::QueryHash> missing;
    for (const base::QueryHash query : queries) {
        if (!known_.contains(query)) missing.push_back(query);
    }
    if (!missing.empty()) {
        PGANALYTICS_ASSIGN(const auto rows, source_(missing));
        for (const base::QueryHash query : missing) known_[query];
        for (const auto& row : rows) known_[row.query_hash].push_back(row);
    }
    std::vector<patterns::StatementActivity> result;
    for (const base::QueryHash query : queries) {
        const auto& rows = known_.at(query);
        result.insert(result.end(), rows.begin(), rows.end());
    }
    return result;
}

}  // namespace pganalytics::workflow
