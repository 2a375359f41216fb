#include "indexes/ddl.hpp"

#include <fmt/format.h>

namespace pganalytics::indexes {
namespace {

std::string in_schema(const catalog::Relation& relation, std::string_view name) {
    return catalog::quote_identifier(relation.schema) + '.' + catalog::quote_identifier(name);
}

Candidate on_partition(const Candidate& candidate, const catalog::Relation& partition) {
    return {.relation = &partition, .keys = candidate.keys};
}

/// Appends the statements for the partitions of `candidate`'s relation, whose own index is called `name`.
void add_partitions(const Candidate& candidate, std::string_view name, const catalog::Database& database, Names& names,
                    std::string& script) {
    for (const catalog::Relation& partition : database.relations) {
        if (partition.partition_parent != candidate.relation->oid || partition.oid == candidate.relation->oid) continue;
        if (partition.kind == catalog::RelationKind::foreign_table) continue;
        const Candidate part = on_partition(candidate, partition);
        std::string part_name;
        if (const catalog::Index* existing = existing_index_for(part);
            existing != nullptr && existing->keys.size() == part.keys.size()) {
            part_name = existing->name;
        } else if (partition.kind == catalog::RelationKind::partitioned_table) {
            part_name = names.choose(part);
            script += fmt::format("CREATE INDEX {} ON ONLY {} {};\n", catalog::quote_identifier(part_name),
                                  partition.qualified_name(), key_list(part));
            add_partitions(part, part_name, database, names, script);
        } else {
            part_name = names.choose(part);
            script += fmt::format("CREATE INDEX CONCURRENTLY {} ON {} {};\n", catalog::quote_identifier(part_name),
                                  partition.qualified_name(), key_list(part));
        }
        script += fmt::format("ALTER INDEX {} ATTACH PARTITION {};\n", in_schema(*candidate.relation, name),
                              in_schema(partition, part_name));
    }
}

}  // namespace

Names::Names(const catalog::Database& database) {
    for (const catalog::Relation& relation : database.relations) {
        auto& taken = taken_[relation.schema];
        taken.insert(relation.name);
        for (const catalog::Index& index : relation.indexes) taken.insert(index.name);
    }
}

std::string Names::choose(const Candidate& candidate) {
    return choose_name(candidate, taken_[candidate.relation->schema]);
}

Ddl make_ddl(const Candidate& candidate, const catalog::Database& database, Names& names) {
    Ddl ddl;
    if (const catalog::Index* invalid = invalid_index_for(candidate);
        invalid != nullptr && candidate.relation->kind != catalog::RelationKind::partitioned_table) {
        ddl.name = invalid->name;
        ddl.create = fmt::format("REINDEX INDEX CONCURRENTLY {}", in_schema(*candidate.relation, invalid->name));
        ddl.rollback = fmt::format("DROP INDEX CONCURRENTLY {}", in_schema(*candidate.relation, invalid->name));
        return ddl;
    }
    ddl.name = names.choose(candidate);
    if (candidate.relation->kind == catalog::RelationKind::partitioned_table) {
        ddl.several_steps = true;
        ddl.create = fmt::format("CREATE INDEX {} ON ONLY {} {};\n", catalog::quote_identifier(ddl.name),
                                 candidate.relation->qualified_name(), key_list(candidate));
        add_partitions(candidate, ddl.name, database, names, ddl.create);
        ddl.create.pop_back();
        // A partitioned index cannot be dropped concurrently.
        ddl.rollback = fmt::format("DROP INDEX {}", in_schema(*candidate.relation, ddl.name));
        return ddl;
    }
    ddl.create = fmt::format("CREATE INDEX CONCURRENTLY {} ON {} {}", catalog::quote_identifier(ddl.name),
                             candidate.relation->qualified_name(), key_list(candidate));
    ddl.rollback = fmt::format("DROP INDEX CONCURRENTLY {}", in_schema(*candidate.relation, ddl.name));
    return ddl;
}

}  // namespace pganalytics::indexes
