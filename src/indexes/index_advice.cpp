#include "indexes/index_advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "indexes/generate.hpp"
#include "indexes/index_size.hpp"
#include "plan/describe.hpp"

namespace pganalytics::indexes {
namespace {

constexpr std::string_view rule = "missing_index_detected";
constexpr std::size_t statements_in_words = 3;
// Without the planner's word the prior is worth this much of itself.
constexpr double unchecked_share = 0.75;

std::string with_unit(double value) {
    return base::with_thousands(static_cast<std::int64_t>(std::llround(value)));
}

bool stands_on(const plan::Node& node, const catalog::Relation& relation, const catalog::Database& database) {
    if (node.relation.empty() || node.type == plan::NodeType::modify_table) return false;
    if (node.relation == relation.name) return true;
    const auto* scanned = database.find_relation(node.schema, node.relation);
    return scanned != nullptr && scanned->partition_parent == relation.oid && base::to_integer(relation.oid) != 0;
}

/// How one part's plan reads before and after: the costliest scan of the relation, and the scan that uses the index.
struct Shapes {
    std::string before, after;
    bool generic = false;
};

class Writer {
  public:
    Writer(const Step& step, const std::vector<std::size_t>& before, const AdviceContext& context, Names& names,
           std::map<std::size_t, std::string>& index_names)
        : step_(step), before_(before), context_(context), index_names_(index_names) {
        for (const std::size_t number : step.candidates) {
            candidates_.push_back(context.problem.pool[number]);
            ddl_.push_back(make_ddl(candidates_.back(), context.database, names));
            index_names_[number] = ddl_.back().name;
        }
    }

    advice::Advice write() {
        advice_.rule = rule;
        advice_.source = advice::SourceType::index;
        advice_.database_name = context_.workload.database_name;
        advice_.evidence.basis = context_.asked_planner ? advice::Basis::planner_cost : advice::Basis::modelled_cost;
        identify();
        served();
        storage();
        writers();
        checks();
        advice_.confidence = confidence();
        advice_.reasoning = reasoning();
        return std::move(advice_);
    }

  private:
    void identify() {
        std::vector<std::string> descriptions, creates, rollbacks;
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            descriptions.push_back(describe(candidates_[i]));
            creates.push_back(ddl_[i].create);
            rollbacks.push_back(ddl_[i].rollback);
        }
        const std::string what = base::join(descriptions, " and ");
        advice_.identity = fmt::format("{}:{}", rule, what);
        const bool again = ddl_.front().create.starts_with("REINDEX");
        advice_.title = fmt::format("{} {}",
                                    again                    ? "Rebuild the invalid index on"
                                    : candidates_.size() > 1 ? "Add indexes on"
                                                             : "Add an index on",
                                    what);
        advice_.statement = base::join(creates, ";\n");
        advice_.rollback_statement = base::join(rollbacks, ";\n");
        const bool several = candidates_.size() > 1 || ddl_.front().several_steps;
        advice_.complexity = several ? advice::Complexity::medium : advice::Complexity::low;
    }

    void served() {
        double time = 0, saved = 0, gain = 0;
        for (const StepEffect& effect : step_.effects) gain += effect.gain;
        for (const StepEffect& effect : step_.effects) {
            const SelectionSubject& subject = context_.problem.subjects[effect.subject];
            const double percent = (effect.cost_before - effect.cost_after) / subject.base_cost * 100;
            const double share = gain > 0 ? effect.gain / gain : 1.0 / static_cast<double>(step_.effects.size());
            advice_.served.push_back({.query_hash = subject.subject.statement->query_hash,
                                      .improvement_percent = percent,
                                      .calls_per_minute = subject.subject.calls_per_minute,
                                      .mean_exec_time = subject.subject.statement->mean_exec_time(),
                                      .share_of_benefit = share});
            const double weight = subject.weight * subject.base_cost;
            time += weight;
            saved += weight * percent / 100;
            compare(effect, subject);
        }
        advice_.estimated_improvement_percent =
            time > 0 ? saved / time * 100 : advice_.served.front().improvement_percent;
    }

    void compare(const StepEffect& effect, const SelectionSubject& subject) {
        const Shapes shapes = shapes_of(subject);
        advice_.evidence.costs.push_back({.query_hash = subject.subject.statement->query_hash,
                                          .before = {effect.cost_before},
                                          .after = {effect.cost_after},
                                          .before_shape = shapes.before,
                                          .after_shape = shapes.after,
                                          .generic_plan = shapes.generic,
                                          .calls_per_minute = subject.subject.calls_per_minute});
    }

    /// Pool numbers of the indexes supposed for a subject: the step's own first.
    [[nodiscard]] std::vector<std::size_t> chosen_for(const SelectionSubject& subject, bool with_step) const {
        std::vector<std::size_t> chosen;
        if (with_step) chosen = step_.candidates;
        for (const std::size_t number : before_) {
            if (std::ranges::binary_search(subject.relevant, number)) chosen.push_back(number);
        }
        return chosen;
    }

