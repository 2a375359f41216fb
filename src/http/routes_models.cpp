#include <array>

#include <fmt/core.h>

#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/jobs.hpp"
#include "store/models.hpp"
#include "workflow/model_content.hpp"
#include "workflow/training_job.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::http {

namespace {

constexpr std::array<std::string_view, 4> model_types{"linear_regression", "decision_tree", "random_forest",
                                                      "gradient_boosting"};

Json model_json(const store::StoredModel& from) {
    Json json;
    json["model_id"] = base::to_integer(from.id);
    json["model_type"] = from.model_type;
    json["model_name"] = from.model_name;
    json["target_id"] = from.target_id ? Json(base::to_integer(*from.target_id)) : Json(nullptr);
    json["database_name"] = from.database_name;
    json["version"] = from.version;
    json["training_samples"] = from.training_samples;
    json["training_date"] = base::to_rfc3339(from.training_date);
    json["trained_from"] = time_or_null(from.trained_from);
    json["trained_to"] = time_or_null(from.trained_to);
    json["r_squared"] = value_or_null(from.figures.r_squared);
    json["rmse"] = value_or_null(from.figures.rmse);
    json["mae"] = value_or_null(from.figures.mae);
    json["q_error"] = Json{{"p50", value_or_null(from.figures.q_error_p50)},
                           {"p90", value_or_null(from.figures.q_error_p90)},
                           {"p95", value_or_null(from.figures.q_error_p95)}};
    json["interval_coverage"] = value_or_null(from.figures.interval_coverage);
    json["feature_names"] = from.feature_names;
    json["feature_count"] = from.feature_names.size();
    json["feature_importance"] = parse_column(from.feature_importance_json);
    json["is_active"] = from.is_active;
    json["activated_at"] = time_or_null(from.activated_at);
    json["job_id"] = from.job_id ? Json(base::to_integer(*from.job_id)) : Json(nullptr);
    json["details"] = parse_column(from.details_json);
    json["drift"] = parse_column(from.drift_json);
    return json;
}

void read_training_member(const RouteContext& context, Call& call, const std::string& name, const nlohmann::json& value,
                          workflow::TrainingRequest& request, std::optional<base::TargetId>& target) {
    const auto refuse = [&](std::string words) { call.parameters.refuse(name, std::move(words)); };
    if (name == "database_name") {
        if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
            request.database_name = value.get<std::string>();
        } else {
            refuse("must be the name of a database");
        }
    } else if (name == "lookback_days") {
        const bool fits = value.is_number_integer() && value.get<std::int64_t>() >= workflow::least_training_days &&
                          value.get<std::int64_t>() <= workflow::most_training_days;
        if (fits) request.lookback_days = value.get<int>();
        if (!fits) {
            refuse(fmt::format("must be a whole number from {} to {}", workflow::least_training_days,
                               workflow::most_training_days));
        }
    } else if (name == "model_type") {
        auto type = prediction::parse_model_type(value.is_string() ? value.get<std::string>() : value.dump());
        if (type) request.type = *type;
        if (!type) refuse("must be linear_regression, decision_tree, random_forest or gradient_boosting");
    } else if (name == "force_retrain") {
        if (value.is_boolean()) request.force_retrain = value.get<bool>();
        if (!value.is_boolean()) refuse("must be true or false");
    } else if (name == "target") {
        if (value.is_number_integer()) target = base::TargetId{value.get<std::int64_t>()};
        if (value.is_string()) {
            if (const auto found = context.targets.find_by_name(value.get<std::string>())) target = found->id;
        }
        if (!target) refuse("names no target");
    } else {
        refuse("is not a member of this request");
    }
}

std::string_view status_words(store::JobStatus status) {
    return status == store::JobStatus::running ? "training" : store::to_string(status);
}

Json training_json(const store::Job& job) {
    Json json;
    json["job_id"] = base::to_integer(job.id);
    json["status"] = status_words(job.status);
    json["progress"] = job.progress;
    json["stage"] = job.stage;
    json["created_at"] = base::to_rfc3339(job.created_at);
    json["updated_at"] = base::to_rfc3339(job.updated_at);
    if (const auto request = workflow::read_training_request(job.payload_json)) {
        json["target_id"] = base::to_integer(request->target);
        json["database_name"] = request->database_name;
        json["lookback_days"] = request->lookback_days;
        json["model_type"] = prediction::to_string(request->type);
        json["force_retrain"] = request->force_retrain;
    }
    if (job.status == store::JobStatus::completed) {
        const Json result = parse_column(job.result_json);
        for (const auto& [name, value] : result.items()) json[name] = value;
    }
    if (job.status == store::JobStatus::failed) json["error"] = job.error;
    return json;
}

/// How many samples there are and when there will be enough, as data too.
Problem too_few(const workflow::SampleOutlook& outlook, const std::string& database_name) {
    Problem problem(workflow::too_few_samples(outlook, database_name));
    Json json;
    json["available"] = outlook.available;
    json["needed"] = workflow::fewest_training_samples;
    json["gained_per_hour"] = number_or_null(outlook.per_hour);
    json["enough_at"] = time_or_null(outlook.enough_at);
    problem.extension_name = "training_samples";
    problem.extension_json = to_text(std::move(json));
    return problem;
}

