#pragma once
// The routes, one function a resource, added in the order of api/openapi.yaml. What they share is passed in; it must
// outlive the router. Internal to `http`.

#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "collector/target_loop.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "net/redis_cache.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "workflow/prediction_service.hpp"

namespace pganalytics::http {

struct RouteContext {
    store::Repository& repository;
    store::TargetStore& targets;
    workflow::PredictionService& predictions;
    const base::Clock& clock;
    const Metrics& metrics;
    std::string version;
    std::function<std::vector<collector::TargetStatus>()> collector_status;
    std::function<std::optional<net::RedisStatus>()> redis_status;
};

/// /livez, /readyz, /metrics, /api/openapi.yaml
void add_operations_routes(Router& router, const RouteContext& context);
/// /api/v1/optimization-recommendations…
void add_recommendation_routes(Router& router, const RouteContext& context);
/// /api/v1/queries…
void add_query_routes(Router& router, const RouteContext& context);
/// /api/v1/workload-patterns…
void add_pattern_routes(Router& router, const RouteContext& context);
/// /api/v1/queries/{query_hash}/parameter-optimization…
void add_parameter_routes(Router& router, const RouteContext& context);
/// /api/predict…, /api/validate…, /api/status, …/predict-performance, /api/v1/ml/health
void add_prediction_routes(Router& router, const RouteContext& context);
/// /api/train…, /api/models…
void add_model_routes(Router& router, const RouteContext& context);
/// /api/v1/jobs…
void add_job_routes(Router& router, const RouteContext& context);
/// /api/v1/targets…
void add_target_routes(Router& router, const RouteContext& context);

/// The OpenAPI document, as it is in api/openapi.yaml of the build.
[[nodiscard]] std::string_view openapi_document();

/// The target a parameter `target` names, by id or by name.
[[nodiscard]] base::Result<std::optional<base::TargetId>> read_target(Parameters& parameters,
                                                                      store::TargetStore& targets);
/// 409 with the places as data, so that a program can ask again.
[[nodiscard]] Problem ambiguous_statement(base::Error error, store::History& history, base::QueryHash query_hash);
/// `Link: <…>; rel="next"` where there is a next page.
void link_next_page(net::Response& response, const Call& call, const std::optional<std::string>& next_cursor);

/// All of the above, in their order.
void add_routes(Router& router, const RouteContext& context);

}  // namespace pganalytics::http
