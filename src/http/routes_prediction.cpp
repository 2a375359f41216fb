#include <fmt/core.h>

#include "http/render.hpp"
#include "http/routes.hpp"
#include "prediction/prediction_json.hpp"
#include "store/history.hpp"
#include "store/models.hpp"
#include "store/overview.hpp"
#include "workflow/parameter_values.hpp"
#include "workflow/prediction_service.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::http {

namespace {

using prediction::PredictionRequest;

std::optional<std::int64_t> positive_integer(const nlohmann::json& value) {
    if (value.is_number_integer() && value.get<std::int64_t>() > 0) return value.get<std::int64_t>();
    if (!value.is_string()) return std::nullopt;
    const auto parsed = parse_id(value.get_ref<const std::string&>(), "");
    return parsed ? std::optional(*parsed) : std::nullopt;
}

std::string text_of(Call& call, const std::string& name, const nlohmann::json& value) {
    if (value.is_string() && !value.get_ref<const std::string&>().empty()) return value.get<std::string>();
    call.parameters.refuse(name, "must be a text");
    return {};
}

/// The members that every prediction takes; false where `name` is none of them.
bool read_common(const RouteContext& context, Call& call, const std::string& name, const nlohmann::json& value,
                 PredictionRequest& request) {
    if (name == "parameters") {
        if (auto literals = workflow::parameter_literals(value)) {
            request.parameters = std::move(*literals);
        } else {
            call.parameters.refuse(name, literals.error().message);
        }
    } else if (name == "scenario") {
        const auto scenario = prediction::parse_scenario(value.is_string() ? value.get<std::string>() : value.dump());
        if (scenario) request.scenario = *scenario;
        if (!scenario) call.parameters.refuse(name, "must be current or optimized");
    } else if (name == "model_id") {
        const auto id = positive_integer(value);
        if (id) request.model_id = base::ModelId{*id};
        if (!id && !value.is_null()) call.parameters.refuse(name, "must be the number of a model");
    } else if (name == "level") {
        const double level = value.is_number() ? value.get<double>() : 0;
        if (level >= 0.5 && level <= 0.99) {
            request.level = level;
        } else {
            call.parameters.refuse(name, "must be a number from 0.5 to 0.99");
        }
    } else if (name == "target") {
        if (const auto id = positive_integer(value)) {
            request.target = base::TargetId{*id};
        } else if (const auto target = context.targets.find_by_name(text_of(call, name, value))) {
            request.target = target->id;
        } else {
            call.parameters.refuse(name, "names no target");
        }
    } else if (name == "database_name") {
        request.database_name = text_of(call, name, value);
    } else {
        return false;
    }
    return true;
}

Problem as_problem(const RouteContext& context, base::Error error, const PredictionRequest& request) {
    if (error.code == base::ErrorCode::conflict && request.query_hash) {
        store::History history(context.repository);
        return ambiguous_statement(std::move(error), history, *request.query_hash);
    }
    return Problem(std::move(error));
}

std::variant<prediction::Prediction, Problem> predict(const RouteContext& context, const PredictionRequest& request) {
    const auto begin = context.clock.monotonic();
    auto predicted = context.predictions.predict(request);
    if (!predicted) return as_problem(context, std::move(predicted).error(), request);
    context.metrics.observe_prediction(prediction::to_string(predicted->source), predicted->cached,
                                       context.clock.monotonic() - begin);
    return std::move(*predicted);
}

Answer predict_query(const RouteContext& context, Call& call) {
    PredictionRequest request;
    for (const auto& [name, value] : call.body.items()) {
        if (name == "query_hash") {
            const auto hash = positive_integer(value);
            if (hash) request.query_hash = base::QueryHash{*hash};
            if (!hash) call.parameters.refuse(name, "must be a positive integer");
        } else if (name == "query_text") {
            request.query_text = text_of(call, name, value);
        } else if (!read_common(context, call, name, value, request)) {
            call.parameters.refuse(name, "is not a member of this request");
        }
    }
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto predicted = predict(context, request);
    if (auto* problem = std::get_if<Problem>(&predicted)) return std::move(*problem);
    return json_response(prediction::to_json(std::get<prediction::Prediction>(predicted)));
}

/// The same for the advisor's clients, with its field names.
Answer predict_performance(const RouteContext& context, Call& call) {
    PredictionRequest request;
    if (const auto database_name = call.parameters.text("database_name")) request.database_name = *database_name;
    auto target = read_target(call.parameters, context.targets);
    for (const auto& [name, value] : call.body.items()) {
        if (!read_common(context, call, name, value, request)) {
            call.parameters.refuse(name, "is not a member of this request");
        }
    }
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!target) return Problem(std::move(target).error());
    if (*target) request.target = *target;
    auto hash = parse_query_hash(call.path_value("query_hash"), "query_hash");
    if (!hash) return Problem(std::move(hash).error());
    request.query_hash = *hash;
    auto outcome = predict(context, request);
    if (auto* problem = std::get_if<Problem>(&outcome)) return std::move(*problem);
    const Json full = prediction::to_json(std::get<prediction::Prediction>(outcome));
    Json json;
    for (const auto* name : {"query_hash", "target_id", "database_name", "predicted_execution_time_ms"}) {
        json[name] = full[name];
    }
    json["confidence"] = full["confidence_score"];
    json["range"] = {{"min", full["confidence_interval"]["lower_bound_ms"]},
                     {"max", full["confidence_interval"]["upper_bound_ms"]},
                     {"level", full["confidence_interval"]["level"]}};
    json["model_version"] = full["model_version"];
    json["features"] = full["features"];
    json["timestamp"] = full["prediction_timestamp"];
    for (const auto* name : {"source", "scenario", "cached", "explanation", "why", "notes", "prediction_id"}) {
        json[name] = full[name];
    }
    return json_response(std::move(json));
}

