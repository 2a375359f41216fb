#pragma once
// The Predictor port: how long a statement will take, with an interval that says how well that is known. Implemented by
// `workflow` on the repository and its models, and by whoever asks another process.
//
// Never an invented number: `source` says where it comes from, `unknown` that its interval is too wide to use, and with
// nothing to go on there is an error in place of an answer.
// Milliseconds. Implementations are thread-safe.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace pganalytics::prediction {

enum class Scenario {
    current,    ///< as the database is
    optimized,  ///< with the open recommendations for this statement applied
};
[[nodiscard]] std::string_view to_string(Scenario scenario);
/// fix_input, field `scenario`.
[[nodiscard]] base::Result<Scenario> parse_scenario(std::string_view name);

enum class PredictionSource {
    model,     ///< a trained model
    history,   ///< what the same statement, or its like, took
    fallback,  ///< the planner's cost, set against the times of that server's other statements
    unknown,   ///< the interval is too wide to use
};
[[nodiscard]] std::string_view to_string(PredictionSource source);
[[nodiscard]] base::Result<PredictionSource> parse_prediction_source(std::string_view name);

/// `query_hash`, or `query_text` with `database_name`.
struct PredictionRequest {
    std::optional<base::QueryHash> query_hash;
    std::string query_text;
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    /// SQL literals by the parameter's number ("1" or "$1") or by the column it is compared with.
    std::map<std::string, std::string> parameters;
    Scenario scenario = Scenario::current;
    std::optional<base::ModelId> model_id;  ///< absent: the active one
    double level = 0.9;                     ///< of the interval, 0.5 … 0.99
};

/// One part of the predicted time. All parts together are the prediction.
struct TimePart {
    std::string feature;          ///< of feature_definitions(); or "base", "history"
    std::optional<double> value;  ///< of the feature; absent where it is missing or has none
    double contribution_ms = 0;
};

struct Prediction {
    std::string prediction_id;
    base::QueryHash query_hash{};
    base::TargetId target_id{};
    std::string database_name;
    double predicted_ms = 0;
    double within_30_percent = 0;    ///< probability that the actual time is within 30 % of it
    std::optional<double> lower_ms;  ///< absent where nothing can be promised
    std::optional<double> upper_ms;
    double std_dev_ms = 0;
    double level = 0.9;
    Scenario scenario = Scenario::current;
    std::optional<base::ModelId> model_id;
    std::string model_version;  ///< of the model, or what stood in for it
    base::Timestamp predicted_at{};
    PredictionSource source = PredictionSource::unknown;
    bool cached = false;
    std::vector<TimePart> parts;                           ///< largest first, the base before all
    std::string why;                                       ///< what makes it as slow as it is, in words
    std::vector<std::string> notes;                        ///< what should be known of it, one sentence each
    std::vector<std::pair<std::string, double>> features;  ///< what was known of the statement, by name
};

class Predictor {
  public:
    virtual ~Predictor() = default;
    /// Errors: fix_input; not_found (statement, target or model); conflict where the statement is ambiguous without
    /// target and database; unprocessable with nothing to go on; those of planning.
    [[nodiscard]] virtual base::Result<Prediction> predict(const PredictionRequest& request) = 0;
    /// Each by itself, in order.
    [[nodiscard]] virtual std::vector<base::Result<Prediction>> predict_all(
        std::span<const PredictionRequest> requests) = 0;
};

}  // namespace pganalytics::prediction
