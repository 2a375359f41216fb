#include "indexes/cost_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "indexes/index_size.hpp"

namespace pganalytics::indexes {
namespace {

constexpr double page_bytes = 8192;
constexpr double default_equality = 0.005;      // 1 / DEFAULT_NUM_DISTINCT of selfuncs.h
constexpr double default_inequality = 1.0 / 3;  // DEFAULT_INEQ_SEL

/// Pages of a table of `pages` that fetching `tuples` rows at random reads, with a cache of `cache` pages.
double pages_fetched(double tuples, double pages, double cache) {
    pages = std::max(1.0, pages);
    if (pages <= cache) return std::min(pages, 2 * pages * tuples / (2 * pages + tuples));
    const double limit = 2 * pages * cache / (2 * pages - cache);
    if (tuples <= limit) return 2 * pages * tuples / (2 * pages + tuples);
    return cache + (tuples - limit) * (pages - cache) / pages;
}

double equality_selectivity(const ColumnUse& use, double rows) {
    if (!use.column->statistics) return default_equality * use.values;
    const catalog::ColumnStatistics& statistics = *use.column->statistics;
    const double distinct = std::max(1.0, statistics.distinct_count(rows));
    double one = (1 - statistics.null_fraction) / distinct;
    if (use.constant && use.kind == UseKind::equality) {
        double common = 0;
        for (std::size_t i = 0; i < statistics.most_common_frequencies.size(); ++i) {
            common += statistics.most_common_frequencies[i];
            if (i < statistics.most_common_values.size() && statistics.most_common_values[i] == *use.constant) {
                return statistics.most_common_frequencies[i];
            }
        }
        const double others = distinct - static_cast<double>(statistics.most_common_frequencies.size());
        one = std::max(0.0, 1 - statistics.null_fraction - common) / std::max(1.0, others);
    }
    return std::min(1.0, one * use.values);
}

bool is_range(const ColumnUse& use) {
    return use.kind == UseKind::range || use.kind == UseKind::text_prefix;
}

struct Priced {
    double cost = 0;
    std::set<std::size_t> used;
};

/// A sequential scan that an index could replace.
struct Scan {
    const plan::Node* node = nullptr;
    const catalog::Relation* relation = nullptr;
};

/// How far an index's keys follow a scan's conditions.
struct Match {
    std::size_t keys = 0;        ///< keys with a condition
    std::size_t equalities = 0;  ///< of these, leading equalities
    double selectivity = 1;
    [[nodiscard]] bool usable() const { return keys > 0; }
};

Match match(const Candidate& candidate, const Occurrence& occurrence, double rows, double range_selectivity) {
    Match result;
    for (const Key& key : candidate.keys) {
        const auto on_column = [&](const ColumnUse& use) {
            return use.column->name == key.column && use.operator_class == key.operator_class;
        };
        const auto equal = std::ranges::find_if(occurrence.uses,
                                                [&](const ColumnUse& use) { return on_column(use) && !is_range(use); });
        if (equal != occurrence.uses.end()) {
            result.selectivity *= equality_selectivity(*equal, rows);
            ++result.keys;
            if (equal->kind != UseKind::in_list) ++result.equalities;
            continue;
        }
        const bool ranged =
            std::ranges::any_of(occurrence.uses, [&](const ColumnUse& use) { return on_column(use) && is_range(use); });
        if (ranged) {
            result.selectivity *= range_selectivity;
            ++result.keys;
        }
        break;
    }
    return result;
}

/// What the planner's row estimate leaves for the ranges once the equalities are taken out of it.
double range_selectivity_of(const Occurrence& occurrence, double rows, double rows_left) {
    double equalities = 1;
    std::set<const catalog::Column*> ranges;
    for (const ColumnUse& use : occurrence.uses) {
        if (is_range(use)) {
            ranges.insert(use.column);
        } else {
            equalities *= equality_selectivity(use, rows);
        }
    }
    if (ranges.empty() || rows <= 0) return default_inequality;
    const double all = std::clamp(rows_left / rows / std::max(equalities, 1e-9), 1e-6, 1.0);
    return std::pow(all, 1.0 / static_cast<double>(ranges.size()));
}

bool order_is_answered(const Candidate& candidate, std::size_t from, const std::vector<Key>& order) {
    if (candidate.keys.size() - from != order.size()) return false;
    for (const bool reversed : {false, true}) {
        bool equal = true;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const Key& key = candidate.keys[from + i];
            equal = equal && key.column == order[i].column && key.descending == (order[i].descending != reversed) &&
                    key.nulls_first == (order[i].nulls_first != reversed);
        }
        if (equal) return true;
    }
    return false;
}

/// Through what only carries or arranges rows, down to the sequential scan below, if that is all there is.
const plan::Node* seq_scan_below(const plan::Node& node) {
    const plan::Node* at = &node;
    while (at->children.size() == 1 &&
           (at->type == plan::NodeType::hash || at->type == plan::NodeType::sort ||
            at->type == plan::NodeType::materialize || at->type == plan::NodeType::gather ||
            at->type == plan::NodeType::gather_merge || at->type == plan::NodeType::memoize)) {
        at = &at->children.front();
    }
    return at->type == plan::NodeType::seq_scan ? at : nullptr;
}

class PlanPricer {
  public:
    PlanPricer(const catalog::Database& database, const CostConstants& constants, ColumnUseReader& reader,
               std::span<const Candidate> candidates)
        : database_(database), constants_(constants), reader_(reader), candidates_(candidates) {}

