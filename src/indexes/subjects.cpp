#include "indexes/subjects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "indexes/generate.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::indexes {
namespace {

constexpr std::size_t maximum_examples = 3;

class Preparer {
  public:
    Preparer(const workload::Workload& workload, const catalog::Database& database, CostEstimator& estimator,
             const MissingIndexOptions& options, std::vector<Note>& notes)
        : workload_(workload),
          database_(database),
          estimator_(estimator),
          options_(options),
          limits_(selection_limits(options)),
          notes_(notes),
          reader_(database) {
        generation_.minimum_table_pages = options.minimum_table_pages;
    }

    Problem run() {
        problem_.times_known =
            workload_.window.count() > 0 &&
            std::ranges::any_of(workload_.statements, [](const workload::ObservedStatement& statement) {
                return statement.sum.total_exec_time_ms > 0;
            });
        std::size_t looked_at = 0;
        for (const workload::ObservedStatement& statement : workload_.statements) {
            if (looked_at == options_.maximum_statements) {
                note({}, fmt::format("Only the {} heaviest of {} statements were looked at.", looked_at,
                                     workload_.statements.size()));
                break;
            }
            ++looked_at;
            study(statement);
        }
        find_relevant();
        return std::move(problem_);
    }

  private:
    void note(base::QueryHash hash, std::string text) {
        if (said_.insert(text).second) notes_.push_back({hash, std::move(text)});
    }

    void study(const workload::ObservedStatement& statement) {
        const auto waits = options_.lock_wait_share.find(statement.query_hash);
        const double lock_share = waits == options_.lock_wait_share.end() ? 0 : std::clamp(waits->second, 0.0, 1.0);
        if (lock_share >= options_.maximum_lock_wait_share) {
            return note(
                statement.query_hash,
                fmt::format("{:.0f} % of the time of \"{}\" is waiting for locks: an index would not mend that.",
                            lock_share * 100, base::one_line(statement.text, 60)));
        }
        std::vector<Occurrences> uses;
        SelectionSubject subject;
        subject.subject = subject_of(statement, lock_share);
        if (!read_uses(subject.subject, uses)) return;
        std::vector<Candidate> candidates = candidates_of(uses);
        if (candidates.empty()) return;
        add_twins(candidates, subject.subject);
        if (!price(subject)) return;
        if (subject.base_cost < limits_.minimum_cost_saved) return;
        const auto ideal = estimator_.estimate(subject.subject, candidates);
        if (!ideal) return note(statement.query_hash, not_planned(statement, ideal.error()));
        if (!qualifies(subject.base_cost, ideal->cost, limits_)) return;
        subject.least_cost = ideal->cost;
        add_to_pool(subject, candidates, ideal->used);
        problem_.subjects.push_back(std::move(subject));
        uses_.push_back(std::move(uses));
    }

    Subject subject_of(const workload::ObservedStatement& statement, double lock_share) {
        Subject subject;
        subject.statement = &statement;
        subject.parts.push_back({statement.text, 1});
        for (const std::string& example : statement.example_texts) {
            if (subject.parts.size() > maximum_examples) break;
            subject.parts.push_back({example, 1});
        }
        for (Part& part : subject.parts) part.times = 1.0 / static_cast<double>(subject.parts.size());
        subject.calls_per_minute = workload_.calls_per_minute(statement);
        if (workload_.window.count() > 0) {
            subject.time_per_minute_ms = statement.sum.total_exec_time_ms / workload_.window.count() * (1 - lock_share);
        }
        add_referential_checks(statement, subject);
        return subject;
    }

