#include "simulation/history_catalog.hpp"

#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::simulation {

HistoryCatalog::HistoryCatalog(const ShopNames& names, const std::vector<SimulatedStatement>& statements,
                               std::string database_name) {
    database_.name = std::move(database_name);
    database_.version = {150000};
    database_.search_path = {"public"};
    std::int64_t oid = 16'400;
    for (const ShopTable& table : names.tables()) {
        catalog::Relation relation;
        relation.oid = base::Oid{static_cast<std::uint32_t>(oid++)};
        relation.schema = "public";
        relation.name = table.name;
        relation.rows = static_cast<double>(table.rows);
        for (const auto& [key, name] : table.columns) {
            catalog::Column column;
            column.number = static_cast<int>(relation.columns.size()) + 1;
            column.name = name;
            relation.columns.push_back(std::move(column));
        }
        relation.activity = catalog::RelationActivity{};
        relation.activity->live_rows = table.rows;
        database_.relations.push_back(std::move(relation));
    }
    for (const SimulatedStatement& statement : statements) {
        changes_.emplace_back();
        const auto tree = sql::parse(statement.text);
        const auto shape = tree ? sql::analyze(*tree) : base::Result<sql::Shape>(tree.error());
        if (!shape || shape->levels.front().relations.empty() || !shape->levels.front().relations.front().target) {
            continue;
        }
        const catalog::Relation* relation = database_.find_relation("", shape->levels.front().relations.front().name);
        if (relation == nullptr) continue;
        changes_.back() =
            Change{static_cast<std::size_t>(relation - database_.relations.data()),
                   shape->kind == sql::StatementKind::insert    ? &catalog::RelationActivity::rows_inserted
                   : shape->kind == sql::StatementKind::delete_ ? &catalog::RelationActivity::rows_deleted
                                                                : &catalog::RelationActivity::rows_updated};
    }
}

void HistoryCatalog::count(std::size_t index, std::int64_t rows) {
    if (const auto& change = changes_.at(index)) {
        (*database_.relations[change->relation].activity).*change->counter += rows;
    }
}

}  // namespace pganalytics::simulation
