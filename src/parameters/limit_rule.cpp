#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "parameters/rules.hpp"
#include "plan/describe.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::parameters {

namespace {

using workload::ObservedStatement;

// What a person or a page takes at once, where the memory is not known.
constexpr double least_page = 50;
constexpr double largest_page = 1000;

double rows_per_call(const ObservedStatement& statement) {
    return statement.sum.calls > 0 ? static_cast<double>(statement.sum.rows) / static_cast<double>(statement.sum.calls)
                                   : 0;
}

/// Two figures: 12,345 → 12,000.
double rounded(double rows) {
    const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(std::max(1.0, rows))) - 1));
    return std::max(1.0, unit * std::floor(rows / unit));
}

/// `key = ANY ($1)`, `key IN (…)` of a column that is unique alone.
bool is_list_of_keys(const sql::Predicate& predicate, const sql::QueryLevel& top, const catalog::Database& database) {
    const bool list = predicate.kind == sql::PredicateKind::any_array || predicate.kind == sql::PredicateKind::in_list;
    if (!list || predicate.negated || predicate.left.kind != sql::OperandKind::column) return false;
    const auto& column = predicate.left.column;
    if (column.relation < 0 && top.relations.size() != 1) return false;
    const auto& from = top.relations[static_cast<std::size_t>(std::max(0, column.relation))];
    const auto* relation = database.find_relation(from.schema, from.name);
    if (relation == nullptr) return false;
    const std::vector<std::string> key{column.column};
    return std::find(relation->unique_keys.begin(), relation->unique_keys.end(), key) != relation->unique_keys.end();
}

/// Whether the caller bounds it already: by a list of keys, by what it joins (VALUES, unnest), by a LIMIT inside.
bool bounded_by_caller(const sql::Shape& shape, const catalog::Database& database) {
    const auto& top = shape.levels.front();
    const bool joins_list = std::any_of(top.relations.begin(), top.relations.end(), [&shape](const auto& relation) {
        if (relation.origin == sql::RelationOrigin::values) return true;
        if (relation.origin == sql::RelationOrigin::function && !relation.nullable) return true;
        return relation.body_level >= 0 &&
               shape.levels[static_cast<std::size_t>(relation.body_level)].limit.count.has_value();
    });
    return joins_list || std::any_of(top.predicates.begin(), top.predicates.end(),
                                     [&](const auto& predicate) { return is_list_of_keys(predicate, top, database); });
}

/// What does more than to read is no list, whatever it returns.
bool only_reads(const sql::Shape& shape) {
    static const std::set<std::string, std::less<>> acting{"nextval",
                                                           "setval",
                                                           "pg_notify",
                                                           "pg_advisory_lock",
                                                           "pg_advisory_xact_lock",
                                                           "pg_try_advisory_lock",
                                                           "pg_try_advisory_xact_lock"};
    return std::all_of(shape.levels.begin(), shape.levels.end(), [](const sql::QueryLevel& level) {
        const bool reads = level.kind == sql::LevelKind::select || level.kind == sql::LevelKind::set_operation ||
                           level.kind == sql::LevelKind::values;
        return reads && !level.locks_rows &&
               std::none_of(level.functions.begin(), level.functions.end(),
                            [](const std::string& name) { return acting.contains(name); });
    });
}

/// A list: rows of tables as they are, all of them. nullopt where the statement is another thing or bounded already.
std::optional<sql::Tree> unbounded_list(const ObservedStatement& statement, const catalog::Database& database) {
    auto tree = sql::parse(statement.text);
    if (!tree || tree->statement_count() != 1 || sql::kind_of(*tree) != sql::StatementKind::select) return std::nullopt;
    if (!tree->statement().has_select_stmt() || tree->statement().select_stmt().has_into_clause()) return std::nullopt;
    const auto shape = sql::analyze(*tree);
    if (!shape || shape->levels.empty()) return std::nullopt;
    const auto& top = shape->levels.front();
    const auto& select = tree->statement().select_stmt();
    const bool bounded = select.has_limit_count();
    const bool collapses = top.has_aggregate || !top.group_by.empty();
    if (top.kind != sql::LevelKind::select || bounded || collapses || !only_reads(*shape)) return std::nullopt;
    // A list without a table is a constant.
    if (top.relations.empty() || bounded_by_caller(*shape, database)) return std::nullopt;
    return std::move(*tree);
}

