#include "rewrite/rules/in_vs_any_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "plan/describe.hpp"
#include "rewrite/array_edit.hpp"
#include "sql/identity.hpp"

namespace pganalytics::rewrite {
namespace {

using advice::Advice;
using advice::Evidence;

constexpr int first_version_that_squashes_lists = 18;

struct Member {
    const workload::ObservedStatement* statement = nullptr;
    const sql::Tree* tree = nullptr;
    std::vector<InList> lists;
};

/// Statements that are equal but for the lengths of their lists; the heaviest first, as in the workload.
struct Group {
    std::vector<Member> members;
    std::set<std::vector<std::size_t>> lengths;  ///< one entry a variant
    std::set<base::QueryId> query_ids;

    [[nodiscard]] std::size_t statement_count() const { return std::max(lengths.size(), query_ids.size()); }
    [[nodiscard]] std::vector<std::size_t> varying_lists() const;
};

std::vector<std::size_t> Group::varying_lists() const {
    std::vector<std::size_t> varying;
    for (std::size_t i = 0; i < members.front().lists.size(); ++i) {
        std::set<std::size_t> seen;
        for (const auto& variant : lengths) seen.insert(variant[i]);
        if (seen.size() > 1) varying.push_back(i);
    }
    return varying;
}

/// Spares parsing what cannot hold an IN list.
bool mentions_in(std::string_view text) {
    const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if ((text[i] | 0x20) != 'i' || (text[i + 1] | 0x20) != 'n') continue;
        const bool begins = i == 0 || !is_word(text[i - 1]);
        if (begins && i + 2 < text.size() && !is_word(text[i + 2])) return true;
    }
    return false;
}

std::vector<Group> groups_of(const Inputs& inputs, StatementTrees& trees) {
    std::vector<Group> groups;
    std::unordered_map<std::string, std::size_t> by_key;
    const bool server_squashes = inputs.database.version.major() >= first_version_that_squashes_lists;
    for (std::size_t i = 0; i < inputs.workload.statements.size(); ++i) {
        const auto& statement = inputs.workload.statements[i];
        // A file's literals do not show what the server would tell apart.
        if ((server_squashes && statement.has_literals) || !mentions_in(statement.text)) continue;
        const auto* tree = trees.find(i);
        if (tree == nullptr) continue;
        const auto kind = sql::kind_of(*tree);
        if (kind == sql::StatementKind::utility || kind == sql::StatementKind::other) continue;
        auto family = family_of(tree->message());
        if (family.lists.empty()) continue;
        const auto [entry, fresh] = by_key.try_emplace(std::move(family.key), groups.size());
        if (fresh) groups.emplace_back();
        auto& group = groups[entry->second];
        std::vector<std::size_t> lengths;
        for (const auto& list : family.lists) lengths.push_back(list.length());
        group.lengths.insert(std::move(lengths));
        group.query_ids.insert(statement.query_ids.begin(), statement.query_ids.end());
        group.members.push_back({&statement, tree, std::move(family.lists)});
    }
    return groups;
}

const sql::Predicate* find_predicate(const std::vector<sql::Predicate>& predicates, const pg_query::Node* node) {
    for (const auto& predicate : predicates) {
        if (predicate.node == node) return &predicate;
        for (const auto& branch : predicate.branches) {
            if (const auto* found = find_predicate(branch, node)) return found;
        }
    }
    return nullptr;
}

/// The catalog's column on the left of a list.
base::Result<const catalog::Column*> column_of(const InList& list, const sql::Shape& shape, const Inputs& inputs) {
    const auto refuse = [](std::string reason) {
        return base::Error{base::ErrorCode::unsupported, std::move(reason), "", ""};
    };
    for (const auto& level : shape.levels) {
        const auto* predicate = find_predicate(level.predicates, list.node);
        if (predicate == nullptr) continue;
        if (predicate->left.kind != sql::OperandKind::column) {
            return refuse(
                "What stands left of the list is no plain column, so its type is not known from the catalog.");
        }
        const auto& column = predicate->left.column;
        if (!column.has_base()) return refuse(fmt::format("The table of the column {} cannot be told.", column.column));
        const auto* relation = inputs.database.find_relation(column.base_schema, column.base_relation);
        const auto* found = relation == nullptr ? nullptr : relation->find_column(column.base_column);
        if (found == nullptr) {
            return refuse(fmt::format("The catalog has no column {} of {}.", column.base_column, column.base_relation));
        }
        return found;
    }
    return refuse("The list stands in no condition of WHERE, ON or HAVING.");
}

struct Site {
    ArraySite edit;
    const catalog::Column* column = nullptr;
    std::size_t shortest = 0, longest = 0;
};

base::Result<std::vector<Site>> sites_of(const Group& group, const Inputs& inputs) {
    const auto& first = group.members.front();
    PGANALYTICS_ASSIGN(const auto shape, sql::analyze(*first.tree, columns_of(inputs.database)));
    std::vector<Site> sites;
    for (const std::size_t index : group.varying_lists()) {
        Site site;
        PGANALYTICS_ASSIGN(site.column, column_of(first.lists[index], shape, inputs));
        site.edit.list = index;
        // Every member's list is looked at: one that holds a NULL or another type spoils the proof for all.
        for (const auto& member : group.members) {
            const auto& list = member.lists[index];
            if (contents_of(list) == ListContents::mixed) {
                return base::Error{base::ErrorCode::unsupported,
                                   "The list mixes parameters and constants, so what is bound would have to change.",
                                   "", ""};
            }
            PGANALYTICS_ASSIGN(auto element, element_type_of(list, *site.column));
            if (&member == &first) site.edit.element = std::move(element);
        }
        const auto by_length = [index](const auto& a, const auto& b) { return a[index] < b[index]; };
        site.shortest = (*std::min_element(group.lengths.begin(), group.lengths.end(), by_length))[index];
        site.longest = (*std::max_element(group.lengths.begin(), group.lengths.end(), by_length))[index];
        sites.push_back(std::move(site));
    }
    return sites;
}

bool scans_sequentially(const plan::Plan& plan) {
    bool found = false;
    plan::for_each_node(
        plan.root, [&found](const plan::Node& node, int) { found = found || node.type == plan::NodeType::seq_scan; });
    return found;
}

std::string scans_in_words(const plan::Plan& plan) {
    std::string words;
    plan::for_each_node(plan.root, [&words](const plan::Node& node, int) {
        if (node.relation.empty() && node.index_name.empty()) return;
        words += (words.empty() ? "" : ", ") + plan::to_words(node);
    });
    return words;
}

/// The rewritten text must be plannable, and must not lose an index that the original uses.
base::Status check_plan(const Inputs& inputs, const Member& original, const std::string& rewritten,
                        double calls_per_minute, Evidence& evidence) {
    auto after = inputs.planner.plan(rewritten);
    if (!after) {
        const auto code = after.error().code;
        if (code == base::ErrorCode::fix_input || code == base::ErrorCode::unsupported) {
            return base::Error{code, "The server does not plan the rewritten statement: " + after.error().message, "",
                               ""};
        }
        evidence.not_checked.push_back("Whether the server plans the rewritten statement: " +
                                       after.error().to_string());
        return {};
    }
    evidence.checked.push_back("The server plans the rewritten statement with the types as they are written");
    const auto before = inputs.planner.plan(original.statement->text);
    if (!before) {
        evidence.not_checked.push_back("The plan before: " + before.error().to_string());
        return {};
    }
    if (scans_sequentially(after->plan) && !scans_sequentially(before->plan)) {
        return base::Error{base::ErrorCode::unprocessable,
                           fmt::format("The planner would leave {} for {}.", scans_in_words(before->plan),
                                       scans_in_words(after->plan)),
                           "", ""};
    }
    advice::CostComparison costs;
    costs.query_hash = original.statement->query_hash;
    costs.before = before->plan.total_cost();
    costs.after = after->plan.total_cost();
    costs.before_shape = scans_in_words(before->plan);
    costs.after_shape = scans_in_words(after->plan);
    costs.generic_plan = after->source == plan::PlanSource::generic;
    costs.calls_per_minute = calls_per_minute;
    evidence.costs.push_back(std::move(costs));
    return {};
}

void add_workload_facts(const Inputs& inputs, const Group& group, const std::vector<Site>& sites, Evidence& evidence) {
    for (const auto& site : sites) {
        evidence.facts.push_back(
            fmt::format("The list for {} has {} to {} values", site.column->name, site.shortest, site.longest));
    }
    std::int64_t calls = 0;
    double planning = 0, execution = 0;
    bool planning_known = true;
    for (const auto& member : group.members) {
        const auto& sum = member.statement->sum;
        calls += sum.calls;
        execution += sum.total_exec_time_ms;
        planning_known = planning_known && sum.total_plan_time_ms.has_value();
        planning += sum.total_plan_time_ms.value_or(0);
    }
    evidence.facts.push_back(fmt::format("{} variants of the statement were called {} times", group.lengths.size(),
                                         base::with_thousands(calls)));
    if (!group.query_ids.empty()) {
        std::string places;
        if (const auto most = inputs.database.number_setting("pg_stat_statements.max")) {
            places = fmt::format(" of the {} that pg_stat_statements keeps",
                                 base::with_thousands(static_cast<std::int64_t>(*most)));
        }
        evidence.facts.push_back(fmt::format("They take {} queryids{}", group.query_ids.size(), places));
    }
    if (planning_known && planning > 0) {
        evidence.facts.push_back(
            fmt::format("Planning them took {}, {:.0f} % of their time; one prepared statement can save it",
                        base::to_words(base::Milliseconds{planning}), 100 * planning / (planning + execution)));
    } else if (calls > 0) {
        evidence.not_checked.push_back(
            "The time that planning takes: pg_stat_statements.track_planning is off, or no call was planned");
    }
}

void add_proof(const std::vector<Site>& sites, const Group& group, Evidence& evidence) {
    evidence.equivalence = advice::Equivalence::proven;
    evidence.checked.push_back(fmt::format(
        "The {} texts are one tree but for the lists' lengths, compared node by node", group.members.size()));
    for (const auto& site : sites) {
        evidence.checked.push_back(
            fmt::format("{} is {}; a list of its values and an array of {} compare with the same operator, and no list "
                        "holds a NULL "
                        "literal, a subquery or a row",
                        site.column->name, site.column->type, site.edit.element.sql_name));
    }
    evidence.facts.push_back(
        "A value that the array's type cannot hold now raises an error, where the list would not match it");
}

void add_served(const Inputs& inputs, const Group& group, Advice& advice) {
    double calls = 0;
    for (const auto& member : group.members) calls += static_cast<double>(member.statement->sum.calls);
    for (const auto& member : group.members) {
        advice::ServedStatement served;
        served.query_hash = member.statement->query_hash;
        served.improvement_percent = advice.estimated_improvement_percent;
        served.calls_per_minute = inputs.workload.calls_per_minute(*member.statement);
        served.mean_exec_time = member.statement->mean_exec_time();
        served.share_of_benefit = calls > 0 ? static_cast<double>(member.statement->sum.calls) / calls
                                            : 1.0 / static_cast<double>(group.members.size());
        advice.served.push_back(served);
    }
    std::stable_sort(advice.served.begin(), advice.served.end(),
                     [](const auto& a, const auto& b) { return a.share_of_benefit > b.share_of_benefit; });
}

std::string reasoning(const Group& group, const std::vector<Site>& sites, std::size_t statements) {
    const auto& site = sites.front();
    return fmt::format(
        "The same statement was seen with {} different lengths of its list for {} ({} to {} values). PostgreSQL takes "
        "each "
        "length for a statement of its own: {} entries of pg_stat_statements, {} plans to prepare. With one array "
        "there is "
        "one statement, which is prepared once and counted in one place; an empty list becomes possible too. The "
        "planner's "
        "cost is not the gain: for an array parameter it assumes ten elements.",
        group.lengths.size(), site.column->name, site.shortest, site.longest, statements, statements);
}

base::Result<Advice> advice_for(const Group& group, const Inputs& inputs, std::string_view rule) {
    const auto& first = group.members.front();
    PGANALYTICS_ASSIGN(const auto sites, sites_of(group, inputs));
    std::vector<ArraySite> edits;
    for (const auto& site : sites) edits.push_back(site.edit);
    PGANALYTICS_ASSIGN(const auto edited, with_arrays(*first.tree, edits, false));

    Advice advice;
    advice.rule = rule;
    advice.source = advice::SourceType::rewrite;
    advice.database_name = inputs.workload.database_name;
    advice.statement = edited.text;
    advice.original_query = first.statement->text;
    advice.evidence.basis = advice::Basis::statement_count;
    add_workload_facts(inputs, group, sites, advice.evidence);
    add_proof(sites, group, advice.evidence);
    if (!edited.kept_formatting) {
        advice.evidence.facts.push_back("The rewritten text is written out anew: comments and layout are not kept");
    }
    PGANALYTICS_RETURN_IF_ERROR(
        check_plan(inputs, first, edited.text, inputs.workload.calls_per_minute(*first.statement), advice.evidence));
    if (const auto parameters = with_arrays(*first.tree, edits, true); parameters && parameters->text != edited.text) {
        advice.alternatives.push_back(parameters->text);
    }
    const auto statements = group.statement_count();
    advice.estimated_improvement_percent =
        100.0 * static_cast<double>(statements - 1) / static_cast<double>(statements);
    PGANALYTICS_ASSIGN(advice.confidence, advice::rule_prior(rule));
    advice.title = fmt::format("Pass the values for {} as one array: {} statements become one",
                               sites.front().column->name, statements);
    advice.reasoning = reasoning(group, sites, statements);
    advice.complexity = advice::Complexity::low;
    add_served(inputs, group, advice);
    advice.identity =
        fmt::format("{} {} {}", rule, advice.database_name, base::to_integer(sql::query_hash(edited.text)));
    return advice;
}

}  // namespace

void InVsAnyRule::apply(const Inputs& inputs, StatementTrees& trees, Findings& findings) const {
    for (const auto& group : groups_of(inputs, trees)) {
        if (group.lengths.size() < minimum_variants) continue;
        auto found = advice_for(group, inputs, name());
        if (found) {
            findings.advice.push_back(std::move(found).value());
        } else {
            findings.refused.push_back(
                {std::string(name()), group.members.front().statement->query_hash, found.error().message});
        }
    }
}

}  // namespace pganalytics::rewrite
