#include "collector/catalog_digest.hpp"

#include <algorithm>
#include <cmath>

#include "base/hash.hpp"

namespace pganalytics::collector {

namespace {

// Prefixes of the settings that the planner reads.
constexpr auto planner_settings = std::to_array<std::string_view>(
    {"enable_", "cpu_", "seq_page_cost", "random_page_cost", "parallel_", "jit", "work_mem", "hash_mem_multiplier",
     "effective_cache_size", "effective_io_concurrency", "default_statistics_target", "from_collapse_limit",
     "join_collapse_limit", "geqo", "max_parallel_workers_per_gather", "min_parallel_", "constraint_exclusion",
     "plan_cache_mode"});

void add_relation(base::StableHash& hash, const catalog::Relation& relation) {
    hash.add(base::to_integer(relation.oid));
    hash.add(relation.name);
    for (const auto& column : relation.columns) {
        hash.add(column.name);
        hash.add(column.type);
        hash.add(column.not_null ? 1U : 0U);
    }
    for (const auto& index : relation.indexes) {
        hash.add(base::to_integer(index.oid));
        hash.add(index.valid ? 1U : 0U);
    }
    // Growth by half changes a plan now and then; a few more rows do not.
    constexpr double steps_per_doubling = 2;
    hash.add(static_cast<std::uint64_t>(std::lround(std::log2(std::max(relation.rows, 0.0) + 1) * steps_per_doubling)));
    if (relation.activity && relation.activity->last_analyze)
        hash.add(static_cast<std::uint64_t>(relation.activity->last_analyze->time_since_epoch().count()));
}

}  // namespace

std::uint64_t catalog_digest(const catalog::Database& database) {
    base::StableHash hash;
    for (const auto& relation : database.relations) add_relation(hash, relation);
    for (const auto& [name, setting] : database.settings) {
        const bool read = std::any_of(planner_settings.begin(), planner_settings.end(),
                                      [&](std::string_view prefix) { return name.starts_with(prefix); });
        if (!read) continue;
        hash.add(name);
        hash.add(setting.value);
    }
    return hash.digest();
}

}  // namespace pganalytics::collector