base::Result<sql::EditedStatement> with_limit(const sql::Tree& tree, std::int64_t limit) {
    auto edited = tree.clone_message();
    auto* select = edited->mutable_stmts(0)->mutable_stmt()->mutable_select_stmt();
    select->mutable_limit_count()->mutable_a_const()->mutable_ival()->set_ival(static_cast<int>(limit));
    select->set_limit_option(pg_query::LIMIT_OPTION_COUNT);
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(tree.text()));
    std::size_t end = 0;
    for (const auto& token : tokens) {
        if (token.kind != sql::TokenKind::comment && token.text != ";") end = token.end;
    }
    return sql::finish_edit(tree, *edited, {{end, end, fmt::format(" LIMIT {}", limit)}});
}

class LimitRule {
  public:
    LimitRule(const Inputs& inputs, Findings& findings) : inputs_(inputs), findings_(findings) {}

    void run() {
        std::size_t looked_at = 0;
        for (const auto& statement : inputs_.workload.statements) {
            if (++looked_at > inputs_.options.maximum_statements) break;
            const bool large = rows_per_call(statement) >= inputs_.options.large_result_rows;
            const bool repeats = statement.sum.calls > 1 && inputs_.workload.calls_per_minute(statement) >=
                                                                inputs_.options.minimum_list_calls_per_minute;
            if (!large || !repeats) continue;
            const auto tree = unbounded_list(statement, inputs_.database);
            if (tree) judge(statement, *tree);
        }
    }

  private:
    void note(const ObservedStatement& statement, std::string text) {
        findings_.notes.push_back({statement.query_hash, "LIMIT", std::move(text)});
    }

    /// DESIGN, Advice; bounded by what was seen.
    [[nodiscard]] double candidate(const ObservedStatement& statement, advice::Evidence& evidence) const {
        const double rows = rows_per_call(statement);
        const auto percent = inputs_.options.available_memory_pct;
        if (percent && *percent > 0) {
            const double busiest =
                std::max(statement.max_calls_per_minute, inputs_.workload.calls_per_minute(statement));
            const double load = busiest * statement.mean_exec_time().count() / *percent;
            evidence.facts.push_back(
                fmt::format("{:.1f} calls a minute × {:.1f} ms / {:.0f} % of memory gives {:.0f}, kept between {:.0f} "
                            "and half of the rows seen",
                            busiest, statement.mean_exec_time().count(), *percent, load, least_page));
            return rounded(std::clamp(load, least_page, rows / 2));
        }
        evidence.not_checked.push_back(
            "The memory there is: not known, so the page is a tenth of the rows seen, at most a thousand");
        return rounded(std::clamp(rows / 10, least_page, largest_page));
    }

