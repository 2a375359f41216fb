// Recommendations and suggestions, read back.

#include <algorithm>

#include "store/recommendations.hpp"
#include "store/records.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr Columns recommendation_columns(
    column("o.id", &Recommendation::id), column("o.target_id", &Recommendation::target_id),
    column("o.database_name", &Recommendation::database_name), column("o.query_hash", &Recommendation::query_hash),
    column("o.query_hashes", &Recommendation::query_hashes_json), column("o.rule", &Recommendation::rule),
    column("o.source_type", &Recommendation::source_type), column("o.source_id", &Recommendation::source_id),
    column("o.recommendation_text", &Recommendation::recommendation_text),
    column("o.detailed_explanation", &Recommendation::detailed_explanation),
    column("o.statement", &Recommendation::statement),
    column("o.rollback_statement", &Recommendation::rollback_statement),
    column("o.estimated_improvement_percent", &Recommendation::estimated_improvement_percent),
    column("o.confidence_score", &Recommendation::confidence_score),
    column("o.urgency_score", &Recommendation::urgency_score), column("o.roi_score", &Recommendation::roi_score),
    column("o.implementation_complexity", &Recommendation::implementation_complexity),
    column("o.evidence", &Recommendation::evidence_json), column("o.is_dismissed", &Recommendation::is_dismissed),
    column("o.dismissal_reason", &Recommendation::dismissal_reason),
    column("(select i.status from pganalytics.optimization_implementations as i where i.recommendation_id = o.id "
           "order by i.implementation_timestamp desc, i.implementation_id desc limit 1)",
           &Recommendation::implementation_status),
    column("o.is_stale", &Recommendation::is_stale), column("o.created_at", &Recommendation::created_at),
    column("o.updated_at", &Recommendation::updated_at));

constexpr Columns rewrite_columns(
    column("id", &RewriteSuggestion::id), column("target_id", &RewriteSuggestion::target_id),
    column("database_name", &RewriteSuggestion::database_name), column("query_hash", &RewriteSuggestion::query_hash),
    column("fingerprint_hash", &RewriteSuggestion::fingerprint_hash),
    column("suggestion_type", &RewriteSuggestion::suggestion_type),
    column("description", &RewriteSuggestion::description),
    column("original_query", &RewriteSuggestion::original_query),
    column("suggested_rewrite", &RewriteSuggestion::suggested_rewrite),
    column("alternatives", &RewriteSuggestion::alternatives), column("reasoning", &RewriteSuggestion::reasoning),
    column("estimated_improvement_percent", &RewriteSuggestion::estimated_improvement_percent),
    column("confidence_score", &RewriteSuggestion::confidence_score),
    column("evidence", &RewriteSuggestion::evidence_json), column("dismissed", &RewriteSuggestion::dismissed),
    column("implemented", &RewriteSuggestion::implemented),
    column("implementation_notes", &RewriteSuggestion::implementation_notes),
    column("created_at", &RewriteSuggestion::created_at), column("updated_at", &RewriteSuggestion::updated_at));

constexpr Columns parameter_columns(
    column("id", &ParameterSuggestion::id), column("target_id", &ParameterSuggestion::target_id),
    column("database_name", &ParameterSuggestion::database_name),
    column("query_hash", &ParameterSuggestion::query_hash),
    column("parameter_name", &ParameterSuggestion::parameter_name),
    column("current_value", &ParameterSuggestion::current_value),
    column("recommended_value", &ParameterSuggestion::recommended_value),
    column("applies_as", &ParameterSuggestion::applies_as), column("scopes", &ParameterSuggestion::scopes_json),
    column("reasoning", &ParameterSuggestion::reasoning),
    column("estimated_improvement_percent", &ParameterSuggestion::estimated_improvement_percent),
    column("confidence_score", &ParameterSuggestion::confidence_score),
    column("evidence", &ParameterSuggestion::evidence_json), column("created_at", &ParameterSuggestion::created_at),
    column("updated_at", &ParameterSuggestion::updated_at));

Error no_such_recommendation(base::RecommendationId id) {
    return {.code = ErrorCode::not_found,
            .message = "There is no recommendation " + sql_text(id) + ".",
            .hint = "List them with: pganalytics recommendations",
            .field = "id"};
}

base::Result<Recommendation> one_recommendation(postgres::Connection& connection, base::RecommendationId id) {
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select " + recommendation_columns.list() +
                                            " from pganalytics.optimization_recommendations as o where o.id = $1",
                                        {sql_text(id)}));
    if (rows.empty()) return no_such_recommendation(id);
    return recommendation_columns.read(rows, 0);
}