    Priced price(const plan::Node& node) {
        Priced best = with_children(node);
        consider(best, scan(node));
        consider(best, lookup_join(node));
        consider(best, ordered_limit(node));
        return best;
    }

  private:
    static void consider(Priced& best, std::optional<Priced> other) {
        if (other && other->cost < best.cost) best = *std::move(other);
    }

    /// The node with what its inputs save taken off: in full, times the rescans of a nested loop, and in proportion
    /// where the node reads only part of its input (LIMIT).
    Priced with_children(const plan::Node& node) {
        Priced result{.cost = node.total_cost.value, .used = {}};
        for (const plan::Node& child : node.children) {
            Priced priced = price(child);
            double saved = child.total_cost.value - priced.cost;
            if (saved <= 0) continue;
            const bool rescanned = node.type == plan::NodeType::nested_loop && child.parent_relationship == "Inner" &&
                                   child.type != plan::NodeType::materialize;
            if (rescanned) saved *= std::max(1.0, node.children.front().plan_rows);
            if (node.type == plan::NodeType::limit && child.total_cost > node.total_cost) {
                saved *= node.total_cost.value / child.total_cost.value;
            }
            result.cost = std::max(result.cost - saved, 0.0);
            result.used.merge(priced.used);
        }
        return result;
    }

    std::optional<Scan> scan_of(const plan::Node& node) const {
        if (node.type != plan::NodeType::seq_scan) return std::nullopt;
        const auto* relation = database_.find_relation(node.schema, node.relation);
        if (relation == nullptr || relation->rows < 0) return std::nullopt;
        return Scan{&node, relation};
    }

    [[nodiscard]] bool stands_on(const Candidate& candidate, const catalog::Relation& relation) const {
        return candidate.relation == &relation || (base::to_integer(relation.partition_parent) != 0 &&
                                                   candidate.relation->oid == relation.partition_parent);
    }

    static std::string from_item(const plan::Node& node, const catalog::Relation& relation) {
        return relation.qualified_name() + ' ' +
               catalog::quote_identifier(node.alias.empty() ? node.relation : node.alias);
    }

    /// The scan's column uses, from conditions as EXPLAIN prints them; nullopt where they do not read as SQL.
    std::optional<Occurrence> uses_of(const Scan& scan, const std::string& other_relations,
                                      const std::string& conditions, const std::string& order = "") {
        const std::string text =
            fmt::format("SELECT 1 FROM {}{} WHERE {}{}", from_item(*scan.node, *scan.relation), other_relations,
                        conditions.empty() ? "true" : conditions, order.empty() ? "" : " ORDER BY " + order);
        const auto occurrences = reader_.read(text);
        if (!occurrences) return std::nullopt;
        const auto first = occurrences->find("0.0");
        if (first == occurrences->end()) return std::nullopt;
        Occurrence occurrence = first->second;
        // One branch of an OR bounds nothing by itself.
        std::erase_if(occurrence.uses, [](const ColumnUse& use) { return use.branch != 0; });
        return occurrence;
    }

    IndexScanInput input_for(const Candidate& candidate, const Scan& scan, double selectivity) const {
        IndexScanInput input;
        input.table_rows = scan.relation->rows;
        input.table_pages = scan.relation->pages;
        const Candidate here{.relation = scan.relation, .keys = candidate.keys};
        if (const auto size = estimate_index_size(here, scan.relation->rows)) {
            input.index_pages = static_cast<double>(size->value) / page_bytes;
        }
        input.selectivity = selectivity;
        const catalog::Column* leading = scan.relation->find_column(candidate.keys.front().column);
        if (leading != nullptr && leading->statistics) input.correlation = leading->statistics->correlation.value_or(0);
        input.other_filters = scan.node->filter.empty() ? 0 : 1;
        return input;
    }

