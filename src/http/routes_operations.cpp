#include <algorithm>

#include "http/json.hpp"
#include "http/routes.hpp"

namespace pganalytics::http {

namespace {

Answer live(Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    return json_response(Json{{"status", "alive"}});
}

Json check_of(std::string_view name, std::string_view status, std::string detail) {
    return Json{{"name", name}, {"status", status}, {"detail", std::move(detail)}};
}

/// Counts only: whoever asks has shown no token.
Json targets_check(const std::vector<collector::TargetStatus>& targets) {
    const auto reached = std::ranges::count_if(
        targets, [](const auto& target) { return target.state == "ok" || target.state == "degraded"; });
    return check_of("targets", static_cast<std::size_t>(reached) == targets.size() ? "ok" : "degraded",
                    fmt::format("{} of {} reached", reached, targets.size()));
}

/// Ready means: able to answer. A target that is down makes its own figures stale, and nothing unready.
Answer ready(const RouteContext& context, Call& call) {
    const bool verbose = call.parameters.flag("verbose");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    const auto repository = context.repository.check();
    Json json;
    json["status"] = repository ? "ready" : "not_ready";
    if (verbose) {
        json["version"] = context.version;
        json["checks"] = Json::array();
        // The full sentence names the server; without a token it is enough to know that it is down.
        json["checks"].push_back(check_of("repository", repository ? "ok" : "down",
                                          repository ? "answers, and its schema is this program's"
                                                     : std::string(base::mapping_of(repository.error().code).title)));
        if (context.collector_status) json["checks"].push_back(targets_check(context.collector_status()));
    }
    return json_response(std::move(json), repository ? 200 : 503);
}

Answer metrics(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    net::Response response;
    response.headers.set("Content-Type", std::string(Metrics::content_type));
    response.headers.set("Cache-Control", "no-store");
    response.body = context.metrics.exposition();
    return response;
}

Answer openapi(Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    net::Response response;
    response.headers.set("Content-Type", "application/yaml");
    response.body = std::string(openapi_document());
    return response;
}

}  // namespace

void add_operations_routes(Router& router, const RouteContext& context) {
    router.add({.method = "GET", .pattern = "/livez", .role = {}, .handler = live, .traffic = Traffic::probe});
    router.add({.method = "GET",
                .pattern = "/readyz",
                .role = {},
                .handler = [&context](Call& call) { return ready(context, call); },
                .traffic = Traffic::probe});
    router.add({.method = "GET",
                .pattern = "/metrics",
                .role = store::Role::viewer,
                .handler = [&context](Call& call) { return metrics(context, call); },
                .traffic = Traffic::probe});
    router.add({.method = "GET", .pattern = "/api/openapi.yaml", .role = store::Role::viewer, .handler = openapi});
}

}  // namespace pganalytics::http