/// Of one query where it is given, best confidence first; target and database narrow it where given.
template <typename Suggestion, typename... Filled>
base::Result<std::vector<Suggestion>> suggestions(Repository& repository, std::string_view table,
                                                  const Columns<Suggestion, Filled...>& columns,
                                                  const std::optional<base::QueryHash>& query_hash,
                                                  const std::optional<base::TargetId>& target,
                                                  const std::optional<std::string>& database_name, std::size_t limit) {
    return repository.with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<Suggestion>> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select " + columns.list() + " from pganalytics." + std::string(table) +
                                                " where ($1::bigint is null or query_hash = $1) and not is_stale "
                                                "and ($2::integer is null or target_id = $2) "
                                                "and ($3::text is null or database_name = $3) "
                                                "order by confidence_score desc, id limit $4::bigint",
                                            {sql_optional(query_hash), sql_optional(target),
                                             sql_optional(database_name), std::to_string(limit)}));
        return columns.read_all(rows);
    });
}

}  // namespace

base::Result<Page<Recommendation>> RecommendationStore::list(const RecommendationFilter& filter) {
    postgres::Parameters parameters{
        sql_optional(filter.target),
        sql_optional(filter.database_name),
        filter.source_type ? postgres::Parameter(advice::to_string(*filter.source_type)) : std::nullopt,
        sql_text(filter.min_impact_percent),
        sql_text(filter.include_dismissed),
        std::nullopt,
        std::nullopt,
        std::to_string(filter.limit + 1)};
    if (filter.cursor) {
        PGANALYTICS_ASSIGN(const auto after, read_rank_cursor("recommendations", *filter.cursor));
        parameters[5] = after.rank;
        parameters[6] = after.id;
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<Recommendation>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select " + recommendation_columns.list() +
                    " from pganalytics.optimization_recommendations as o where not o.is_stale "
                    "and ($1::integer is null or o.target_id = $1) and ($2::text is null or o.database_name = $2) "
                    "and ($3::text is null or o.source_type = $3) and o.estimated_improvement_percent >= $4::double "
                    "precision "
                    "and ($5::boolean or not o.is_dismissed) "
                    "and ($6::double precision is null or o.roi_score < $6 or (o.roi_score = $6 and o.id > "
                    "$7::bigint)) "
                    "order by o.roi_score desc, o.id limit $8::bigint",
                parameters));
        return recommendation_columns.read_page(rows, filter.limit, "recommendations", [](const Recommendation& last) {
            return nlohmann::json{last.roi_score, base::to_integer(last.id)};
        });
    });
}

base::Result<Recommendation> RecommendationStore::find(base::RecommendationId id) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) { return one_recommendation(connection, id); });
}

base::Result<Recommendation> RecommendationStore::dismiss(base::RecommendationId id, std::string_view reason) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<Recommendation> {
        PGANALYTICS_ASSIGN(
            const auto done,
            connection.query(
                "with dismissed as (update pganalytics.optimization_recommendations set is_dismissed = true, "
                "dismissal_reason = $2, updated_at = now() where id = $1 returning target_id, database_name, identity) "
                "update pganalytics.query_rewrite_suggestions as q set dismissed = true, updated_at = now() from "
                "dismissed as d "
                "where (q.target_id, q.database_name, q.identity) = (d.target_id, d.database_name, d.identity)",
                {sql_text(id), storable(reason)}));
        return one_recommendation(connection, id);
    });
}

base::Result<std::vector<RewriteSuggestion>> RecommendationStore::rewrite_suggestions(
    base::QueryHash query_hash, std::optional<base::TargetId> target, std::optional<std::string> database_name,
    std::size_t limit) {
    return suggestions(*repository_, "query_rewrite_suggestions", rewrite_columns, query_hash, target, database_name,
                       limit);
}

base::Result<std::vector<ParameterSuggestion>> RecommendationStore::parameter_suggestions(
    std::optional<base::QueryHash> query_hash, std::optional<base::TargetId> target,
    std::optional<std::string> database_name, std::size_t limit) {
    return suggestions(*repository_, "parameter_tuning_suggestions", parameter_columns, query_hash, target,
                       database_name, limit);
}

base::Result<advice::RuleRecord> RecommendationStore::rule_record(std::string_view rule) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<advice::RuleRecord> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select count(*) filter (where verdict = 'improved'), count(*) filter (where verdict = 'no_effect'), "
                "count(*) filter (where verdict = 'regressed'), count(*) filter (where verdict = 'inconclusive') "
                "from pganalytics.optimization_implementations where rule = $1 and verdict is not null and not "
                "preliminary",
                {std::string(rule)}));
        const auto count = [&](std::size_t column) { return static_cast<int>(rows.integer(0, column).value_or(0)); };
        return advice::RuleRecord{
            .improved = count(0), .no_effect = count(1), .regressed = count(2), .inconclusive = count(3)};
    });
}

}  // namespace pganalytics::store