    void judge(const ObservedStatement& statement, const sql::Tree& tree) {
        advice::Evidence evidence;
        const double rows = rows_per_call(statement);
        evidence.facts.push_back(fmt::format("A call returns {} rows; {} calls were seen, {:.1f} a minute",
                                             base::with_thousands(static_cast<std::int64_t>(rows)),
                                             base::with_thousands(statement.sum.calls),
                                             inputs_.workload.calls_per_minute(statement)));
        const auto limit = static_cast<std::int64_t>(candidate(statement, evidence));
        const auto edited = with_limit(tree, limit);
        if (!edited) {
            note(statement, "No LIMIT could be added to its text: " + edited.error().to_string());
            return;
        }
        const auto before = inputs_.planner.plan(statement.text);
        const auto after = inputs_.planner.plan(edited->text);
        double improvement = 100 * (1 - static_cast<double>(limit) / rows);
        if (before && after) {
            const double cost = before->plan.total_cost().value;
            improvement = cost > 0 ? 100 * (1 - after->plan.total_cost().value / cost) : 0;
            add_costs(statement, *before, *after, evidence);
            if (improvement < inputs_.options.minimum_gain_percent) {
                note(statement, fmt::format("It returns {:.0f} rows a call, but LIMIT {} would save {:.0f} % of its "
                                            "cost only: what it reads, it reads before the first row",
                                            rows, limit, std::max(0.0, improvement)));
                return;
            }
        } else {
            evidence.not_checked.push_back("The plan with LIMIT: " +
                                           (before ? after.error() : before.error()).to_string());
        }
        if (!edited->kept_formatting) evidence.facts.push_back("Layout and comments of the text are lost in the edit");
        const bool ordered = !tree.statement().select_stmt().sort_clause().empty();
        if (!ordered) {
            evidence.facts.push_back(
                "The statement has no ORDER BY: which rows a LIMIT keeps is then open; page by a "
                "unique key");
        }
        add(statement, limit, std::clamp(improvement, 0.0, 99.9), edited->text, std::move(evidence));
    }

    void add_costs(const ObservedStatement& statement, const plan::PlannedStatement& before,
                   const plan::PlannedStatement& after, advice::Evidence& evidence) const {
        advice::CostComparison costs;
        costs.query_hash = statement.query_hash;
        costs.before = before.plan.total_cost();
        costs.after = after.plan.total_cost();
        costs.before_shape = plan::to_words(before.plan.root);
        costs.after_shape = plan::to_words(after.plan.root);
        costs.generic_plan = after.source == plan::PlanSource::generic;
        costs.calls_per_minute = inputs_.workload.calls_per_minute(statement);
        evidence.costs.push_back(std::move(costs));
        evidence.checked.push_back("Planned with the LIMIT");
    }

    void add(const ObservedStatement& statement, std::int64_t limit, double improvement, const std::string& text,
             advice::Evidence evidence) {
        Finding finding;
        finding.parameter_name = "LIMIT";
        finding.current_value = "none";
        finding.recommended_value = fmt::format("{}", limit);
        finding.applies_as = {{Scope::query, text, ""}};
        auto& advice = finding.advice;
        advice.rule = "LIMIT";
        advice.source = advice::SourceType::parameter;
        advice.database_name = inputs_.workload.database_name;
        advice.title = fmt::format("Fetch {} rows at a time in {}", limit, base::one_line(statement.text, 60));
        advice.reasoning = fmt::format(
            "Each call returns {} rows, with nothing to bound them as the tables grow. A page of {} rows answers the "
            "same need; the next page starts behind the last key. This changes what the application receives: it has "
            "to ask for the next page.",
            base::with_thousands(static_cast<std::int64_t>(rows_per_call(statement))), limit);
        advice.statement = text;
        advice.original_query = statement.text;
        advice.served = {served_by(inputs_, statement, improvement)};
        advice.estimated_improvement_percent = improvement;
        const double excess = std::log10(rows_per_call(statement) / inputs_.options.large_result_rows);
        advice.confidence = confidence_of("LIMIT", std::clamp(0.3 + 0.35 * excess, 0.0, 1.0));
        evidence.basis = evidence.costs.empty() ? advice::Basis::modelled_cost : advice::Basis::planner_cost;
        advice.evidence = std::move(evidence);
        advice.complexity = advice::Complexity::medium;
        advice.identity = identity_of("LIMIT", statement);
        findings_.findings.push_back(std::move(finding));
    }

    const Inputs& inputs_;
    Findings& findings_;
};

}  // namespace

void find_limit(const Inputs& inputs, Findings& findings) {
    LimitRule(inputs, findings).run();
}

}  // namespace pganalytics::parameters