Answer validate(const RouteContext& context, Call& call) {
    std::string prediction_id;
    std::optional<base::QueryHash> query_hash;
    double actual_ms = 0;
    for (const auto& [name, value] : call.body.items()) {
        if (name == "prediction_id") {
            prediction_id = text_of(call, name, value);
        } else if (name == "query_hash") {
            const auto hash = positive_integer(value);
            if (hash) query_hash = base::QueryHash{*hash};
            if (!hash) call.parameters.refuse(name, "must be a positive integer");
        } else if (name == "actual_execution_time_ms") {
            actual_ms = value.is_number() ? value.get<double>() : 0;
            if (!(actual_ms > 0)) call.parameters.refuse(name, "must be a number above 0");
        } else if (name == "predicted_execution_time_ms") {
            // What was predicted stands in the identifier; here it is only held to be a number.
            if (!value.is_number()) call.parameters.refuse(name, "must be a number");
        } else if (name == "model_version") {
            static_cast<void>(text_of(call, name, value));
        } else {
            call.parameters.refuse(name, "is not a member of this request");
        }
    }
    for (const auto* name : {"prediction_id", "actual_execution_time_ms"}) {
        if (!call.body.contains(name)) call.parameters.refuse(name, "is required");
    }
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto validated = context.predictions.validate(prediction_id, query_hash, actual_ms);
    if (!validated) return std::move(validated).error();
    const auto& [claim, result] = *validated;
    Json json;
    json["prediction_id"] = prediction_id;
    json["query_hash"] = base::to_integer(claim.query_hash);
    json["predicted_execution_time_ms"] = number_or_null(claim.predicted_ms);
    json["actual_execution_time_ms"] = actual_ms;
    json["error_percent"] = number_or_null(result.error_percent);
    json["accuracy_score"] = number_or_null(result.accuracy_score);
    json["within_confidence_interval"] = value_or_null(result.within_interval);
    json["model_version"] = claim.model_version;
    json["prediction_timestamp"] = base::to_rfc3339(claim.predicted_at);
    return json_response(std::move(json));
}

/// "memory", "redis", "redis_unavailable".
std::string_view cache_words(const RouteContext& context) {
    const auto redis = context.redis_status ? context.redis_status() : std::nullopt;
    if (!redis) return "memory";
    return redis->state == net::CircuitState::closed ? "redis" : "redis_unavailable";
}

Json accuracy_of(const workflow::PredictionCounters& counters) {
    if (counters.validated == 0) return nullptr;
    return counters.accuracy_sum / static_cast<double>(counters.validated);
}

