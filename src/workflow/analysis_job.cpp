#include "workflow/analysis_job.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "collector/catalog_reader.hpp"
#include "postgres/server_planner.hpp"
#include "store/history.hpp"
#include "store/load_history.hpp"
#include "workflow/advice_predictions.hpp"
#include "workflow/measured_settings.hpp"
#include "workflow/quiet_window.hpp"
#include "workflow/server_memory.hpp"
#include "workflow/setting_history.hpp"
#include "workflow/verify_settings.hpp"

namespace pganalytics::workflow {

namespace {

constexpr std::chrono::days quiet_window_lookback{30};

/// Share of each statement's time that it was seen waiting for a lock: sampled waits × time between samples, over the
/// time it ran.
std::map<base::QueryHash, double> lock_wait_shares(const std::vector<store::ActivitySample>& samples,
                                                   const workload::Workload& workload) {
    std::map<base::QueryHash, double> shares;
    if (samples.size() < 2) return shares;
    const auto [first, last] = std::minmax_element(
        samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.sampled_at < b.sampled_at; });
    const base::Milliseconds span = last->sampled_at - first->sampled_at;
    const double spacing_ms = span.count() / static_cast<double>(samples.size() - 1);
    std::map<base::QueryHash, double> waited_ms;
    for (const auto& sample : samples) {
        for (const auto& [query_hash, backends] : sample.lock_waits) waited_ms[query_hash] += backends * spacing_ms;
    }
    for (const auto& statement : workload.statements) {
        const auto waited = waited_ms.find(statement.query_hash);
        if (waited == waited_ms.end() || statement.sum.total_exec_time_ms <= 0) continue;
        shares[statement.query_hash] = std::min(1.0, waited->second / statement.sum.total_exec_time_ms);
    }
    return shares;
}

/// Means over the samples; what no sample has stays unknown.
void add_activity(const std::vector<store::ActivitySample>& samples, AnalysisOptions& options) {
    double active = 0, available = 0;
    std::size_t with_memory = 0;
    for (const auto& sample : samples) {
        active += sample.active;
        if (!sample.available_memory_percent) continue;
        available += *sample.available_memory_percent;
        ++with_memory;
    }
    if (!samples.empty()) options.concurrent_queries_avg = active / static_cast<double>(samples.size());
    if (with_memory > 0) options.available_memory_pct = available / static_cast<double>(with_memory);
}

class TargetAnalysis {
  public:
    TargetAnalysis(store::Repository& repository, const store::Target& target, base::Secret conninfo,
                   AnalysisJobOptions options, store::Window window)
        : repository_(repository),
          history_(repository),
          target_(target.id),
          total_memory_(target.total_memory),
          conninfo_(std::move(conninfo)),
          options_(options),
          window_(window) {}

    base::Result<DatabaseOutcome> run(const std::string& database_name) {
        DatabaseOutcome outcome{database_name, 0, {}, {}, {}};
        PGANALYTICS_ASSIGN(const auto workload, history_.workload(target_, database_name, window_));
        outcome.statements = workload.statements.size();
        if (workload.statements.empty()) return outcome;
        auto analysed = analyze_live_database(workload);
        if (!analysed) {
            outcome.problem = analysed.error().to_string();
            return outcome;
        }
        PGANALYTICS_RETURN_IF_ERROR(add_quiet_window(*analysed));
        PGANALYTICS_ASSIGN(outcome.saved, save_analysis(repository_, target_, *analysed, options_.min_confidence));
        outcome.notes = std::move(analysed->notes);
        return outcome;
    }

  private:
    /// When to build what is advised, where enough is known of the hours of the day.
    base::Status add_quiet_window(Analysis& analysis) {
        const auto is_build = [](const RankedAdvice& ranked) {
            return ranked.advice.statement.starts_with("CREATE INDEX CONCURRENTLY");
        };
        if (std::none_of(analysis.advice.begin(), analysis.advice.end(), is_build)) return {};
        const store::Window month{window_.to - quiet_window_lookback, window_.to};
        PGANALYTICS_ASSIGN(const auto points, history_.database_history(target_, analysis.database_name, month,
                                                                        base::Seconds(std::chrono::hours(1))));
        PGANALYTICS_ASSIGN(const auto spans, store::LoadHistory(repository_).observed_spans(target_, month));
        std::vector<patterns::Amount> amounts;
        for (const auto& point : points) {
            amounts.push_back({point.active_from, point.active_to, point.sum.total_exec_time_ms});
        }
        std::vector<patterns::Watch> watches;
        for (const auto& span : spans) watches.push_back({span.begins, span.ends});
        const auto window = quietest_hours(patterns::bucket_amounts(amounts, watches, month.from, month.to));
        if (!window) return {};
        for (auto& ranked : analysis.advice) {
            if (is_build(ranked)) ranked.advice.evidence.facts.push_back(to_words(*window));
        }
        return {};
    }

