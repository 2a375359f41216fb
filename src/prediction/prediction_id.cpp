#include "prediction/prediction_id.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/hash.hpp"

namespace pganalytics::prediction {

namespace {

constexpr std::string_view format = "p1.";
constexpr std::size_t signature_digits = 32;

std::string signature_of(std::string_view payload, const base::Secret& key) {
    return base::hmac_sha256_hex(key.reveal(), std::string("prediction_id ") + std::string(payload))
        .substr(0, signature_digits);
}

base::Error not_ours() {
    return {base::ErrorCode::fix_input, "This prediction_id was not given by this service.",
            "Send it unchanged, as the prediction had it.", "prediction_id"};
}

std::optional<double> number_at(const nlohmann::json& json, std::size_t position) {
    const auto& value = json.at(position);
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

nlohmann::json or_null(const std::optional<double>& number) {
    return number && std::isfinite(*number) ? nlohmann::json(*number) : nlohmann::json(nullptr);
}

}  // namespace

PredictionClaim claim_of(const Prediction& prediction) {
    return {prediction.query_hash, prediction.target_id, prediction.predicted_ms,  prediction.lower_ms,
            prediction.upper_ms,   prediction.model_id,  prediction.model_version, prediction.predicted_at};
}

std::string sign(const PredictionClaim& claim, const base::Secret& key) {
    const nlohmann::json fields = nlohmann::json::array(
        {base::to_integer(claim.query_hash), base::to_integer(claim.target_id), claim.predicted_ms,
         or_null(claim.lower_ms), or_null(claim.upper_ms),
         claim.model_id ? nlohmann::json(base::to_integer(*claim.model_id)) : nlohmann::json(nullptr),
         claim.model_version, claim.predicted_at.time_since_epoch().count()});
    const std::string payload = base::to_base64url(fields.dump());
    return std::string(format) + payload + '.' + signature_of(payload, key);
}

base::Result<PredictionClaim> verify(std::string_view prediction_id, const base::Secret& key) {
    constexpr std::size_t longest = 2000;
    if (!prediction_id.starts_with(format) || prediction_id.size() > longest) return not_ours();
    const auto point = prediction_id.rfind('.');
    if (point <= format.size()) return not_ours();
    const std::string_view payload = prediction_id.substr(format.size(), point - format.size());
    if (!base::equal_in_constant_time(signature_of(payload, key), prediction_id.substr(point + 1))) return not_ours();
    const auto bytes = base::from_base64url(payload);
    const auto json = bytes ? nlohmann::json::parse(*bytes, nullptr, false) : nlohmann::json();
    try {
        PredictionClaim claim;
        claim.query_hash = base::QueryHash{json.at(0).get<std::int64_t>()};
        claim.target_id = base::TargetId{json.at(1).get<std::int64_t>()};
        claim.predicted_ms = json.at(2).get<double>();
        claim.lower_ms = number_at(json, 3);
        claim.upper_ms = number_at(json, 4);
        if (!json.at(5).is_null()) claim.model_id = base::ModelId{json.at(5).get<std::int64_t>()};
        claim.model_version = json.at(6).get<std::string>();
        claim.predicted_at = base::Timestamp(std::chrono::microseconds(json.at(7).get<std::int64_t>()));
        return claim;
    } catch (const nlohmann::json::exception&) {
        return not_ours();
    }
}

Validation validate(const PredictionClaim& claim, double actual_ms) {
    Validation validation;
    validation.error_percent = 100 * std::abs(claim.predicted_ms - actual_ms) / actual_ms;
    validation.accuracy_score = std::max(0.0, 1 - validation.error_percent / 100);
    if (claim.lower_ms && claim.upper_ms)
        validation.within_interval = *claim.lower_ms <= actual_ms && actual_ms <= *claim.upper_ms;
    return validation;
}

}  // namespace pganalytics::prediction