/// Figures of this moment: nobody needs to know that they are still the same.
net::Response unstored(Json json) {
    net::Response response = json_response(std::move(json));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

/// Answers while the repository is down, too: that is when it is asked.
Answer status(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    const auto overview = store::read_overview(context.repository);
    const auto active = overview ? store::ModelStore(context.repository).active(std::nullopt, std::nullopt)
                                 : base::Result<std::optional<store::StoredModel>>(overview.error());
    std::int64_t pending = 0, training = 0;
    if (overview) {
        for (const auto& jobs : overview->jobs) {
            if (jobs.status == "pending") pending += jobs.count;
            if (jobs.kind == workflow::training_job_kind && jobs.status != "failed") training += jobs.count;
        }
    }
    const auto counters = context.predictions.counters();
    Json json;
    json["service"] = "pganalytics";
    json["status"] = overview ? "ok" : "degraded";
    json["version"] = context.version;
    json["database_connected"] = overview.has_value();
    json["cache"] = cache_words(context);
    json["pending_jobs"] = overview ? Json(pending) : Json(nullptr);
    json["training_jobs"] = overview ? Json(training) : Json(nullptr);
    json["active_model"] = active && *active ? Json(base::to_integer((*active)->id)) : Json(nullptr);
    json["total_predictions"] = counters.total();
    json["avg_prediction_accuracy"] = accuracy_of(counters);
    json["timestamp"] = base::to_rfc3339(context.clock.now());
    return unstored(std::move(json));
}

Answer health(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    const auto counters = context.predictions.counters();
    const auto redis = context.redis_status ? context.redis_status() : std::nullopt;
    Json models = Json::array();
    for (const auto& model : context.predictions.serving()) {
        Json one;
        one["model_id"] = base::to_integer(model.id);
        one["model_version"] = fmt::format("{} {}", model.model_type, model.version);
        one["target_id"] = model.target_id ? Json(base::to_integer(*model.target_id)) : Json(nullptr);
        one["database_name"] = model.database_name;
        models.push_back(std::move(one));
    }
    Json sources;
    for (const auto source : {prediction::PredictionSource::model, prediction::PredictionSource::history,
                              prediction::PredictionSource::fallback, prediction::PredictionSource::unknown}) {
        sources[std::string(prediction::to_string(source))] = counters.by_source[static_cast<std::size_t>(source)];
    }
    Json json;
    json["status"] = redis && redis->state != net::CircuitState::closed ? "degraded" : "ok";
    json["predictor"] = "in_process";
    json["serving_models"] = std::move(models);
    json["predictions"] = std::move(sources);
    json["failed_predictions"] = counters.failed;
    json["plans_made"] = counters.plans;
    json["cache_hits"] = counters.cache_hits;
    json["cache_misses"] = counters.cache_misses;
    json["redis_circuit"] = redis ? Json(net::to_string(redis->state)) : Json(nullptr);
    json["redis_hits"] = redis ? Json(redis->counters.hits) : Json(nullptr);
    json["redis_failures"] = redis ? Json(redis->counters.failures) : Json(nullptr);
    json["redis_refused_values"] = redis ? Json(redis->counters.refused) : Json(nullptr);
    json["timestamp"] = base::to_rfc3339(context.clock.now());
    return unstored(std::move(json));
}

}  // namespace

void add_prediction_routes(Router& router, const RouteContext& context) {
    using Handler = Answer (*)(const RouteContext&, Call&);
    const auto add = [&](const char* method, const char* pattern, Handler handler, Body body) {
        router.add({.method = method,
                    .pattern = pattern,
                    .role = store::Role::viewer,
                    .handler = [&context, handler](Call& call) { return handler(context, call); },
                    .body = body});
    };
    add("POST", "/api/predict/query-execution", predict_query, Body::json);
    add("POST", "/api/validate/prediction", validate, Body::json);
    add("GET", "/api/status", status, Body::none);
    add("POST", "/api/v1/queries/{query_hash}/predict-performance", predict_performance, Body::json);
    add("GET", "/api/v1/ml/health", health, Body::none);
}

}  // namespace pganalytics::http
