#pragma once
// A prediction as JSON with the field names of the API, and back: for answers, for the cache outside this process and
// for a predictor in another process. Numbers that are not finite are null. Thread-safe.

#include <nlohmann/json_fwd.hpp>

#include "prediction/predictor.hpp"

namespace pganalytics::prediction {

[[nodiscard]] nlohmann::ordered_json to_json(const Prediction& prediction);
/// fix_input where it is none.
[[nodiscard]] base::Result<Prediction> prediction_from_json(const nlohmann::ordered_json& json);

}  // namespace pganalytics::prediction