    std::optional<Priced> scan(const plan::Node& node) {
        const auto found = scan_of(node);
        if (!found || node.filter.empty()) return std::nullopt;
        const auto uses = uses_of(*found, "", node.filter);
        if (!uses) return std::nullopt;
        const double rows = found->relation->rows;
        const double ranges = range_selectivity_of(*uses, rows, node.plan_rows);
        std::optional<Priced> best;
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            if (!stands_on(candidates_[i], *found->relation)) continue;
            const Match matched = match(candidates_[i], *uses, rows, ranges);
            if (!matched.usable()) continue;
            IndexScanInput input = input_for(candidates_[i], *found, matched.selectivity);
            input.conditions = static_cast<double>(matched.keys);
            const double cost = index_scan_cost(input, constants_);
            if (!best || cost < best->cost) best = Priced{.cost = cost, .used = {i}};
        }
        return best;
    }

    static bool inner_side_allowed(const plan::Node& join, std::size_t side) {
        if (join.join_type.empty() || join.join_type == "Inner") return true;
        return side == 1 && (join.join_type == "Left" || join.join_type == "Semi" || join.join_type == "Anti");
    }

    std::optional<Priced> lookup_join(const plan::Node& node) {
        const bool join = node.type == plan::NodeType::hash_join || node.type == plan::NodeType::merge_join ||
                          node.type == plan::NodeType::nested_loop;
        if (!join || node.children.size() < 2) return std::nullopt;
        std::optional<Priced> best;
        for (const std::size_t side : {0, 1}) {
            if (!inner_side_allowed(node, side)) continue;
            auto priced = lookup_into(node, node.children[side], node.children[1 - side]);
            if (priced && (!best || priced->cost < best->cost)) best = std::move(priced);
        }
        return best;
    }

    std::optional<Priced> lookup_into(const plan::Node& join, const plan::Node& inner, const plan::Node& outer) {
        const plan::Node* below = seq_scan_below(inner);
        const auto found = below == nullptr ? std::nullopt : scan_of(*below);
        if (!found) return std::nullopt;
        std::string conditions;
        for (const std::string* text :
             {&join.hash_condition, &join.merge_condition, &join.join_filter, &below->filter}) {
            if (!text->empty()) conditions += (conditions.empty() ? "" : " AND ") + *text;
        }
        std::string others;
        plan::for_each_node(outer, [&](const plan::Node& node, int) {
            if (node.relation.empty()) return;
            if (const auto* relation = database_.find_relation(node.schema, node.relation)) {
                others += ", " + from_item(node, *relation);
            }
        });
        const auto uses = uses_of(*found, others, conditions);
        if (!uses) return std::nullopt;
        const double rows = found->relation->rows;
        std::optional<Priced> best;
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            if (!stands_on(candidates_[i], *found->relation)) continue;
            const Match matched =
                match(candidates_[i], *uses, rows, range_selectivity_of(*uses, rows, below->plan_rows));
            if (!matched.usable()) continue;
            IndexScanInput input = input_for(candidates_[i], *found, matched.selectivity);
            input.conditions = static_cast<double>(matched.keys);
            input.lookups = std::max(1.0, outer.plan_rows);
            Priced priced = price(outer);
            priced.cost += input.lookups * index_scan_cost(input, constants_) + join.plan_rows * constants_.cpu_tuple;
            priced.used.insert(i);
            if (!best || priced.cost < best->cost) best = std::move(priced);
        }
        return best;
    }

    std::optional<Priced> ordered_limit(const plan::Node& node) {
        if (node.type != plan::NodeType::limit || node.children.size() != 1) return std::nullopt;
        const plan::Node* sort = &node.children.front();
        if (sort->type == plan::NodeType::gather_merge && sort->children.size() == 1) sort = &sort->children.front();
        if (sort->type != plan::NodeType::sort) return std::nullopt;
        const plan::Node* below = seq_scan_below(*sort);
        const auto found = below == nullptr ? std::nullopt : scan_of(*below);
        if (!found) return std::nullopt;
        std::string order;
        for (const std::string& key : sort->sort_key) order += (order.empty() ? "" : ", ") + key;
        const auto uses = uses_of(*found, "", below->filter, order);
        if (!uses || uses->orders.empty()) return std::nullopt;
        const double rows = std::max(1.0, found->relation->rows);
        std::optional<Priced> best;
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            if (!stands_on(candidates_[i], *found->relation)) continue;
            const Match matched = match(candidates_[i], *uses, rows, 1);
            if (!order_is_answered(candidates_[i], matched.equalities, uses->orders.front())) continue;
            const double available = std::max(1.0, matched.selectivity * rows);
            // The planner's own estimate of the rows that pass, of those the equalities leave.
            const double passing = std::clamp(below->plan_rows / available, 1e-6, 1.0);
            const double read = std::min(available, node.plan_rows / passing);
            IndexScanInput input = input_for(candidates_[i], *found, read / rows);
            const double cost = index_scan_cost(input, constants_);
            if (!best || cost < best->cost) best = Priced{.cost = cost, .used = {i}};
        }
        return best;
    }

    const catalog::Database& database_;
    const CostConstants& constants_;
    ColumnUseReader& reader_;
    std::span<const Candidate> candidates_;
};

}  // namespace

