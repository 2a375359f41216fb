#include "indexes/write_cost.hpp"

#include <algorithm>

#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::indexes {
namespace {

// One B-tree entry on a cached page: descent, insertion and its WAL take tens of microseconds.
constexpr double default_entry_ms = 0.02;
constexpr double smallest_entry_ms = 0.004;
constexpr double largest_entry_ms = 0.5;
// A deleted row's entry is removed by VACUUM in bulk: a part of what making it cost.
constexpr double deletion_share = 0.25;

struct Target {
    const catalog::Relation* relation = nullptr;
    sql::LevelKind kind = sql::LevelKind::select;
    std::vector<std::string> assigned;
};

std::optional<Target> target_of(const workload::ObservedStatement& statement, const catalog::Database& database) {
    const auto tree = sql::parse(statement.text);
    if (!tree) return std::nullopt;
    const auto shape = sql::analyze(*tree);
    if (!shape) return std::nullopt;
    for (const sql::QueryLevel& level : shape->levels) {
        for (const sql::RelationReference& reference : level.relations) {
            if (!reference.target) continue;
            if (const auto* relation = database.find_relation(reference.schema, reference.name)) {
                return Target{relation, level.kind, level.assigned_columns};
            }
        }
    }
    return std::nullopt;
}

void add_statement(const workload::ObservedStatement& statement, double window_minutes, const Target& target,
                   TableWrites& writes) {
    const double rows = static_cast<double>(statement.sum.rows) / window_minutes;
    switch (target.kind) {
        case sql::LevelKind::insert:
            writes.rows_inserted += rows;
            writes.timed_rows += rows;
            writes.write_time_ms += statement.sum.total_exec_time_ms / window_minutes;
            break;
        case sql::LevelKind::update:
            writes.rows_updated += rows;
            for (const std::string& column : target.assigned) writes.rows_assigning[column] += rows;
            break;
        case sql::LevelKind::delete_:
            writes.rows_deleted += rows;
            break;
        case sql::LevelKind::merge:
            writes.rows_updated += rows;
            break;
        default:
            break;
    }
}

}  // namespace

std::map<const catalog::Relation*, TableWrites> table_writes(const workload::Workload& workload,
                                                             const catalog::Database& database) {
    std::map<const catalog::Relation*, TableWrites> result;
    const double window = workload.window.count();
    if (window <= 0) return result;
    for (const workload::ObservedStatement& statement : workload.statements) {
        if (const auto target = target_of(statement, database)) {
            add_statement(statement, window, *target, result[target->relation]);
        }
    }
    for (auto& [relation, writes] : result) {
        if (relation->activity && relation->activity->rows_updated > 0) {
            writes.hot_share = static_cast<double>(relation->activity->rows_hot_updated) /
                               static_cast<double>(relation->activity->rows_updated);
        }
    }
    return result;
}

WriteCost write_cost(const Candidate& candidate, const TableWrites& writes) {
    WriteCost cost;
    cost.milliseconds_per_entry = default_entry_ms;
    const double existing = static_cast<double>(candidate.relation->indexes.size());
    if (writes.timed_rows > 0) {
        // A row's time is spent on the heap, on the statement around it, and on each index.
        cost.milliseconds_per_entry =
            std::clamp(writes.write_time_ms / writes.timed_rows / (existing + 2), smallest_entry_ms, largest_entry_ms);
    }
    double assigning = 0;
    for (const Key& key : candidate.keys) {
        const auto found = writes.rows_assigning.find(key.column);
        if (found != writes.rows_assigning.end()) assigning = std::max(assigning, found->second);
    }
    const double untouched = std::max(0.0, writes.rows_updated - assigning);
    cost.entries_per_minute = writes.rows_inserted + untouched * (1 - writes.hot_share) +
                              // An update of an indexed column cannot be heap-only: the other indexes pay as well.
                              assigning * (1 + writes.hot_share * existing) + writes.rows_deleted * deletion_share;
    return cost;
}

}  // namespace pganalytics::indexes