    /// Deleting a row looks for rows that reference it, once a row, by a query of PostgreSQL's own that EXPLAIN leaves
    /// out.
    void add_referential_checks(const workload::ObservedStatement& statement, Subject& subject) {
        const auto tree = sql::parse(statement.text);
        if (!tree || sql::kind_of(*tree) != sql::StatementKind::delete_) return;
        const auto shape = sql::analyze(*tree);
        if (!shape) return;
        const double rows_a_call =
            statement.sum.calls > 0 ? static_cast<double>(statement.sum.rows) / static_cast<double>(statement.sum.calls)
                                    : 1;
        if (rows_a_call <= 0) return;
        for (const sql::RelationReference& reference : shape->levels.front().relations) {
            if (!reference.target) continue;
            const auto* parent = database_.find_relation(reference.schema, reference.name);
            if (parent == nullptr) continue;
            for (const catalog::Relation& child : database_.relations)
                add_checks_of(child, *parent, rows_a_call, subject);
        }
    }

    static void add_checks_of(const catalog::Relation& child, const catalog::Relation& parent, double rows,
                              Subject& subject) {
        for (const catalog::ForeignKey& key : child.foreign_keys) {
            if (key.referenced_schema != parent.schema || key.referenced_table != parent.name || key.columns.empty())
                continue;
            std::string conditions;
            for (std::size_t i = 0; i < key.columns.size(); ++i) {
                conditions +=
                    fmt::format("{}{} = ${}", i > 0 ? " AND " : "", catalog::quote_identifier(key.columns[i]), i + 1);
            }
            subject.parts.push_back(
                {fmt::format("SELECT 1 FROM {} WHERE {}", child.qualified_name(), conditions), rows});
        }
    }

    bool read_uses(const Subject& subject, std::vector<Occurrences>& uses) {
        for (const Part& part : subject.parts) {
            auto occurrences = reader_.read(part.text);
            if (occurrences) {
                uses.push_back(*std::move(occurrences));
            } else if (occurrences.error().code != base::ErrorCode::unsupported && &part == &subject.parts.front()) {
                note(subject.statement->query_hash,
                     fmt::format("\"{}\" could not be parsed: {}", base::one_line(part.text, 60),
                                 occurrences.error().message));
            }
        }
        return !uses.empty();
    }

    std::vector<Candidate> candidates_of(const std::vector<Occurrences>& uses) {
        std::vector<Candidate> all;
        for (const Occurrences& occurrences : uses) {
            for (const auto& [key, occurrence] : occurrences) tell_state(*occurrence.relation);
            for (Candidate& candidate : generate_candidates(occurrences, database_, generation_)) {
                if (std::ranges::find(all, candidate) == all.end()) all.push_back(std::move(candidate));
            }
        }
        return all;
    }

    static void add_twins(const std::vector<Candidate>& candidates, Subject& subject) {
        std::set<const catalog::Relation*> seen;
        for (const Candidate& candidate : candidates) {
            if (!seen.insert(candidate.relation).second) continue;
            for (const catalog::Index& index : candidate.relation->indexes) {
                if (index.valid && index.method == "btree" && !index.definition.empty())
                    subject.twins.push_back({index.name, index.definition});
            }
        }
    }

    void tell_state(const catalog::Relation& relation) {
        if (relation.kind == catalog::RelationKind::table && relation.rows < 0 &&
            relation.pages >= options_.minimum_table_pages) {
            note({}, fmt::format("{} was never analysed, so that costs on it are guesses: run ANALYZE {}.",
                                 relation.qualified_name(), relation.qualified_name()));
        }
        for (const catalog::Index& index : relation.indexes) {
            if (index.valid) continue;
            note({}, fmt::format(
                         "Index {}.{} on {} is invalid: no query uses it, every write maintains it. Run REINDEX INDEX "
                         "CONCURRENTLY, or drop it.",
                         catalog::quote_identifier(index.schema), catalog::quote_identifier(index.name),
                         relation.qualified_name()));
        }
    }

    /// The present cost; parts that cannot be planned are left out. False where none can.
    bool price(SelectionSubject& subject) {
        if (const auto whole = estimator_.estimate(subject.subject, {})) {
            subject.base_cost = whole->cost;
        } else if (!keep_plannable(subject)) {
            note(subject.subject.statement->query_hash, not_planned(*subject.subject.statement, whole.error()));
            return false;
        }
        const double time = subject.subject.time_per_minute_ms;
        if (problem_.times_known) {
            subject.weight = subject.base_cost > 0 ? time / subject.base_cost : 0;
        } else {
            subject.weight = subject.subject.calls_per_minute > 0 ? subject.subject.calls_per_minute : 1;
        }
        return true;
    }