CostConstants cost_constants(const catalog::Database& database) {
    CostConstants constants;
    constants.seq_page = database.number_setting("seq_page_cost").value_or(constants.seq_page);
    constants.random_page = database.number_setting("random_page_cost").value_or(constants.random_page);
    constants.cpu_tuple = database.number_setting("cpu_tuple_cost").value_or(constants.cpu_tuple);
    constants.cpu_index_tuple = database.number_setting("cpu_index_tuple_cost").value_or(constants.cpu_index_tuple);
    constants.cpu_operator = database.number_setting("cpu_operator_cost").value_or(constants.cpu_operator);
    if (const auto cache = database.memory_setting("effective_cache_size")) {
        constants.cache_pages = std::max(1.0, static_cast<double>(cache->value) / page_bytes);
    }
    return constants;
}

double index_scan_cost(const IndexScanInput& input, const CostConstants& constants) {
    const double tuples = std::max(1.0, input.selectivity * input.table_rows);
    const double leaf_pages = std::max(1.0, std::ceil(input.selectivity * input.index_pages));
    const double height = std::max(1.0, std::ceil(std::log(std::max(2.0, input.index_pages)) / std::log(250.0)));
    const double repeats = std::max(1.0, input.lookups);
    const double index_reads = pages_fetched(leaf_pages * repeats, input.index_pages, constants.cache_pages) / repeats;
    const double descent = std::ceil(std::log2(std::max(2.0, input.table_rows))) * constants.cpu_operator +
                           (height + 1) * 50 * constants.cpu_operator;
    const double index_cost = index_reads * constants.random_page + descent +
                              tuples * (constants.cpu_index_tuple + input.conditions * constants.cpu_operator);
    const double row_cost = tuples * (constants.cpu_tuple + input.other_filters * constants.cpu_operator);

    const double scattered = pages_fetched(tuples * repeats, input.table_pages, constants.cache_pages) / repeats;
    const double ordered_pages = std::max(1.0, std::ceil(input.selectivity * input.table_pages));
    const double worst = scattered * constants.random_page;
    const double best = std::min(worst, constants.random_page + (ordered_pages - 1) * constants.seq_page);
    const double closeness = input.correlation * input.correlation;
    const double plain = worst + closeness * (best - worst);

    // A bitmap reads each page once and in order: the denser the pages, the nearer to sequential reading.
    const double share = std::min(1.0, scattered / std::max(1.0, input.table_pages));
    const double page = constants.random_page - (constants.random_page - constants.seq_page) * std::sqrt(share);
    const double bitmap = scattered * page + 0.1 * constants.cpu_operator * tuples;
    return index_cost + row_cost + std::min(plain, bitmap);
}

CostModel::CostModel(plan::Planner& planner, const catalog::Database& database)
    : planner_(planner), database_(database), constants_(cost_constants(database)), reader_(database) {}

base::Result<plan::PlannedStatement> CostModel::present_plan(const std::string& text) {
    if (const auto known = plans_.find(text); known != plans_.end()) return known->second;
    PGANALYTICS_ASSIGN(plan::PlannedStatement planned, planner_.plan(text));
    return plans_.emplace(text, std::move(planned)).first->second;
}

base::Result<Estimate> CostModel::estimate(const Subject& subject, std::span<const Candidate> candidates) {
    Estimate estimate;
    estimate.used.assign(candidates.size(), false);
    for (const Part& part : subject.parts) {
        PGANALYTICS_ASSIGN(plan::PlannedStatement planned, present_plan(part.text));
        const Priced priced = PlanPricer(database_, constants_, reader_, candidates).price(planned.plan.root);
        for (const std::size_t number : priced.used) estimate.used[number] = true;
        estimate.cost += priced.cost * part.times;
        estimate.parts.push_back({.planned = std::move(planned), .cost = priced.cost, .times = part.times});
    }
    return estimate;
}

}  // namespace pganalytics::indexes
