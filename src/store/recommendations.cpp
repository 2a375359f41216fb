// Advice into rows: suggestions by query, recommendations by what to change, and what is no longer found marked stale.

#include "store/recommendations.hpp"

#include <algorithm>

#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using advice::Advice;
using nlohmann::json;

/// One JSON object for each suggestion and each recommendation; SQL takes them apart.
json served_of(const Advice& advice) {
    json served = json::array();
    for (const auto& statement : advice.served) {
        const auto hash = base::to_integer(statement.query_hash);
        served.push_back({{"query_hash", hash},
                          {"query_hash_text", std::to_string(hash)},
                          {"share_of_benefit", statement.share_of_benefit},
                          {"improvement_percent", statement.improvement_percent},
                          {"calls_per_minute", statement.calls_per_minute},
                          {"mean_exec_time_ms", statement.mean_exec_time.count()}});
    }
    return served;
}

/// A percentage as the tables check it.
double percent(double value) {
    return std::clamp(value, 0.0, 100.0);
}

json common_of(const Advice& advice) {
    return {{"identity", storable(advice.identity)},   {"rule", advice.rule},
            {"title", storable(advice.title)},         {"reasoning", storable(advice.reasoning)},
            {"statement", storable(advice.statement)}, {"confidence", advice.confidence.mean()},
            {"evidence", advice.evidence.to_json()}};
}

json suggestion_of(const Advice& advice, const advice::ServedStatement& served) {
    auto row = common_of(advice);
    row["query_hash"] = base::to_integer(served.query_hash);
    row["improvement"] = percent(served.improvement_percent);
    row["original"] = storable(advice.original_query);
    row["alternatives"] = advice.alternatives;
    return row;
}

json scopes_of(const ParameterValues& parameter) {
    json scopes = json::array();
    for (const auto& [scope, statement, inverse] : parameter.scopes) {
        scopes.push_back({{"scope", scope}, {"statement", storable(statement)}, {"inverse", storable(inverse)}});
    }
    return scopes;
}

json recommendation_of(const Advice& advice) {
    auto row = common_of(advice);
    row["source_type"] = advice::to_string(advice.source);
    row["served"] = served_of(advice);
    row["query_hash"] =
        advice.served.empty() ? json(nullptr) : json(base::to_integer(advice.served.front().query_hash));
    row["rollback"] = storable(advice.rollback_statement);
    row["improvement"] = percent(advice.estimated_improvement_percent);
    row["complexity"] = advice::to_string(advice.complexity);
    // Advice that serves no query, as a DROP, frees what its object costs the writers.
    row["freed_ms_per_minute"] =
        advice.served.empty() ? std::abs(advice.evidence.write_cost_ms_per_minute.value_or(0)) : 0.0;
    return row;
}

constexpr std::string_view upsert_rewrites =
    "insert into pganalytics.query_rewrite_suggestions as q (target_id, database_name, query_hash, identity, "
    "fingerprint_hash, suggestion_type, "
    "description, original_query, suggested_rewrite, alternatives, reasoning, estimated_improvement_percent, "
    "confidence_score, evidence) "
    "select distinct on (r.query_hash, identity) $1, $2, r.query_hash, identity, s.fingerprint_hash, rule, title, "
    "coalesce(nullif(original, ''), s.query_text, ''), statement, alternatives, reasoning, improvement, confidence, "
    "evidence "
    "from jsonb_to_recordset($3::jsonb) as r (query_hash bigint, identity text, rule text, title text, original text, "
    "statement text, alternatives jsonb, "
    "reasoning text, improvement double precision, confidence double precision, evidence jsonb) "
    "left join pganalytics.statements as s on s.query_hash = r.query_hash order by r.query_hash, identity "
    "on conflict (target_id, database_name, query_hash, identity) do update set fingerprint_hash = "
    "excluded.fingerprint_hash, "
    "suggestion_type = excluded.suggestion_type, description = excluded.description, original_query = "
    "excluded.original_query, "
    "suggested_rewrite = excluded.suggested_rewrite, alternatives = excluded.alternatives, reasoning = "
    "excluded.reasoning, "
    "estimated_improvement_percent = excluded.estimated_improvement_percent, confidence_score = "
    "excluded.confidence_score, "
    "evidence = excluded.evidence, is_stale = false, updated_at = now()";

