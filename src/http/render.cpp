#include "http/render.hpp"

#include "workload/counter_fields.hpp"

namespace pganalytics::http {

Json to_json(const store::Recommendation& recommendation) {
    const auto& from = recommendation;
    Json json;
    json["id"] = base::to_integer(from.id);
    json["target_id"] = base::to_integer(from.target_id);
    json["database_name"] = from.database_name;
    json["query_hash"] = from.query_hash ? Json(base::to_integer(*from.query_hash)) : Json(nullptr);
    json["query_hashes"] = parse_column(from.query_hashes_json);
    json["rule"] = from.rule;
    json["source_type"] = from.source_type;
    json["source_id"] = value_or_null(from.source_id);
    json["recommendation_text"] = from.recommendation_text;
    json["detailed_explanation"] = from.detailed_explanation;
    json["statement"] = from.statement;
    json["rollback_statement"] = from.rollback_statement;
    json["estimated_improvement_percent"] = number_or_null(from.estimated_improvement_percent);
    json["confidence_score"] = number_or_null(from.confidence_score);
    json["urgency_score"] = number_or_null(from.urgency_score);
    json["roi_score"] = number_or_null(from.roi_score);
    json["implementation_complexity"] = from.implementation_complexity;
    json["evidence"] = parse_column(from.evidence_json);
    json["is_dismissed"] = from.is_dismissed;
    json["dismissal_reason"] = value_or_null(from.dismissal_reason);
    json["implementation_status"] = value_or_null(from.implementation_status);
    json["is_stale"] = from.is_stale;
    json["created_at"] = base::to_rfc3339(from.created_at);
    json["updated_at"] = base::to_rfc3339(from.updated_at);
    return json;
}

Json to_json(const store::StatementSummary& summary) {
    const auto& statement = summary.statement;
    const auto& sum = statement.sum;
    Json json;
    json["query_hash"] = base::to_integer(statement.query_hash);
    json["fingerprint_hash"] =
        statement.fingerprint_hash ? Json(base::to_integer(*statement.fingerprint_hash)) : Json(nullptr);
    json["target_id"] = base::to_integer(summary.target_id);
    json["database_name"] = statement.database_name;
    json["user_names"] = summary.user_names;
    json["query_text"] = statement.text;
    json["calls"] = sum.calls;
    json["calls_per_minute"] = number_or_null(summary.calls_per_minute);
    json["total_exec_time_ms"] = number_or_null(sum.total_exec_time_ms);
    json["mean_exec_time_ms"] = number_or_null(sum.mean_exec_time().count());
    json["stddev_exec_time_ms"] =
        statement.stddev_exec_time_ms ? number_or_null(*statement.stddev_exec_time_ms) : Json(nullptr);
    json["rows"] = sum.rows;
    json["shared_blks_hit"] = sum.shared_blks_hit;
    json["shared_blks_read"] = sum.shared_blks_read;
    json["temp_blks_read"] = sum.temp_blks_read;
    json["temp_blks_written"] = sum.temp_blks_written;
    json["first_seen"] = base::to_rfc3339(summary.first_seen);
    json["last_seen"] = base::to_rfc3339(summary.last_seen);
    return json;
}

Json to_detailed_json(const store::StatementSummary& summary) {
    Json json = to_json(summary);
    json["max_calls_per_minute"] = number_or_null(summary.statement.max_calls_per_minute);
    // queryids use all 64 bits and are names, not numbers: text.
    json["query_ids"] = Json::array();
    for (const auto id : summary.statement.query_ids) {
        json["query_ids"].push_back(std::to_string(base::to_integer(id)));
    }
    json["example_texts"] = summary.statement.example_texts;
    json["counters"] = Json::object();
    for (const auto& field : workload::counter_fields) {
        const auto value = workload::counter_value(summary.statement.sum, field);
        const std::string name(field.name);
        if (!value) {
            json["counters"][name] = nullptr;
        } else if (field.is_integer()) {
            json["counters"][name] = static_cast<std::int64_t>(*value);
        } else {
            json["counters"][name] = number_or_null(*value);
        }
    }
    return json;
}

Json to_json(const store::Target& target) {
    Json json;
    json["id"] = base::to_integer(target.id);
    json["name"] = target.name;
    json["connection"] = target.conninfo_shown;
    json["system_identifier"] = value_or_null(target.system_identifier);
    json["server_version"] = value_or_null(target.server_version);
    json["database_filter"] = target.database_filter;
    json["time_zone"] = target.time_zone.empty() ? Json(nullptr) : Json(target.time_zone);
    json["enabled"] = target.enabled;
    json["apply_allowed"] = target.apply_allowed;
    json["total_memory_bytes"] = target.total_memory ? Json(target.total_memory->value) : Json(nullptr);
    json["state"] = target.state;
    json["state_detail"] = target.state_detail;
    json["last_collected_at"] = time_or_null(target.last_collected_at);
    json["created_at"] = base::to_rfc3339(target.created_at);
    return json;
}

Json to_json(const store::StatementPlace& place) {
    Json json;
    json["target"] = base::to_integer(place.target_id);
    json["target_name"] = place.target_name;
    json["database_name"] = place.database_name;
    return json;
}

}  // namespace pganalytics::http