    base::Result<Estimate> planned_with(const SelectionSubject& subject, const std::vector<std::size_t>& chosen) {
        std::vector<Candidate> candidates;
        for (const std::size_t number : chosen) candidates.push_back(context_.problem.pool[number]);
        auto estimate = context_.estimator.estimate(subject.subject, candidates);
        if (!estimate) return estimate;
        for (PartPlan& part : estimate->parts) give_names(part.planned, subject.subject, chosen);
        return estimate;
    }

    /// Hypothetical indexes under the names they have or will have.
    void give_names(plan::PlannedStatement& planned, const Subject& subject,
                    const std::vector<std::size_t>& chosen) const {
        std::map<std::string, std::string> names;
        for (std::size_t i = 0; i < planned.hypothetical.size(); ++i) {
            const bool twin = i < subject.twins.size();
            if (!twin && i - subject.twins.size() >= chosen.size()) break;
            names[planned.hypothetical[i].name] =
                twin ? subject.twins[i].name : index_names_.at(chosen[i - subject.twins.size()]);
        }
        rename(planned.plan.root, names);
    }

    static void rename(plan::Node& node, const std::map<std::string, std::string>& names) {
        if (const auto found = names.find(node.index_name); found != names.end()) node.index_name = found->second;
        for (plan::Node& child : node.children) rename(child, names);
    }

    Shapes shapes_of(const SelectionSubject& subject) {
        Shapes shapes;
        const auto before = planned_with(subject, chosen_for(subject, false));
        const auto after = planned_with(subject, chosen_for(subject, true));
        if (!before || !after) return shapes;
        // Of several texts of one statement, the one that gains most tells the story.
        std::size_t part = 0;
        double largest = -1;
        for (std::size_t i = 0; i < std::min(before->parts.size(), after->parts.size()); ++i) {
            const double fall = (before->parts[i].cost - after->parts[i].cost) * before->parts[i].times;
            if (fall > largest) {
                largest = fall;
                part = i;
            }
            shapes.generic = shapes.generic || before->parts[i].planned.source == plan::PlanSource::generic;
            if (before->parts[i].planned.dml_as_select) planned_as_select_ = true;
        }
        if (before->parts.empty()) return shapes;
        shapes.before = scan_before(before->parts[part].planned.plan);
        shapes.after = scan_after(after->parts[part].planned.plan);
        return shapes;
    }

    std::string scan_before(const plan::Plan& plan) const {
        const plan::Node* costliest = nullptr;
        plan::for_each_node(plan.root, [&](const plan::Node& node, int) {
            const bool ours = std::ranges::any_of(candidates_, [&](const Candidate& candidate) {
                return stands_on(node, *candidate.relation, context_.database);
            });
            if (ours && (costliest == nullptr || node.total_cost > costliest->total_cost)) costliest = &node;
        });
        return costliest == nullptr ? plan::to_words(plan.root) : plan::to_words(*costliest);
    }

    std::string scan_after(const plan::Plan& plan) const {
        if (!context_.asked_planner) return fmt::format("Index Scan using {}, modelled", ddl_.front().name);
        std::string words;
        plan::for_each_node(plan.root, [&](const plan::Node& node, int) {
            if (words.empty() && std::ranges::find(ddl_, node.index_name, &Ddl::name) != ddl_.end())
                words = plan::to_words(node);
        });
        return words;
    }

    void storage() {
        for (const Candidate& candidate : candidates_) {
            const double rows = total_rows(context_.database, *candidate.relation);
            const double pages = total_pages(context_.database, *candidate.relation);
            const auto size = estimate_index_size(candidate, rows);
            if (size) advice_.evidence.storage = advice_.evidence.storage.value_or(base::Bytes{}) + *size;
            advice_.evidence.facts.push_back(
                fmt::format("{} has about {} rows in {}.", candidate.relation->qualified_name(),
                            rows < 0 ? "an unknown number of" : with_unit(rows),
                            base::to_words(base::Bytes{static_cast<std::int64_t>(pages * 8192)})));
            distinct_values(candidate, rows);
            for (const catalog::Index* old : superseded_by(candidate)) {
                advice_.evidence.facts.push_back(fmt::format("It can do all that {} does, which then is redundant.",
                                                             catalog::quote_identifier(old->name)));
            }
        }
    }

    void distinct_values(const Candidate& candidate, double rows) {
        for (const Key& key : candidate.keys) {
            const catalog::Column* column = candidate.relation->find_column(key.column);
            if (column == nullptr || !column->statistics || rows < 0) continue;
            advice_.evidence.facts.push_back(fmt::format("{} has about {} different values.",
                                                         catalog::quote_identifier(key.column),
                                                         with_unit(column->statistics->distinct_count(rows))));
        }
    }