    bool keep_plannable(SelectionSubject& subject) {
        std::vector<Part> kept;
        for (const Part& part : subject.subject.parts) {
            Subject alone = subject.subject;
            alone.parts = {part};
            const auto estimate = estimator_.estimate(alone, {});
            if (!estimate) continue;
            subject.base_cost += estimate->cost;
            kept.push_back(part);
        }
        subject.subject.parts = std::move(kept);
        return !subject.subject.parts.empty();
    }

    static std::string not_planned(const workload::ObservedStatement& statement, const base::Error& error) {
        return fmt::format("\"{}\" could not be planned: {}", base::one_line(statement.text, 60), error.to_string());
    }

    std::size_t pool_number(const Candidate& candidate) {
        const auto found = std::ranges::find(problem_.pool, candidate);
        if (found != problem_.pool.end()) return static_cast<std::size_t>(found - problem_.pool.begin());
        problem_.pool.push_back(candidate);
        return problem_.pool.size() - 1;
    }

    /// What the plan used, and what may do nearly as much: its prefixes, and two equalities the other way round.
    void add_to_pool(SelectionSubject& subject, const std::vector<Candidate>& candidates,
                     const std::vector<bool>& used) {
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            if (!used[i]) continue;
            subject.together.push_back(pool_number(candidates[i]));
            for (const Candidate& other : candidates) {
                if (is_prefix(other, candidates[i]) || is_reversed(other, candidates[i])) pool_number(other);
            }
        }
        std::ranges::sort(subject.together);
    }

    static bool is_reversed(const Candidate& a, const Candidate& b) {
        return a.relation == b.relation && a.keys.size() == 2 && b.keys.size() == 2 && a.keys[0] == b.keys[1] &&
               a.keys[1] == b.keys[0];
    }

    /// A subject may use an index that another one brought up, where it uses the leading column.
    void find_relevant() {
        for (std::size_t i = 0; i < problem_.subjects.size(); ++i) {
            for (std::size_t number = 0; number < problem_.pool.size(); ++number) {
                if (uses_leading_column(uses_[i], problem_.pool[number]))
                    problem_.subjects[i].relevant.push_back(number);
            }
        }
    }

    static bool uses_leading_column(const std::vector<Occurrences>& uses, const Candidate& candidate) {
        const std::string& column = candidate.keys.front().column;
        for (const Occurrences& occurrences : uses) {
            for (const auto& [key, occurrence] : occurrences) {
                if (occurrence.relation != candidate.relation) continue;
                if (std::ranges::any_of(occurrence.uses,
                                        [&](const ColumnUse& use) { return use.column->name == column; })) {
                    return true;
                }
                if (std::ranges::any_of(occurrence.orders,
                                        [&](const auto& order) { return order.front().column == column; })) {
                    return true;
                }
            }
        }
        return false;
    }

    const workload::Workload& workload_;
    const catalog::Database& database_;
    CostEstimator& estimator_;
    const MissingIndexOptions& options_;
    SelectionLimits limits_;
    std::vector<Note>& notes_;
    ColumnUseReader reader_;
    GenerationLimits generation_;
    Problem problem_;
    std::vector<std::vector<Occurrences>> uses_;  ///< of each subject
    std::set<std::string> said_;
};

}  // namespace

SelectionLimits selection_limits(const MissingIndexOptions& options) {
    return {.minimum_improvement_percent = options.minimum_improvement_percent,
            .minimum_cost_saved = options.minimum_cost_saved,
            .minimum_gain_over_writes = options.minimum_gain_over_writes};
}

Problem prepare(const workload::Workload& workload, const catalog::Database& database, CostEstimator& estimator,
                const MissingIndexOptions& options, std::vector<Note>& notes) {
    return Preparer(workload, database, estimator, options, notes).run();
}

}  // namespace pganalytics::indexes