constexpr std::string_view upsert_parameters =
    "insert into pganalytics.parameter_tuning_suggestions as q (target_id, database_name, query_hash, identity, rule, "
    "parameter_name, current_value, "
    "recommended_value, applies_as, scopes, reasoning, estimated_improvement_percent, confidence_score, evidence) "
    "select distinct on (query_hash, identity) $1, $2, query_hash, identity, rule, parameter_name, current_value, "
    "recommended_value, statement, scopes, reasoning, "
    "improvement, confidence, evidence "
    "from jsonb_to_recordset($3::jsonb) as r (query_hash bigint, identity text, rule text, parameter_name text, "
    "current_value text, recommended_value text, "
    "statement text, scopes jsonb, reasoning text, improvement double precision, confidence double precision, evidence "
    "jsonb) order "
    "by query_hash, identity "
    "on conflict (target_id, database_name, query_hash, identity) do update set rule = excluded.rule, parameter_name = "
    "excluded.parameter_name, "
    "current_value = excluded.current_value, recommended_value = excluded.recommended_value, applies_as = "
    "excluded.applies_as, scopes = excluded.scopes, "
    "reasoning = excluded.reasoning, estimated_improvement_percent = excluded.estimated_improvement_percent, "
    "confidence_score = excluded.confidence_score, evidence = excluded.evidence, is_stale = false, updated_at = now()";

constexpr std::string_view upsert_recommendations =
    "insert into pganalytics.optimization_recommendations as o (target_id, database_name, identity, query_hash, "
    "query_hashes, rule, source_type, "
    "source_id, recommendation_text, detailed_explanation, statement, rollback_statement, "
    "estimated_improvement_percent, confidence_score, "
    "urgency_score, roi_score, implementation_complexity, evidence) "
    "select distinct on (identity) $1, $2, identity, query_hash, served, rule, source_type, "
    "case source_type "
    "when 'parameter' then (select id from pganalytics.parameter_tuning_suggestions as p where p.target_id = $1 and "
    "p.database_name = $2 "
    "and p.query_hash = r.query_hash and p.identity = r.identity) "
    "when 'workload' then null "
    "else (select id from pganalytics.query_rewrite_suggestions as p where p.target_id = $1 and p.database_name = $2 "
    "and p.query_hash = r.query_hash and p.identity = r.identity) end, "
    "title, reasoning, statement, rollback, improvement, confidence, urgency, "
    "pganalytics.calculate_roi_score(confidence, improvement, urgency), "
    "complexity, evidence "
    "from jsonb_to_recordset($3::jsonb) as r (identity text, query_hash bigint, served jsonb, rule text, source_type "
    "text, title text, reasoning text, "
    "statement text, rollback text, improvement double precision, confidence double precision, complexity text, "
    "evidence jsonb, "
    "freed_ms_per_minute double precision) "
    "cross join lateral (select coalesce(sum(pganalytics.calculate_urgency_score(calls_per_minute, "
    "mean_exec_time_ms)), freed_ms_per_minute / 1000) as urgency "
    "from jsonb_to_recordset(served) as s (calls_per_minute double precision, mean_exec_time_ms double precision)) as "
    "u "
    "order by identity "
    "on conflict (target_id, database_name, identity) do update set query_hash = excluded.query_hash, query_hashes = "
    "excluded.query_hashes, "
    "rule = excluded.rule, source_type = excluded.source_type, source_id = excluded.source_id, recommendation_text = "
    "excluded.recommendation_text, "
    "detailed_explanation = excluded.detailed_explanation, statement = excluded.statement, rollback_statement = "
    "excluded.rollback_statement, "
    "estimated_improvement_percent = excluded.estimated_improvement_percent, confidence_score = "
    "excluded.confidence_score, "
    "urgency_score = excluded.urgency_score, roi_score = excluded.roi_score, implementation_complexity = "
    "excluded.implementation_complexity, "
    "evidence = excluded.evidence, is_stale = false, updated_at = now() returning xmax = 0";

