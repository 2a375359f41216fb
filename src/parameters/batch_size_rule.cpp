#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "parameters/batch_text.hpp"
#include "parameters/rules.hpp"
#include "sql/ast.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::parameters {

namespace {

using workload::ObservedStatement;

// Below ten little is saved; beyond a thousand nothing more, and a failed row costs the whole batch.
constexpr double least_batch = 10;
constexpr double largest_batch = 1000;
constexpr double usual_batch = 100;
// Share of a single-row statement's time that is the statement's and not the row's: starting and ending the executor,
// locks, snapshots. Measured on PostgreSQL 15 by parameters_batch_test; docs/rules/batch_size.md.
constexpr double share_of_statement = 0.45;
// What follows a request comes at a request's rate. A loop runs twice as often as the busiest of them, or, where a
// single-row read or a commit goes with each row, ten times as often.
constexpr double above_all = 2;
constexpr double alone_above_all = 10;
constexpr double same_rate = 0.1;
// Fewer statements have no median that means anything.
constexpr std::size_t least_statements_for_median = 5;

bool writes(sql::StatementKind kind) {
    return kind == sql::StatementKind::insert || kind == sql::StatementKind::update ||
           kind == sql::StatementKind::delete_;
}

class BatchSizeRule {
  public:
    BatchSizeRule(const Inputs& inputs, Findings& findings)
        : inputs_(inputs), findings_(findings), least_rate_(least_rate()) {}

    void run() {
        std::size_t looked_at = 0;
        for (const auto& statement : inputs_.workload.statements) {
            if (++looked_at > inputs_.options.maximum_statements) break;
            if (rate(statement) < least_rate_ || !touches_one_row(statement)) continue;
            const auto tree = sql::parse(statement.text);
            if (tree && tree->statement_count() == 1 && writes(sql::kind_of(*tree))) judge(statement, *tree);
        }
    }

  private:
    /// What tells how often somebody asks for something: a loop runs more often than any of it.
    struct Surroundings {
        double busiest_request = 0;  ///< calls a minute of the busiest statement that no loop would run
        const ObservedStatement* busiest = nullptr;
        std::vector<const ObservedStatement*> steps;  ///< single-row reads and commits: part of a request, or of a loop
    };

    [[nodiscard]] double rate(const ObservedStatement& statement) const {
        return std::max(statement.max_calls_per_minute, inputs_.workload.calls_per_minute(statement));
    }

    static bool touches_one_row(const ObservedStatement& statement) {
        if (statement.sum.calls <= 0) return false;
        const double rows = static_cast<double>(statement.sum.rows) / static_cast<double>(statement.sum.calls);
        return rows > 0.5 && rows < 1.5;
    }

    [[nodiscard]] double median_rate() const {
        std::vector<double> rates;
        for (const auto& statement : inputs_.workload.statements) {
            if (statement.sum.calls > 0) rates.push_back(rate(statement));
        }
        if (rates.size() < least_statements_for_median) return 0;
        const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
        std::nth_element(rates.begin(), middle, rates.end());
        return *middle;
    }

    [[nodiscard]] double least_rate() const {
        return std::max(inputs_.options.minimum_loop_calls_per_minute,
                        inputs_.options.minimum_loop_over_median * median_rate());
    }

    /// Lists, counts and what locks its row are requests of their own. One row by its key is a step of a request, or of
    /// a loop; so is a commit. Writes are what is judged.
    [[nodiscard]] const Surroundings& surroundings() {
        if (surroundings_) return *surroundings_;
        surroundings_.emplace();
        for (const auto& statement : inputs_.workload.statements) {
            if (statement.sum.calls <= 0 || rate(statement) < inputs_.options.minimum_loop_calls_per_minute / 10)
                continue;
            const auto tree = sql::parse(statement.text);
            if (!tree || tree->statement_count() != 1) continue;
            if (tree->statement().has_transaction_stmt()) {
                if (tree->statement().transaction_stmt().kind() == pg_query::TRANS_STMT_COMMIT) {
                    surroundings_->steps.push_back(&statement);
                }
                continue;
            }
            if (writes(sql::kind_of(*tree))) continue;
            const auto shape = sql::analyze(*tree);
            if (!shape || shape->levels.empty()) continue;
            const auto& top = shape->levels.front();
            if (touches_one_row(statement) && !top.has_aggregate && !top.locks_rows) {
                surroundings_->steps.push_back(&statement);
            } else if (rate(statement) > surroundings_->busiest_request) {
                surroundings_->busiest_request = rate(statement);
                surroundings_->busiest = &statement;
            }
        }
        return *surroundings_;
    }

    /// Why it runs as often as it does, where that is no loop; "" where it is one.
    [[nodiscard]] std::string follows(const ObservedStatement& statement) {
        const auto& around = surroundings();
        const double often = rate(statement);
        if (often >= alone_above_all * around.busiest_request) return "";
        for (const auto* step : around.steps) {
            if (std::abs(rate(*step) / often - 1) <= same_rate) {
                return fmt::format("it runs as often as \"{}\"", base::one_line(step->text, 40));
            }
        }
        if (often >= above_all * around.busiest_request) return "";
        return fmt::format("\"{}\" runs {:.0f} times", base::one_line(around.busiest->text, 40),
                           around.busiest_request);
    }

