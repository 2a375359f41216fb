#include "workflow/report_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace pganalytics::workflow {

namespace {

using nlohmann::ordered_json;

ordered_json hash_text(base::QueryHash hash) {
    return fmt::format("{}", base::to_integer(hash));
}

/// Everything that leaves as JSON must be valid UTF-8; statements of a SQL_ASCII database need not be.
ordered_json text(const std::string& value) {
    return base::to_valid_utf8(value);
}

}  // namespace

ordered_json to_json(const RankedAdvice& ranked) {
    const auto& advice = ranked.advice;
    ordered_json json;
    json["rule"] = advice.rule;
    json["source_type"] = advice::to_string(advice.source);
    json["database_name"] = advice.database_name;
    json["query_hash"] = nullptr;
    json["query_hash_text"] = nullptr;
    json["query_hashes"] = ordered_json::array();
    for (const auto& served : advice.served) {
        if (json["query_hash"].is_null()) {
            json["query_hash"] = base::to_integer(served.query_hash);
            json["query_hash_text"] = hash_text(served.query_hash);
        }
        json["query_hashes"].push_back({{"query_hash", base::to_integer(served.query_hash)},
                                        {"query_hash_text", hash_text(served.query_hash)},
                                        {"share_of_benefit", served.share_of_benefit},
                                        {"improvement_percent", served.improvement_percent},
                                        {"calls_per_minute", served.calls_per_minute},
                                        {"mean_exec_time_ms", served.mean_exec_time.count()}});
    }
    json["recommendation_text"] = text(advice.title);
    json["detailed_explanation"] = text(advice.reasoning);
    json["statement"] = text(advice.statement);
    json["rollback_statement"] = text(advice.rollback_statement);
    if (!advice.original_query.empty()) json["original_query"] = text(advice.original_query);
    if (!advice.alternatives.empty()) {
        json["alternatives"] = ordered_json::array();
        for (const auto& alternative : advice.alternatives) json["alternatives"].push_back(text(alternative));
    }
    if (ranked.parameter) {
        json["parameter_name"] = ranked.parameter->name;
        json["current_value"] = text(ranked.parameter->current_value);
        json["recommended_value"] = text(ranked.parameter->recommended_value);
        json["scopes"] = ordered_json::array();
        for (const auto& [scope, statement, inverse] : ranked.parameter->scopes) {
            json["scopes"].push_back(
                {{"scope", parameters::to_string(scope)}, {"statement", text(statement)}, {"inverse", text(inverse)}});
        }
    }
    json["estimated_improvement_percent"] = advice.estimated_improvement_percent;
    json["confidence_score"] = advice.confidence.mean();
    json["urgency_score"] = ranked.urgency_score;
    json["roi_score"] = ranked.roi_score;
    json["cost_saved_per_minute"] = ranked.cost_saved_per_minute;
    json["implementation_complexity"] = advice::to_string(advice.complexity);
    json["evidence"] = advice.evidence.to_json();
    return json;
}

ordered_json to_json(const LiveReport& report) {
    ordered_json json;
    json["server"] = report.server;
    json["server_version"] = report.server_version;
    json["databases"] = ordered_json::array();
    for (const auto& analysis : report.analyses) {
        ordered_json database;
        database["database_name"] = analysis.database_name;
        database["statements"] = analysis.statements;
        database["window_minutes"] = analysis.window.count();
        database["rules"] = analysis.rules;
        database["recommendations"] = ordered_json::array();
        for (const auto& ranked : analysis.advice) database["recommendations"].push_back(to_json(ranked));
        database["notes"] = ordered_json::array();
        for (const auto& note : analysis.notes) {
            ordered_json item{{"capability", note.capability}, {"text", text(note.text)}};
            if (base::to_integer(note.query_hash) != 0) item["query_hash_text"] = hash_text(note.query_hash);
            database["notes"].push_back(std::move(item));
        }
        json["databases"].push_back(std::move(database));
    }
    json["origins"] = ordered_json::array();
    for (const auto& origin : report.origins) {
        json["origins"].push_back(
            {{"query_hash_text", hash_text(origin.query_hash)}, {"file", text(origin.file)}, {"line", origin.line}});
    }
    json["skipped"] = ordered_json::array();
    for (const auto& skipped : report.skipped) {
        json["skipped"].push_back({{"file", text(skipped.file)},
                                   {"line", skipped.line},
                                   {"reason", text(skipped.reason)},
                                   {"harmless", skipped.harmless}});
    }
    json["notes"] = ordered_json::array();
    for (const auto& note : report.notes) json["notes"].push_back(text(note));
    return json;
}

ordered_json to_json(const store::Recommendation& recommendation) {
    const auto& row = recommendation;
    ordered_json json;
    json["id"] = base::to_integer(row.id);
    json["target_id"] = base::to_integer(row.target_id);
    json["database_name"] = text(row.database_name);
    json["query_hash"] = row.query_hash ? ordered_json(base::to_integer(*row.query_hash)) : ordered_json();
    json["query_hash_text"] = row.query_hash ? hash_text(*row.query_hash) : ordered_json();
    json["query_hashes"] = ordered_json::parse(row.query_hashes_json, nullptr, false);
    json["rule"] = row.rule;
    json["source_type"] = row.source_type;
    json["source_id"] = row.source_id ? ordered_json(*row.source_id) : ordered_json();
    json["recommendation_text"] = text(row.recommendation_text);
    json["detailed_explanation"] = text(row.detailed_explanation);
    json["statement"] = text(row.statement);
    json["rollback_statement"] = text(row.rollback_statement);
    json["estimated_improvement_percent"] = row.estimated_improvement_percent;
    json["confidence_score"] = row.confidence_score;
    json["urgency_score"] = row.urgency_score;
    json["roi_score"] = row.roi_score;
    json["implementation_complexity"] = row.implementation_complexity;
    json["evidence"] = ordered_json::parse(row.evidence_json, nullptr, false);
    json["is_dismissed"] = row.is_dismissed;
    json["dismissal_reason"] = row.dismissal_reason ? text(*row.dismissal_reason) : ordered_json();
    json["implementation_status"] =
        row.implementation_status ? ordered_json(*row.implementation_status) : ordered_json();
    json["created_at"] = base::to_rfc3339(row.created_at);
    json["updated_at"] = base::to_rfc3339(row.updated_at);
    return json;
}

ordered_json to_json(const store::ParameterSuggestion& suggestion) {
    ordered_json json;
    json["id"] = base::to_integer(suggestion.id);
    json["query_hash"] = base::to_integer(suggestion.query_hash);
    json["query_hash_text"] = hash_text(suggestion.query_hash);
    json["target_id"] = base::to_integer(suggestion.target_id);
    json["database_name"] = text(suggestion.database_name);
    json["parameter_name"] = suggestion.parameter_name;
    json["current_value"] = text(suggestion.current_value);
    json["recommended_value"] = text(suggestion.recommended_value);
    json["applies_as"] = text(suggestion.applies_as);
    json["scopes"] = ordered_json::parse(suggestion.scopes_json, nullptr, false);
    json["reasoning"] = text(suggestion.reasoning);
    json["estimated_improvement_percent"] = suggestion.estimated_improvement_percent;
    json["confidence_score"] = suggestion.confidence_score;
    json["evidence"] = ordered_json::parse(suggestion.evidence_json, nullptr, false);
    json["created_at"] = base::to_rfc3339(suggestion.created_at);
    json["updated_at"] = base::to_rfc3339(suggestion.updated_at);
    return json;
}

}  // namespace pganalytics::workflow
