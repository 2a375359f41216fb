#include "http/routes.hpp"

#include <fmt/core.h>

#include "base/text.hpp"

namespace pganalytics::http {

base::Result<std::optional<base::TargetId>> read_target(Parameters& parameters, store::TargetStore& targets) {
    const auto given = parameters.text("target");
    if (!given) return std::optional<base::TargetId>{};
    if (const auto id = base::parse_integer(*given)) return std::optional(base::TargetId{*id});
    PGANALYTICS_ASSIGN(const store::Target target, targets.find_by_name(*given));
    return std::optional(target.id);
}

void link_next_page(net::Response& response, const Call& call, const std::optional<std::string>& next_cursor) {
    if (!next_cursor) return;
    response.headers.add("Link",
                         fmt::format("<{}?{}>; rel=\"next\"", call.path, call.parameters.with("cursor", *next_cursor)));
}

void add_routes(Router& router, const RouteContext& context) {
    add_operations_routes(router, context);
    add_recommendation_routes(router, context);
    add_query_routes(router, context);
    add_pattern_routes(router, context);
    add_parameter_routes(router, context);
    add_prediction_routes(router, context);
    add_model_routes(router, context);
    add_job_routes(router, context);
    add_target_routes(router, context);
}

}  // namespace pganalytics::http
