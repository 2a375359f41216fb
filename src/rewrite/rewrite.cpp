#include "rewrite/rewrite.hpp"

#include <utility>

#include "rewrite/registry.hpp"
#include "rewrite/rule.hpp"

namespace pganalytics::rewrite {

StatementTrees::StatementTrees(const workload::Workload& workload)
    : workload_(workload), slots_(workload.statements.size()) {}

const sql::Tree* StatementTrees::find(std::size_t statement) {
    auto& slot = slots_.at(statement);
    if (!slot.tried) {
        slot.tried = true;
        auto tree = sql::parse(workload_.statements[statement].text);
        if (tree && tree->statement_count() == 1) slot.tree = std::make_unique<sql::Tree>(std::move(tree).value());
    }
    return slot.tree.get();
}

sql::ColumnLookup columns_of(const catalog::Database& database) {
    return [&database](std::string_view schema, std::string_view relation) -> std::optional<std::vector<std::string>> {
        const auto* found = database.find_relation(schema, relation);
        if (found == nullptr) return std::nullopt;
        std::vector<std::string> names;
        for (const auto& column : found->columns) names.push_back(column.name);
        return names;
    };
}

Findings suggest_rewrites(const Inputs& inputs) {
    StatementTrees trees(inputs.workload);
    Findings findings;
    for (const auto& rule : registered_rules()) rule->apply(inputs, trees, findings);
    return findings;
}

}  // namespace pganalytics::rewrite
