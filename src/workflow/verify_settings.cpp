#include "workflow/verify_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "parameters/compare_runs.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"
#include "workflow/measured_settings.hpp"
#include "workflow/run_safety.hpp"

namespace pganalytics::workflow {

namespace {

using workload::ObservedStatement;

const ObservedStatement* statement_of(const workload::Workload& workload, const advice::Advice& advice) {
    if (advice.served.empty()) return nullptr;
    const auto found = std::find_if(
        workload.statements.begin(), workload.statements.end(),
        [&](const ObservedStatement& statement) { return statement.query_hash == advice.served.front().query_hash; });
    return found == workload.statements.end() ? nullptr : &*found;
}

bool has_parameters(const std::string& text) {
    const auto tree = sql::parse(text);
    if (!tree || tree->statement_count() != 1) return true;
    const auto shape = sql::analyze(*tree);
    return !shape || shape->parameter_count > 0;
}

/// The statement with every value known.
base::Result<std::string> runnable_text(const ObservedStatement& statement) {
    if (!has_parameters(statement.text)) return statement.text;
    for (const auto& example : statement.example_texts) {
        if (!has_parameters(example)) return example;
    }
    return base::Error{base::ErrorCode::unsupported,
                       "No example with its literals is known, and what it takes depends on them",
                       "A target that is collected keeps examples (collector.keep_examples): `targets add`, then "
                       "`parameters --verify`.",
                       ""};
}

class Verification {
  public:
    Verification(postgres::Connection& connection, const catalog::Database& database, const VerifyOptions& options)
        : connection_(connection), database_(database), options_(options) {}

    base::Result<parameters::RunComparison> measure(const ObservedStatement& statement, const std::string& work_mem) {
        PGANALYTICS_ASSIGN(const auto text, runnable_text(statement));
        PGANALYTICS_RETURN_IF_ERROR(check_only_reads(connection_, database_, text));
        const double mean_ms = std::max(1.0, statement.mean_exec_time().count());
        const int affordable = static_cast<int>(static_cast<double>(options_.budget.count()) / (2 * mean_ms)) - 1;
        const int rounds = std::min(options_.rounds, affordable);
        if (rounds < options_.least_rounds) {
            return base::Error{base::ErrorCode::unsupported,
                               fmt::format("it takes {} a call, and {} runs are the least that tell anything",
                                           base::to_words(statement.mean_exec_time()), 2 * options_.least_rounds + 2),
                               "", ""};
        }
        connection_.set_round_trip_timeout(options_.statement_timeout + std::chrono::seconds(5));
        std::vector<plan::Plan> before, after;
        for (int round = 0; round <= rounds; ++round) {
            // The order turns, so that what one run leaves in the caches serves both sides alike.
            const bool setting_first = round % 2 == 1;
            for (const bool with_setting : {setting_first, !setting_first}) {
                PGANALYTICS_ASSIGN(auto plan, run(text, with_setting ? work_mem : ""));
                // The first pair fills the caches.
                if (round > 0) (with_setting ? after : before).push_back(std::move(plan));
            }
        }
        return parameters::compare_runs(before, after, options_.least_gain_percent);
    }

  private:
    base::Result<plan::Plan> run(const std::string& text, const std::string& work_mem) {
        PGANALYTICS_ASSIGN(auto transaction,
                           postgres::Transaction::begin(connection_, postgres::Transaction::Mode::read_only));
        PGANALYTICS_RETURN_IF_ERROR(connection_.execute_script(postgres::our_sql(
            "SET LOCAL statement_timeout = {}", postgres::number(options_.statement_timeout.count()))));
        if (!work_mem.empty()) {
            PGANALYTICS_RETURN_IF_ERROR(
                connection_.execute_script(postgres::our_sql("SET LOCAL work_mem = {}", postgres::literal(work_mem))));
        }
        PGANALYTICS_ASSIGN(const auto rows,
                           connection_.query("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + text));
        PGANALYTICS_ASSIGN(auto plan, plan::parse_explain_json(rows.text(0, 0)));
        PGANALYTICS_RETURN_IF_ERROR(transaction.rollback());
        return plan;
    }

    postgres::Connection& connection_;
    const catalog::Database& database_;
    const VerifyOptions& options_;
};

/// To be kept for analyses to come.
store::SettingMeasurement kept_of(const ObservedStatement& statement, const ParameterChange& change,
                                  const parameters::RunComparison& measured) {
    store::SettingMeasurement kept;
    kept.query_hash = statement.query_hash;
    kept.setting = measured_setting;
    kept.current_value = change.current_value;
    kept.tried_value = change.recommended_value;
    kept.plan_shape = change.plan_shape;
    kept.temp_blocks = change.temp_blocks;
    kept.spill_removed = measured.spill_removed;
    kept.helped = measured.helped;
    kept.gain_percent = measured.gain_percent;
    kept.facts = measured.facts;
    kept.measured_at = base::SystemClock().now();
    return kept;
}

}  // namespace

void verify_settings(postgres::Connection& connection, const workload::Workload& workload,
                     const catalog::Database& database, Analysis& analysis, const VerifyOptions& options,
                     const std::function<void(std::string_view)>& progress) {
    Verification verification(connection, database, options);
    std::vector<RankedAdvice> kept;
    for (auto& ranked : analysis.advice) {
        if (ranked.advice.source == advice::SourceType::parameter && !is_setting_advice(ranked)) {
            ranked.advice.evidence.not_checked.push_back(
                "A measured run: this changes the statement, not a setting, and the application with it");
        }
        const auto* statement = is_setting_advice(ranked) ? statement_of(workload, ranked.advice) : nullptr;
        if (statement == nullptr) {
            kept.push_back(std::move(ranked));
            continue;
        }
        if (progress) progress(fmt::format("running {}", base::one_line(statement->text, 40)));
        const auto measured = verification.measure(*statement, ranked.parameter->recommended_value);
        if (!measured) {
            ranked.advice.evidence.not_checked.push_back("A measured run: " + measured.error().to_string());
            kept.push_back(std::move(ranked));
            continue;
        }
        analysis.measured.push_back(kept_of(*statement, *ranked.parameter, *measured));
        if (!measured->helped) {
            // What was asked for comes first.
            analysis.notes.insert(
                analysis.notes.begin(),
                {"parameters", statement->query_hash,
                 fmt::format("{}: {}: {} will not help, as measured: {}", base::one_line(statement->text, 60),
                             ranked.parameter->name, ranked.parameter->recommended_value,
                             base::join(measured->facts, "; "))});
            continue;
        }
        take_over_measured(measured->gain_percent,
                           "Run with the setting and without, in turn, in READ ONLY transactions that were rolled "
                           "back: " +
                               base::join(measured->facts, "; "),
                           ranked);
        kept.push_back(std::move(ranked));
    }
    analysis.advice = std::move(kept);
    sort_by_return(analysis);
}

}  // namespace pganalytics::workflow
