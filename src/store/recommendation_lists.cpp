// Recommendations and suggestions, read back.

#include <algorithm>

#include "store/recommendations.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

std::string recommendation_columns() {
    return "o.id, o.target_id, o.database_name, o.query_hash, o.query_hashes, o.rule, o.source_type, o.source_id, "
           "o.recommendation_text, "
           "o.detailed_explanation, o.statement, o.rollback_statement, o.estimated_improvement_percent, "
           "o.confidence_score, o.urgency_score, o.roi_score, "
           "o.implementation_complexity, o.evidence, o.is_dismissed, o.dismissal_reason, "
           "(select i.status from pganalytics.optimization_implementations as i where i.recommendation_id = o.id "
           "order by i.implementation_timestamp desc, i.implementation_id desc limit 1), o.is_stale, " +
           microseconds_of("o.created_at") + ", " + microseconds_of("o.updated_at");
}

Recommendation recommendation_of(const postgres::Rows& rows, std::size_t row) {
    Recommendation r;
    r.id = id_cell<base::RecommendationId>(rows, row, 0);
    r.target_id = id_cell<base::TargetId>(rows, row, 1);
    r.database_name = rows.text(row, 2);
    if (const auto hash = rows.integer(row, 3)) r.query_hash = base::QueryHash{*hash};
    r.query_hashes_json = rows.text(row, 4);
    r.rule = rows.text(row, 5);
    r.source_type = rows.text(row, 6);
    r.source_id = rows.integer(row, 7);
    r.recommendation_text = rows.text(row, 8);
    r.detailed_explanation = rows.text(row, 9);
    r.statement = rows.text(row, 10);
    r.rollback_statement = rows.text(row, 11);
    r.estimated_improvement_percent = rows.number(row, 12).value_or(0);
    r.confidence_score = rows.number(row, 13).value_or(0);
    r.urgency_score = rows.number(row, 14).value_or(0);
    r.roi_score = rows.number(row, 15).value_or(0);
    r.implementation_complexity = rows.text(row, 16);
    r.evidence_json = rows.text(row, 17);
    r.is_dismissed = rows.boolean(row, 18);
    r.dismissal_reason = optional_text_cell(rows, row, 19);
    r.implementation_status = optional_text_cell(rows, row, 20);
    r.is_stale = rows.boolean(row, 21);
    r.created_at = time_cell(rows, row, 22);
    r.updated_at = time_cell(rows, row, 23);
    return r;
}

Error no_such_recommendation(base::RecommendationId id) {
    return {.code = ErrorCode::not_found,
            .message = "There is no recommendation " + sql_text(id) + ".",
            .hint = "List them with: pganalytics recommendations",
            .field = "id"};
}

base::Result<Recommendation> one_recommendation(postgres::Connection& connection, base::RecommendationId id) {
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query("select " + recommendation_columns() +
                                            " from pganalytics.optimization_recommendations as o where o.id = $1",
                                        {sql_text(id)}));
    if (rows.empty()) return no_such_recommendation(id);
    return recommendation_of(rows, 0);
}

