#include "indexes/generate.hpp"

#include <algorithm>

namespace pganalytics::indexes {
namespace {

bool can_be_indexed(const catalog::Relation& relation) {
    const bool kind = relation.kind == catalog::RelationKind::table ||
                      relation.kind == catalog::RelationKind::partitioned_table ||
                      relation.kind == catalog::RelationKind::materialized_view;
    return kind && relation.schema != "pg_catalog" && relation.schema != "information_schema";
}

double distinct_of(const catalog::Column& column, double rows) {
    return column.statistics ? column.statistics->distinct_count(std::max(1.0, rows)) : 1.0;
}

/// The columns an occurrence offers, each once.
struct Offers {
    std::vector<const ColumnUse*> equalities;  ///< most distinct first
    std::vector<const ColumnUse*> ranges;
};

Key plain_key(const ColumnUse& use) {
    return {use.column->name, false, false, use.operator_class};
}

Offers offers_of(const Occurrence& occurrence, const GenerationLimits& limits, double rows) {
    Offers offers;
    for (const ColumnUse& use : occurrence.uses) {
        if (use.column->statistics && use.column->statistics->average_width > limits.maximum_key_bytes) continue;
        const bool is_range = use.kind == UseKind::range || use.kind == UseKind::text_prefix;
        auto& list = is_range ? offers.ranges : offers.equalities;
        const bool known = std::ranges::any_of(list, [&](const ColumnUse* other) {
            return other->column == use.column && other->operator_class == use.operator_class &&
                   other->branch == use.branch;
        });
        if (!known) list.push_back(&use);
    }
    std::ranges::stable_sort(offers.equalities, [&](const ColumnUse* a, const ColumnUse* b) {
        return distinct_of(*a->column, rows) > distinct_of(*b->column, rows);
    });
    return offers;
}

/// Whether both conditions can hold for one row that is looked up.
bool hold_together(const ColumnUse& a, const ColumnUse& b) {
    return a.branch == 0 || b.branch == 0 || a.branch == b.branch;
}

/// An order read backwards is the same index: written without DESC where that loses nothing.
std::vector<Key> canonical_order(std::vector<Key> keys) {
    const bool all_reversed_defaults =
        std::ranges::all_of(keys, [](const Key& key) { return key.descending == key.nulls_first; }) &&
        keys.front().descending;
    if (!all_reversed_defaults) return keys;
    for (Key& key : keys) {
        key.descending = !key.descending;
        key.nulls_first = !key.nulls_first;
    }
    return keys;
}

class Collector {
  public:
    explicit Collector(std::vector<Candidate>& candidates) : candidates_(candidates) {}

    void add(const catalog::Relation& relation, std::vector<Key> keys) {
        const bool repeats = keys.size() == 2 && keys[0].column == keys[1].column;
        // One row at most answers to a unique column that is indexed already: nothing is left to narrow.
        if (keys.empty() || repeats || is_unique_column(relation, keys.front().column)) return;
        Candidate candidate{&relation, std::move(keys)};
        if (existing_index_for(candidate) != nullptr || std::ranges::find(candidates_, candidate) != candidates_.end())
            return;
        candidates_.push_back(std::move(candidate));
    }

  private:
    std::vector<Candidate>& candidates_;
};

void add_singles(const Occurrence& occurrence, const Offers& offers, Collector& collector) {
    for (const auto& list : {offers.equalities, offers.ranges}) {
        for (const ColumnUse* use : list) collector.add(*occurrence.relation, {plain_key(*use)});
    }
    for (const auto& order : occurrence.orders) {
        collector.add(*occurrence.relation, canonical_order({order.front()}));
    }
}

void add_pairs(const Occurrence& occurrence, const Offers& offers, Collector& collector) {
    for (const auto& order : occurrence.orders) {
        if (order.size() >= 2) collector.add(*occurrence.relation, canonical_order({order[0], order[1]}));
    }
    for (const ColumnUse* first : offers.equalities) {
        for (const auto& order : occurrence.orders) {
            const Key after = canonical_order({order.front()}).front();
            collector.add(*occurrence.relation, {plain_key(*first), after});
        }
        for (const ColumnUse* second : offers.ranges) {
            if (!hold_together(*first, *second)) continue;
            collector.add(*occurrence.relation, {plain_key(*first), plain_key(*second)});
        }
    }
    for (const ColumnUse* first : offers.equalities) {
        for (const ColumnUse* second : offers.equalities) {
            if (!hold_together(*first, *second)) continue;
            collector.add(*occurrence.relation, {plain_key(*first), plain_key(*second)});
        }
    }
}

template <typename Add>
double over_partitions(const catalog::Database& database, const catalog::Relation& relation, Add value) {
    double sum = value(relation);
    if (relation.kind != catalog::RelationKind::partitioned_table) return sum;
    for (const catalog::Relation& part : database.relations) {
        if (part.partition_parent == relation.oid && part.oid != relation.oid)
            sum += over_partitions(database, part, value);
    }
    return sum;
}

}  // namespace

double total_pages(const catalog::Database& database, const catalog::Relation& relation) {
    return over_partitions(database, relation, [](const catalog::Relation& one) {
        return one.kind == catalog::RelationKind::partitioned_table ? 0.0 : std::max(0.0, one.pages);
    });
}

double total_rows(const catalog::Database& database, const catalog::Relation& relation) {
    if (relation.kind != catalog::RelationKind::partitioned_table) return relation.rows;
    return over_partitions(database, relation, [](const catalog::Relation& one) {
        return one.kind == catalog::RelationKind::partitioned_table ? 0.0 : std::max(0.0, one.rows);
    });
}

std::vector<Candidate> generate_candidates(const Occurrences& occurrences, const catalog::Database& database,
                                           const GenerationLimits& limits) {
    std::vector<Candidate> candidates;
    Collector collector(candidates);
    std::vector<std::pair<const Occurrence*, Offers>> usable;
    for (const auto& [key, occurrence] : occurrences) {
        if (!can_be_indexed(*occurrence.relation)) continue;
        if (total_pages(database, *occurrence.relation) < limits.minimum_table_pages) continue;
        usable.emplace_back(&occurrence, offers_of(occurrence, limits, total_rows(database, *occurrence.relation)));
    }
    for (const auto& [occurrence, offers] : usable) add_singles(*occurrence, offers, collector);
    for (const auto& [occurrence, offers] : usable) add_pairs(*occurrence, offers, collector);
    if (candidates.size() > limits.maximum_per_statement) candidates.resize(limits.maximum_per_statement);
    return candidates;
}

}  // namespace pganalytics::indexes
