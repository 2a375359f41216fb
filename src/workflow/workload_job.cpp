#include "workflow/workload_job.hpp"

#include "store/table_changes.hpp"
#include "workflow/analysis_job.hpp"
#include "workflow/workload_advice.hpp"

namespace pganalytics::workflow {

namespace {

class WorkloadAdvisor {
  public:
    WorkloadAdvisor(store::Repository& repository, base::TargetId target, const patterns::DatabaseHistory& history,
                    const store::Window& window)
        : repository_(repository),
          store_(repository),
          target_(target),
          history_(history),
          window_(window),
          activity_([this](std::span<const base::QueryHash> queries) { return load_activity(queries); }) {}

    base::Result<store::SaveReport> run(const patterns::Detection& found) {
        store::AdviceScope scope;
        scope.database_name = history_.database_name;
        scope.min_confidence = AnalysisJobOptions{}.min_confidence;
        scope.rules = {std::string(collision_rule)};
        PGANALYTICS_ASSIGN(auto advice, advise_on_collisions(history_, found.patterns, activity_));
        const auto catalog = store_.latest_catalog(target_, history_.database_name);
        if (catalog) {
            scope.rules.emplace_back(repeated_read_rule);
            PGANALYTICS_ASSIGN(auto reads, repeated_reads(*catalog));
            std::move(reads.begin(), reads.end(), std::back_inserter(advice));
        } else if (catalog.error().code != base::ErrorCode::not_found) {
            return catalog.error();
        }
        store::RecommendationStore recommendations(repository_);
        std::vector<store::AdviceToSave> rows;
        for (auto& one : advice) {
            PGANALYTICS_ASSIGN(one.evidence.record, recommendations.rule_record(one.rule));
            one.confidence = one.confidence.updated(one.evidence.record);
            rows.push_back({std::move(one), std::nullopt});
        }
        return recommendations.save(target_, scope, rows);
    }

  private:
    base::Result<std::vector<advice::Advice>> repeated_reads(const catalog::Database& catalog) {
        PGANALYTICS_ASSIGN(const auto workload, store_.workload(target_, history_.database_name, window_));
        std::vector<ObservedText> statements;
        for (const auto& statement : workload.statements) statements.push_back({statement.query_hash, statement.text});
        const ChangeSource changes = [this](std::span<const catalog::Relation* const> tables)
            -> base::Result<std::vector<patterns::ChangeReading>> {
            std::vector<std::pair<std::string, std::string>> names;
            for (const auto* table : tables) {
                // Rows of a partitioned table are counted where they lie.
                if (table->kind == catalog::RelationKind::table) names.emplace_back(table->schema, table->name);
            }
            PGANALYTICS_ASSIGN(const auto readings,
                               store::table_changes(repository_, target_, history_.database_name, window_, names));
            std::vector<patterns::ChangeReading> result;
            for (const auto& reading : readings) result.push_back({reading.at, reading.changes});
            return result;
        };
        return advise_on_repeated_reads(history_, statements, catalog, activity_, changes);
    }

    base::Result<std::vector<patterns::StatementActivity>> load_activity(std::span<const base::QueryHash> queries) {
        std::vector<patterns::StatementActivity> rows;
        const store::StatementPlace place{target_, {}, history_.database_name};
        for (const base::QueryHash query : queries) {
            PGANALYTICS_ASSIGN(const auto points, store_.statement_history(place, query, window_));
            for (const auto& point : points) {
                rows.push_back({query, point.active_from, point.active_to, static_cast<double>(point.sum.calls),
                                point.sum.total_exec_time_ms,
                                static_cast<double>(point.sum.shared_blks_hit + point.sum.shared_blks_read),
                                static_cast<double>(point.sum.rows)});
            }
        }
        return rows;
    }

    store::Repository& repository_;
    store::History store_;
    base::TargetId target_;
    const patterns::DatabaseHistory& history_;
    store::Window window_;
    ActivityReader activity_;
};

}  // namespace

base::Result<store::SaveReport> advise_on_workload(store::Repository& repository, base::TargetId target,
                                                   const patterns::DatabaseHistory& history,
                                                   const patterns::Detection& found, const store::Window& window) {
    return WorkloadAdvisor(repository, target, history, window).run(found);
}

}  // namespace pganalytics::workflow