/// $1 target, $2 database, $3 rules, $4 identities found, $5 the only query looked at or null.
constexpr std::string_view stale_rewrites =
    "update pganalytics.query_rewrite_suggestions set is_stale = true, updated_at = now() where target_id = $1 and "
    "database_name = $2 "
    "and suggestion_type = any($3::text[]) and not is_stale and ($5::bigint is null or query_hash = $5) "
    "and (query_hash::text || '/' || identity) <> all($4::text[])";
constexpr std::string_view stale_parameters =
    "update pganalytics.parameter_tuning_suggestions as p set is_stale = true, updated_at = now() where target_id = $1 "
    "and database_name = $2 "
    "and not is_stale and ($5::bigint is null or query_hash = $5) and rule = any($3::text[]) "
    "and (query_hash::text || '/' || identity) <> all($4::text[])";
constexpr std::string_view stale_recommendations =
    "update pganalytics.optimization_recommendations set is_stale = true, updated_at = now() where target_id = $1 and "
    "database_name = $2 "
    "and rule = any($3::text[]) and not is_stale and identity <> all($4::text[]) "
    "and ($5::bigint is null or query_hashes @> jsonb_build_array(jsonb_build_object('query_hash', $5::bigint)))";

struct PreparedRows {
    json rewrites = json::array(), parameters = json::array(), recommendations = json::array();
    std::vector<std::string> found_suggestions, found_recommendations;
};

PreparedRows prepare(const AdviceScope& scope, std::span<const AdviceToSave> all) {
    PreparedRows rows;
    for (const auto& [advice, parameter] : all) {
        for (const auto& served : advice.served) {
            auto row = suggestion_of(advice, served);
            rows.found_suggestions.push_back(std::to_string(base::to_integer(served.query_hash)) + "/" +
                                             storable(advice.identity));
            if (advice.source == advice::SourceType::parameter && parameter) {
                row["parameter_name"] = parameter->parameter_name;
                row["current_value"] = parameter->current_value;
                row["recommended_value"] = parameter->recommended_value;
                row["scopes"] = scopes_of(*parameter);
                rows.parameters.push_back(std::move(row));
            } else if (advice.source == advice::SourceType::rewrite || advice.source == advice::SourceType::index) {
                rows.rewrites.push_back(std::move(row));
            }
        }
        if (advice.confidence.mean() < scope.min_confidence) continue;
        rows.found_recommendations.push_back(storable(advice.identity));
        rows.recommendations.push_back(recommendation_of(advice));
    }
    return rows;
}

}  // namespace

base::Result<SaveReport> RecommendationStore::save(base::TargetId target, const AdviceScope& scope,
                                                   std::span<const AdviceToSave> advice) {
    const auto prepared = prepare(scope, advice);
    const auto dumped = [](const json& rows) { return rows.dump(-1, ' ', false, json::error_handler_t::replace); };
    const std::string id = sql_text(target);
    const std::string database = storable(scope.database_name);
    const auto stale_parameters_of = [&](const std::vector<std::string>& found) {
        return postgres::Parameters{id, database, sql_array(scope.rules), sql_array(found),
                                    sql_optional(scope.query_hash)};
    };
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<SaveReport> {
        PGANALYTICS_ASSIGN(const auto rewrites,
                           connection.query(upsert_rewrites, {id, database, dumped(prepared.rewrites)}));
        PGANALYTICS_ASSIGN(const auto parameters,
                           connection.query(upsert_parameters, {id, database, dumped(prepared.parameters)}));
        PGANALYTICS_ASSIGN(const auto saved,
                           connection.query(upsert_recommendations, {id, database, dumped(prepared.recommendations)}));
        SaveReport report;
        for (std::size_t row = 0; row < saved.size(); ++row) ++(saved.boolean(row, 0) ? report.added : report.updated);
        if (scope.rules.empty()) return report;
        PGANALYTICS_ASSIGN(const auto old_rewrites,
                           connection.query(stale_rewrites, stale_parameters_of(prepared.found_suggestions)));
        PGANALYTICS_ASSIGN(const auto old_parameters,
                           connection.query(stale_parameters, stale_parameters_of(prepared.found_suggestions)));
        PGANALYTICS_ASSIGN(const auto old, connection.query(stale_recommendations,
                                                            stale_parameters_of(prepared.found_recommendations)));
        report.stale = static_cast<std::size_t>(old.affected());
        return report;
    });
}

}  // namespace pganalytics::store
