#pragma once
// `prediction_id` describes itself: what was predicted for what, signed with HMAC-SHA-256, so that a prediction can be
// set against what happened without anything being kept of it. It is no secret, only unforgeable.
// Format: "p1." + base64url(JSON) + "." + hex of the first 128 bits of the signature. Thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "prediction/predictor.hpp"

namespace pganalytics::prediction {

/// What an identifier says of its prediction.
struct PredictionClaim {
    base::QueryHash query_hash{};
    base::TargetId target_id{};
    double predicted_ms = 0;
    std::optional<double> lower_ms, upper_ms;
    std::optional<base::ModelId> model_id;
    std::string model_version;
    base::Timestamp predicted_at{};
};

[[nodiscard]] PredictionClaim claim_of(const Prediction& prediction);
[[nodiscard]] std::string sign(const PredictionClaim& claim, const base::Secret& key);
/// fix_input, field `prediction_id`: not one of ours, altered, or signed with another key.
[[nodiscard]] base::Result<PredictionClaim> verify(std::string_view prediction_id, const base::Secret& key);

/// How a prediction fared. `actual_ms` above 0.
struct Validation {
    double error_percent = 0;
    double accuracy_score = 0;            ///< 0..1
    std::optional<bool> within_interval;  ///< absent where the prediction promised nothing
};
[[nodiscard]] Validation validate(const PredictionClaim& claim, double actual_ms);

}  // namespace pganalytics::prediction