    void note(const ObservedStatement& statement, std::string text) {
        findings_.notes.push_back({statement.query_hash, "batch_size", std::move(text)});
    }

    [[nodiscard]] double concurrency() const {
        if (inputs_.options.concurrent_queries_avg) return std::max(1.0, *inputs_.options.concurrent_queries_avg);
        double busy = 0;  // milliseconds a minute
        for (const auto& statement : inputs_.workload.statements) {
            busy += inputs_.workload.calls_per_minute(statement) * statement.mean_exec_time().count();
        }
        return std::max(1.0, busy / 60000);
    }

    /// DESIGN, Advice.
    [[nodiscard]] double size(advice::Evidence& evidence) const {
        const auto percent = inputs_.options.available_memory_pct;
        if (!percent) {
            evidence.not_checked.push_back(
                fmt::format("The memory there is: not known, so the batch is the usual {:.0f} rows", usual_batch));
            return usual_batch;
        }
        const double wanted = *percent * 1000 / concurrency();
        evidence.facts.push_back(
            fmt::format("{:.0f} % of memory × 1000 / {:.1f} statements at one time gives {:.0f}, kept between {:.0f} "
                        "and {:.0f}",
                        *percent, concurrency(), wanted, least_batch, largest_batch));
        return std::round(std::clamp(wanted, least_batch, largest_batch));
    }

    void judge(const ObservedStatement& statement, const sql::Tree& tree) {
        if (const auto why = follows(statement); !why.empty()) {
            note(statement,
                 fmt::format("It touches one row a call, {:.0f} times a minute, but at the rate of requests, "
                             "not of a loop: {}",
                             rate(statement), why));
            return;
        }
        const auto batch = batch_text(tree, inputs_.database);
        if (!batch) {
            note(statement, fmt::format("It touches one row a call, {:.0f} times a minute, but cannot be batched: {}",
                                        rate(statement), batch.error().message));
            return;
        }
        advice::Evidence evidence;
        evidence.basis = advice::Basis::calls_per_parent;
        evidence.facts.push_back(
            fmt::format("{} calls touched one row each, {:.0f} a minute at the busiest; the workload's median "
                        "statement runs {:.0f} times",
                        base::with_thousands(statement.sum.calls), rate(statement), median_rate()));
        evidence.facts.push_back("The round trips between the calls are not in the server's times and come on top");
        const auto planned = inputs_.planner.plan(batch->text);
        if (planned) {
            evidence.checked.push_back("The server plans the many-row form");
        } else if (planned.error().code == base::ErrorCode::fix_input ||
                   planned.error().code == base::ErrorCode::unsupported) {
            note(statement, "The server refuses its many-row form: " + planned.error().to_string());
            return;
        } else {
            evidence.not_checked.push_back("Whether the server plans the many-row form: " +
                                           planned.error().to_string());
        }
        evidence.not_checked.push_back(
            "That the calls come from one session's loop: the server's counters do not tell sessions apart");
        if (tree.statement().has_insert_stmt() && tree.statement().insert_stmt().has_on_conflict_clause()) {
            evidence.facts.push_back("ON CONFLICT DO UPDATE refuses a batch that holds one key twice");
        }
        const double rows = size(evidence);
        add(statement, rows, batch->text, std::move(evidence));
    }

    void add(const ObservedStatement& statement, double rows, const std::string& text, advice::Evidence evidence) {
        const double improvement = 100 * (1 - 1 / rows) * share_of_statement;
        Finding finding;
        finding.parameter_name = "batch_size";
        finding.current_value = "1";
        finding.recommended_value = fmt::format("{:.0f}", rows);
        finding.applies_as = {{Scope::query, text, ""}};
        auto& advice = finding.advice;
        advice.rule = "batch_size";
        advice.source = advice::SourceType::parameter;
        advice.database_name = inputs_.workload.database_name;
        advice.title =
            fmt::format("Send {:.0f} rows at a time instead of one in {}", rows, base::one_line(statement.text, 60));
        advice.reasoning = fmt::format(
            "It runs {:.0f} times a minute and touches one row each time: parsing, executor, commit and round trip are "
            "paid for every row. In batches of {:.0f} rows they are paid once a batch. The statement shows the form; "
            "the application gathers the rows.",
            rate(statement), rows);
        advice.statement = text;
        advice.original_query = statement.text;
        advice.served = {served_by(inputs_, statement, improvement)};
        advice.estimated_improvement_percent = improvement;
        const double excess = rate(statement) / least_rate_;
        advice.confidence = confidence_of("batch_size", std::clamp(std::log2(std::max(1.0, excess)) / 3, 0.0, 1.0));
        advice.evidence = std::move(evidence);
        advice.complexity = advice::Complexity::medium;
        advice.identity = identity_of("batch_size", statement);
        findings_.findings.push_back(std::move(finding));
    }

    const Inputs& inputs_;
    Findings& findings_;
    double least_rate_;
    std::optional<Surroundings> surroundings_;
};

}  // namespace

void find_batch_size(const Inputs& inputs, Findings& findings) {
    BatchSizeRule(inputs, findings).run();
}

}  // namespace pganalytics::parameters
