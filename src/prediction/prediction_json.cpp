#include "prediction/prediction_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace pganalytics::prediction {

namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& number) {
    return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

std::optional<double> number_in(const Json& json, const char* name) {
    const auto& value = json.at(name);
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

}  // namespace

nlohmann::ordered_json to_json(const Prediction& prediction) {
    Json explanation = Json::array();
    for (const auto& part : prediction.parts) {
        explanation.push_back({{"feature", part.feature},
                               {"value", or_null(part.value)},
                               {"contribution_ms", or_null(part.contribution_ms)}});
    }
    Json features = Json::object();
    for (const auto& [name, value] : prediction.features) features[name] = or_null(value);
    Json json;
    json["prediction_id"] = prediction.prediction_id;
    json["query_hash"] = base::to_integer(prediction.query_hash);
    json["query_hash_text"] = std::to_string(base::to_integer(prediction.query_hash));
    json["target_id"] = base::to_integer(prediction.target_id);
    json["database_name"] = prediction.database_name;
    json["predicted_execution_time_ms"] = or_null(prediction.predicted_ms);
    json["confidence_score"] = or_null(prediction.within_30_percent);
    json["confidence_interval"] = {{"lower_bound_ms", or_null(prediction.lower_ms)},
                                   {"upper_bound_ms", or_null(prediction.upper_ms)},
                                   {"std_dev_ms", or_null(prediction.std_dev_ms)},
                                   {"level", prediction.level}};
    json["scenario"] = to_string(prediction.scenario);
    json["model_id"] = prediction.model_id ? Json(base::to_integer(*prediction.model_id)) : Json(nullptr);
    json["model_version"] = prediction.model_version;
    json["prediction_timestamp"] = base::to_rfc3339(prediction.predicted_at);
    json["source"] = to_string(prediction.source);
    json["cached"] = prediction.cached;
    json["explanation"] = std::move(explanation);
    json["why"] = prediction.why;
    json["notes"] = prediction.notes;
    json["features"] = std::move(features);
    return json;
}

base::Result<Prediction> prediction_from_json(const nlohmann::ordered_json& json) {
    Prediction prediction;
    try {
        prediction.prediction_id = json.at("prediction_id").get<std::string>();
        prediction.query_hash = base::QueryHash{json.at("query_hash").get<std::int64_t>()};
        prediction.target_id = base::TargetId{json.at("target_id").get<std::int64_t>()};
        prediction.database_name = json.at("database_name").get<std::string>();
        prediction.predicted_ms = json.at("predicted_execution_time_ms").get<double>();
        prediction.within_30_percent = json.at("confidence_score").get<double>();
        const auto& interval = json.at("confidence_interval");
        prediction.lower_ms = number_in(interval, "lower_bound_ms");
        prediction.upper_ms = number_in(interval, "upper_bound_ms");
        prediction.std_dev_ms = interval.at("std_dev_ms").get<double>();
        prediction.level = interval.at("level").get<double>();
        PGANALYTICS_ASSIGN(prediction.scenario, parse_scenario(json.at("scenario").get<std::string>()));
        if (!json.at("model_id").is_null())
            prediction.model_id = base::ModelId{json.at("model_id").get<std::int64_t>()};
        prediction.model_version = json.at("model_version").get<std::string>();
        PGANALYTICS_ASSIGN(prediction.predicted_at,
                           base::parse_rfc3339(json.at("prediction_timestamp").get<std::string>()));
        PGANALYTICS_ASSIGN(prediction.source, parse_prediction_source(json.at("source").get<std::string>()));
        prediction.cached = json.at("cached").get<bool>();
        for (const auto& part : json.at("explanation")) {
            prediction.parts.push_back({part.at("feature").get<std::string>(), number_in(part, "value"),
                                        part.at("contribution_ms").get<double>()});
        }
        prediction.why = json.at("why").get<std::string>();
        prediction.notes = json.at("notes").get<std::vector<std::string>>();
        for (const auto& [name, value] : json.at("features").items()) {
            prediction.features.emplace_back(name, value.get<double>());
        }
    } catch (const nlohmann::json::exception& error) {
        return base::Error{
            base::ErrorCode::fix_input, std::string("this is no prediction: ") + error.what(), {}, "prediction"};
    }
    return prediction;
}

}  // namespace pganalytics::prediction