/// Of one query, best confidence first; target and database narrow it where given.
base::Result<postgres::Rows> suggestions(postgres::Connection& connection, std::string_view table,
                                         const std::string& columns, std::optional<base::QueryHash> query_hash,
                                         std::optional<base::TargetId> target,
                                         const std::optional<std::string>& database_name, std::size_t limit) {
    return connection.query(
        "select " + columns + " from pganalytics." + std::string(table) +
            " where ($1::bigint is null or query_hash = $1) and not is_stale and ($2::integer is null or target_id = "
            "$2) "
            "and ($3::text is null or database_name = $3) order by confidence_score desc, id limit $4::bigint",
        {sql_optional(query_hash), sql_optional(target), sql_optional(database_name), std::to_string(limit)});
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
        PGANALYTICS_ASSIGN(const auto after, read_cursor("recommendations", *filter.cursor, 2));
        parameters[5] = after[0].dump();
        parameters[6] = after[1].dump();
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<Recommendation>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select " + recommendation_columns() +
                    " from pganalytics.optimization_recommendations as o where not o.is_stale "
                    "and ($1::integer is null or o.target_id = $1) and ($2::text is null or o.database_name = $2) "
                    "and ($3::text is null or o.source_type = $3) and o.estimated_improvement_percent >= $4::double "
                    "precision "
                    "and ($5::boolean or not o.is_dismissed) "
                    "and ($6::double precision is null or o.roi_score < $6 or (o.roi_score = $6 and o.id > "
                    "$7::bigint)) "
                    "order by o.roi_score desc, o.id limit $8::bigint",
                parameters));
        Page<Recommendation> page;
        for (std::size_t row = 0; row < rows.size() && row < filter.limit; ++row)
            page.items.push_back(recommendation_of(rows, row));
        if (rows.size() > filter.limit && !page.items.empty()) {
            page.next_cursor =
                make_cursor("recommendations", {page.items.back().roi_score, base::to_integer(page.items.back().id)});
        }
        return page;
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
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<RewriteSuggestion>> {
            PGANALYTICS_ASSIGN(const auto rows,
                               suggestions(connection, "query_rewrite_suggestions",
                                           "id, target_id, database_name, query_hash, fingerprint_hash, "
                                           "suggestion_type, description, original_query, suggested_rewrite, "
                                           "alternatives, reasoning, estimated_improvement_percent, confidence_score, "
                                           "evidence, dismissed, implemented, implementation_notes, " +
                                               microseconds_of("created_at") + ", " + microseconds_of("updated_at"),
                                           query_hash, target, database_name, limit));
            std::vector<RewriteSuggestion> result;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                RewriteSuggestion s;
                s.id = id_cell<base::SuggestionId>(rows, row, 0);
                s.target_id = id_cell<base::TargetId>(rows, row, 1);
                s.database_name = rows.text(row, 2);
                s.query_hash = id_cell<base::QueryHash>(rows, row, 3);
                if (const auto family = rows.integer(row, 4)) s.fingerprint_hash = base::FingerprintHash{*family};
                s.suggestion_type = rows.text(row, 5);
                s.description = rows.text(row, 6);
                s.original_query = rows.text(row, 7);
                s.suggested_rewrite = rows.text(row, 8);
                s.alternatives = json_strings(rows, row, 9);
                s.reasoning = rows.text(row, 10);
                s.estimated_improvement_percent = rows.number(row, 11).value_or(0);
                s.confidence_score = rows.number(row, 12).value_or(0);
                s.evidence_json = rows.text(row, 13);
                s.dismissed = rows.boolean(row, 14);
                s.implemented = rows.boolean(row, 15);
                s.implementation_notes = optional_text_cell(rows, row, 16);
                s.created_at = time_cell(rows, row, 17);
                s.updated_at = time_cell(rows, row, 18);
                result.push_back(std::move(s));
            }
            return result;
        });
}

base::Result<std::vector<ParameterSuggestion>> RecommendationStore::parameter_suggestions(
    std::optional<base::QueryHash> query_hash, std::optional<base::TargetId> target,
    std::optional<std::string> database_name, std::size_t limit) {
    return repository_->with_connection(
        [&](postgres::Connection& connection) -> base::Result<std::vector<ParameterSuggestion>> {
            PGANALYTICS_ASSIGN(const auto rows,
                               suggestions(connection, "parameter_tuning_suggestions",
                                           "id, target_id, database_name, query_hash, parameter_name, current_value, "
                                           "recommended_value, applies_as, reasoning, "
                                           "estimated_improvement_percent, confidence_score, evidence, " +
                                               microseconds_of("created_at") + ", " + microseconds_of("updated_at"),
                                           query_hash, target, database_name, limit));
            std::vector<ParameterSuggestion> result;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                ParameterSuggestion s;
                s.id = id_cell<base::SuggestionId>(rows, row, 0);
                s.target_id = id_cell<base::TargetId>(rows, row, 1);
                s.database_name = rows.text(row, 2);
                s.query_hash = id_cell<base::QueryHash>(rows, row, 3);
                s.parameter_name = rows.text(row, 4);
                s.current_value = rows.text(row, 5);
                s.recommended_value = rows.text(row, 6);
                s.applies_as = rows.text(row, 7);
                s.reasoning = rows.text(row, 8);
                s.estimated_improvement_percent = rows.number(row, 9).value_or(0);
                s.confidence_score = rows.number(row, 10).value_or(0);
                s.evidence_json = rows.text(row, 11);
                s.created_at = time_cell(rows, row, 12);
                s.updated_at = time_cell(rows, row, 13);
                result.push_back(std::move(s));
            }
            return result;
        });
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