    void writers() {
        if (context_.workload.window.count() <= 0) {
            advice_.evidence.not_checked.push_back("The cost on writes: no rates are known for a file of statements.");
            return;
        }
        double sum = 0;
        for (const Candidate& candidate : candidates_) {
            const auto found = context_.writes.find(candidate.relation);
            if (found == context_.writes.end()) {
                advice_.evidence.facts.push_back(
                    fmt::format("No write to {} was seen in {}.", candidate.relation->qualified_name(),
                                base::to_words(base::Milliseconds(context_.workload.window))));
                continue;
            }
            const WriteCost cost = write_cost(candidate, found->second);
            sum += cost.milliseconds_per_minute();
            advice_.evidence.facts.push_back(fmt::format(
                "Writers of {} would make about {:.1f} index entries a minute at {:.3f} ms each.",
                candidate.relation->qualified_name(), cost.entries_per_minute, cost.milliseconds_per_entry));
        }
        advice_.evidence.write_cost_ms_per_minute = sum;
    }

    void checks() {
        auto& evidence = advice_.evidence;
        if (context_.asked_planner) {
            evidence.checked.push_back(
                "Each served statement was planned with and without the index (hypothetical, HypoPG), the existing "
                "indexes given "
                "hypothetical twins both times so that like is compared with like.");
        } else {
            evidence.not_checked.push_back(
                fmt::format("The planner was not asked: {} Costs are from our own formulas.", context_.why_not_asked));
        }
        const bool generic = std::ranges::any_of(evidence.costs, &advice::CostComparison::generic_plan);
        const bool literals = std::ranges::any_of(step_.effects, [&](const StepEffect& effect) {
            const auto& observed = *context_.problem.subjects[effect.subject].subject.statement;
            return observed.has_literals || !observed.example_texts.empty();
        });
        if (generic && !literals) {
            evidence.not_checked.push_back(
                "Only generic plans were judged, since no example with its literals is known: a value much more or "
                "less common "
                "than the average may be planned otherwise.");
        }
        if (planned_as_select_) {
            evidence.checked.push_back("Statements that write were planned as the SELECT that finds their rows.");
        }
        if (!before_.empty())
            evidence.checked.push_back("Gains are counted on top of the indexes suggested before this one.");
    }

    [[nodiscard]] bool builds_on_others() const {
        return std::ranges::any_of(step_.effects, [&](const StepEffect& effect) {
            const SelectionSubject& subject = context_.problem.subjects[effect.subject];
            return effect.cost_before < subject.base_cost;
        });
    }

    [[nodiscard]] advice::Confidence confidence() const {
        const auto prior = advice::rule_prior(rule);
        base::check(prior.has_value(), "the rule has a registered prior");
        return context_.asked_planner ? *prior : advice::Confidence::prior(prior->mean() * unchecked_share);
    }

    [[nodiscard]] std::string reasoning() const {
        std::string text;
        const std::size_t shown = std::min(statements_in_words, step_.effects.size());
        for (std::size_t i = 0; i < shown; ++i) {
            const advice::CostComparison& cost = advice_.evidence.costs[i];
            const auto& observed = *context_.problem.subjects[step_.effects[i].subject].subject.statement;
            text += fmt::format("\"{}\" costs {:.0f} now{} and {:.0f} with the index{} ({:.0f} % less). ",
                                base::one_line(observed.text, 80), cost.before.value,
                                cost.before_shape.empty() ? "" : " (" + cost.before_shape + ")", cost.after.value,
                                cost.after_shape.empty() ? "" : " (" + cost.after_shape + ")",
                                advice_.served[i].improvement_percent);
        }
        if (step_.effects.size() > shown) text += fmt::format("{} more gain as well. ", step_.effects.size() - shown);
        if (context_.problem.times_known) {
            text += fmt::format("Together this frees about {} of database time a minute",
                                base::to_words(base::Milliseconds(step_.gain)));
            text += step_.write_cost > 0 ? fmt::format(", and costs writers about {} a minute.",
                                                       base::to_words(base::Milliseconds(step_.write_cost)))
                                         : ".";
        }
        if (advice_.evidence.storage)
            text += fmt::format(" The index takes about {}.", base::to_words(*advice_.evidence.storage));
        return text;
    }

    const Step& step_;
    const std::vector<std::size_t>& before_;
    const AdviceContext& context_;
    std::map<std::size_t, std::string>& index_names_;
    std::vector<Candidate> candidates_;
    std::vector<Ddl> ddl_;
    advice::Advice advice_;
    bool planned_as_select_ = false;
};

}  // namespace

advice::Advice advise(const Step& step, const std::vector<std::size_t>& before, const AdviceContext& context,
                      Names& names, std::map<std::size_t, std::string>& index_names) {
    return Writer(step, before, context, names, index_names).write();
}

}  // namespace pganalytics::indexes
