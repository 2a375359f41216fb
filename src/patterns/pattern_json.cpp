#include "patterns/pattern_json.hpp"

#include <nlohmann/json.hpp>

namespace pganalytics::patterns {
namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

nlohmann::json metadata_json(const PatternMetadata& metadata) {
    nlohmann::json hashes = nlohmann::json::array();
    nlohmann::json texts = nlohmann::json::array();
    for (const base::QueryHash query : metadata.affected_queries) {
        hashes.push_back(base::to_integer(query));
        texts.push_back(std::to_string(base::to_integer(query)));
    }
    nlohmann::json json{
        {"peak_hour", or_null(metadata.peak_hour)},
        {"variance", or_null(metadata.variance)},
        {"confidence", metadata.confidence},
        {"affected_queries", std::move(hashes)},
        {"affected_queries_text", std::move(texts)},
        {"z_score_count", or_null(metadata.z_score_count)},
        {"z_score_time", or_null(metadata.z_score_time)},
        {"days_observed", or_null(metadata.days_observed)},
        {"consistency_score", or_null(metadata.consistency_score)},
        {"recurrence_score", or_null(metadata.recurrence_score)},
        {"frequency", or_null(metadata.frequency)},
        {"impact_score", or_null(metadata.impact_score)},
        {"period_hours", or_null(metadata.period_hours)},
    };
    if (metadata.p_value) json["p_value"] = *metadata.p_value;
    if (metadata.strength) json["strength"] = *metadata.strength;
    if (!metadata.days_of_week.empty()) json["days_of_week"] = metadata.days_of_week;
    if (metadata.start_minute) json["start_minute"] = *metadata.start_minute;
    if (metadata.duration_minutes) json["duration_minutes"] = *metadata.duration_minutes;
    if (metadata.jitter_minutes) json["jitter_minutes"] = *metadata.jitter_minutes;
    if (!metadata.days_of_month.empty()) json["days_of_month"] = metadata.days_of_month;
    if (metadata.last_seen) json["last_seen"] = base::to_rfc3339(*metadata.last_seen);
    return json;
}

nlohmann::json incident_json(const Incident& incident) {
    if (incident.is_level_shift) {
        return {{"at", base::to_rfc3339(incident.begins)},
                {"before", incident.expected},
                {"after", incident.value},
                {"score", incident.score}};
    }
    return {{"begins", base::to_rfc3339(incident.begins)},
            {"ends", base::to_rfc3339(incident.ends)},
            {"value", incident.value},
            {"expected", incident.expected},
            {"score", incident.score}};
}

nlohmann::json forecast_json(const Forecast& forecast, base::Timestamp first, base::Seconds step) {
    nlohmann::json points = nlohmann::json::array();
    for (std::size_t i = 0; i < forecast.points.size(); ++i) {
        const ForecastPoint& point = forecast.points[i];
        const auto at =
            first + std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(i) * step.count() * 1e6)};
        points.push_back({{"time", base::to_rfc3339(at)},
                          {"mean", point.mean},
                          {"lower_80", point.lower_80},
                          {"upper_80", point.upper_80},
                          {"lower_95", point.lower_95},
                          {"upper_95", point.upper_95}});
    }
    nlohmann::json methods = nlohmann::json::array();
    for (const MethodWeight& method : forecast.methods) {
        methods.push_back({{"method", method.method}, {"weight", method.weight}, {"tail_error", method.tail_error}});
    }
    return {{"points", std::move(points)},
            {"methods", std::move(methods)},
            {"seasons", forecast.seasons},
            {"windows_tried", forecast.windows_tried}};
}

}  // namespace pganalytics::patterns