Answer train(const RouteContext& context, Call& call) {
    workflow::TrainingRequest request;
    std::optional<base::TargetId> target;
    for (const auto& [name, value] : call.body.items())
        read_training_member(context, call, name, value, request, target);
    if (!call.body.contains("database_name")) call.parameters.refuse("database_name", "is required");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto found = workflow::target_of_database(context.repository, target, request.database_name);
    if (!found) return std::move(found).error();
    request.target = *found;
    const base::Timestamp now = context.clock.now();
    const store::Window window{now - std::chrono::days(request.lookback_days), now};
    auto outlook = workflow::sample_outlook(context.repository, {request.target, request.database_name, window}, now);
    if (!outlook) return std::move(outlook).error();
    if (!outlook->enough()) return too_few(*outlook, request.database_name);
    auto job = workflow::enqueue_training(context.repository, request, now);
    if (!job) return std::move(job).error();
    net::Response response = json_response(training_json(*job), 202);
    response.headers.add("Location", fmt::format("/api/train/performance-model/{}", base::to_integer(job->id)));
    return response;
}

Answer show_training(const RouteContext& context, Call& call) {
    auto id = parse_id(call.path_value("job_id"), "job_id");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!id) return std::move(id).error();
    auto job = store::JobStore(context.repository).find(base::JobId{*id});
    if (!job) return std::move(job).error();
    if (job->kind != workflow::training_job_kind) {
        return base::Error{base::ErrorCode::not_found, fmt::format("Job {} is no training", *id),
                           fmt::format("See it at /api/v1/jobs/{}.", *id), "job_id"};
    }
    return json_response(training_json(*job));
}

base::Error no_active_model(const std::optional<std::string>& database_name) {
    return {base::ErrorCode::not_found,
            database_name ? fmt::format("database \"{}\" has no active model", *database_name) : "no model is active",
            "Train one: POST /api/train/performance-model.", "database_name"};
}

Answer latest(const RouteContext& context, Call& call) {
    const auto database_name = call.parameters.text("database_name");
    auto target = read_target(call.parameters, context.targets);
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    auto model = store::ModelStore(context.repository).active(*target, database_name);
    if (!model) return std::move(model).error();
    if (!*model) return no_active_model(database_name);
    return json_response(model_json(**model));
}

Answer show(const RouteContext& context, Call& call) {
    auto id = parse_id(call.path_value("model_id"), "model_id");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!id) return std::move(id).error();
    auto model = store::ModelStore(context.repository).find(base::ModelId{*id});
    if (!model) return std::move(model).error();
    return json_response(model_json(*model));
}

Answer list(const RouteContext& context, Call& call) {
    auto& parameters = call.parameters;
    store::ModelFilter filter;
    filter.limit = static_cast<std::size_t>(parameters.integer("limit", 1, 500).value_or(50));
    filter.database_name = parameters.text("database_name");
    if (const auto type = parameters.choice("model_type", model_types)) filter.model_type = *type;
    filter.cursor = parameters.text("cursor");
    auto target = read_target(parameters, context.targets);
    if (auto problem = parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    filter.target = *target;
    store::ModelStore models(context.repository);
    auto page = models.list(filter);
    if (!page) return std::move(page).error();
    auto total = models.count(filter);
    if (!total) return std::move(total).error();
    auto active = models.active(filter.target, filter.database_name);
    if (!active) return std::move(active).error();
    Json json;
    json["models"] = Json::array();
    for (const auto& model : page->items) json["models"].push_back(model_json(model));
    json["total_models"] = *total;
    json["active_model"] = *active ? Json(base::to_integer((*active)->id)) : Json(nullptr);
    net::Response response = json_response(std::move(json));
    link_next_page(response, call, page->next_cursor);
    return response;
}

Answer activate(const RouteContext& context, Call& call) {
    auto id = parse_id(call.path_value("model_id"), "model_id");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!id) return std::move(id).error();
    auto model = workflow::activate_model(context.repository, base::ModelId{*id});
    if (!model) return std::move(model).error();
    Json json;
    json["model_id"] = base::to_integer(model->id);
    json["status"] = "activated";
    json["activated_at"] = time_or_null(model->activated_at);
    return json_response(std::move(json));
}

}  // namespace

void add_model_routes(Router& router, const RouteContext& context) {
    const auto add = [&](std::string method, std::string pattern, store::Role role,
                         Answer (*answer)(const RouteContext&, Call&), Body body = Body::none) {
        router.add({.method = std::move(method),
                    .pattern = std::move(pattern),
                    .role = role,
                    .handler = [&context, answer](Call& call) { return answer(context, call); },
                    .body = body});
    };
    add("POST", "/api/train/performance-model", store::Role::operator_, train, Body::json);
    add("GET", "/api/train/performance-model/{job_id}", store::Role::viewer, show_training);
    add("GET", "/api/models/latest", store::Role::viewer, latest);
    add("GET", "/api/models/{model_id}", store::Role::viewer, show);
    add("GET", "/api/models", store::Role::viewer, list);
    add("POST", "/api/models/{model_id}/activate", store::Role::admin, activate);
}

}  // namespace pganalytics::http