    base::Result<Analysis> analyze_live_database(const workload::Workload& workload) {
        PGANALYTICS_ASSIGN(const auto conninfo, postgres::with_database(conninfo_, workload.database_name));
        PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(conninfo));
        PGANALYTICS_ASSIGN(const auto reading, collector::read_catalog(connection));
        postgres::ServerPlanner planner(connection);
        AnalysisOptions options;
        options.only = options_.only;
        PGANALYTICS_ASSIGN(const auto samples, history_.activity(target_, workload.database_name, window_));
        options.lock_wait_share = lock_wait_shares(samples, workload);
        add_activity(samples, options);
        PGANALYTICS_RETURN_IF_ERROR(add_server_memory(connection, total_memory_, options));
        store::RecommendationStore recommendations(repository_);
        // A repository that fails here fails again when the result is saved, and then it is said.
        options.record_of = [&](std::string_view rule) {
            return recommendations.rule_record(rule).value_or(advice::RuleRecord{});
        };
        auto analysis = analyze(workload, reading.database, planner, options);
        // Where it was asked for, it is measured again; the rest is known from before.
        if (options_.verify) verify_settings(connection, workload, reading.database, analysis);
        PGANALYTICS_RETURN_IF_ERROR(recall_measured(repository_, target_, analysis));
        const store::Window month{window_.to - setting_history_window, window_.to};
        PGANALYTICS_RETURN_IF_ERROR(add_setting_history(repository_, target_, month, analysis));
        // Without a model, or with nothing known of times, the planner's word stands alone.
        if (const auto predictor = DatabasePredictor::read(repository_, target_, workload.database_name, window_.to)) {
            add_predicted_times(analysis, workload, planner, **predictor, window_.to);
        }
        return analysis;
    }

    store::Repository& repository_;
    store::History history_;
    base::TargetId target_;
    std::optional<base::Bytes> total_memory_;
    base::Secret conninfo_;
    AnalysisJobOptions options_;
    store::Window window_;
};

}  // namespace

base::Result<store::SaveReport> save_analysis(store::Repository& repository, base::TargetId target,
                                              const Analysis& analysis, double min_confidence) {
    std::vector<store::AdviceToSave> rows;
    for (const auto& ranked : analysis.advice) {
        rows.push_back({ranked.advice, std::nullopt});
        if (!ranked.parameter) continue;
        store::ParameterValues values{
            ranked.parameter->name, ranked.parameter->current_value, ranked.parameter->recommended_value, {}};
        for (const auto& [scope, statement, inverse] : ranked.parameter->scopes) {
            values.scopes.push_back({std::string(parameters::to_string(scope)), statement, inverse});
        }
        rows.back().parameter = std::move(values);
    }
    store::SettingMeasurements measurements(repository);
    for (const auto& measured : analysis.measured) {
        PGANALYTICS_RETURN_IF_ERROR(measurements.save(target, analysis.database_name, measured));
    }
    store::AdviceScope scope;
    scope.database_name = analysis.database_name;
    scope.rules = analysis.rules;
    scope.min_confidence = min_confidence;
    return store::RecommendationStore(repository).save(target, scope, rows);
}

base::Result<std::vector<DatabaseOutcome>> analyze_target(store::Repository& repository, store::TargetStore& targets,
                                                          base::TargetId target, const base::Clock& clock,
                                                          const AnalysisJobOptions& options,
                                                          const std::function<bool(double, std::string_view)>& go_on,
                                                          const base::Log& log) {
    const base::Timestamp now = clock.now();
    // To the end of the interval under way: what was collected a second ago counts.
    const store::Window window{now - options.window, now + std::chrono::minutes(1)};
    PGANALYTICS_ASSIGN(const auto known, targets.find(target));
    PGANALYTICS_ASSIGN(auto conninfo, targets.conninfo(target));
    PGANALYTICS_ASSIGN(auto databases, store::History(repository).databases(target, window));
    if (options.database_name) {
        std::erase_if(databases, [&](const std::string& name) { return name != *options.database_name; });
    }
    TargetAnalysis analysis(repository, known, std::move(conninfo), options, window);
    std::vector<DatabaseOutcome> outcomes;
    for (const auto& database : databases) {
        const double progress = static_cast<double>(outcomes.size()) / static_cast<double>(databases.size());
        if (!go_on(progress, fmt::format("analysing {}", database))) return outcomes;
        PGANALYTICS_ASSIGN(auto outcome, analysis.run(database));
        if (outcome.problem.empty()) {
            log.info("analysed", {{"database", database},
                                  {"statements", outcome.statements},
                                  {"added", outcome.saved.added},
                                  {"updated", outcome.saved.updated},
                                  {"stale", outcome.saved.stale}});
        } else {
            log.warning("analysis_failed", {{"database", database}, {"problem", outcome.problem}});
        }
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

}  // namespace pganalytics::workflow
