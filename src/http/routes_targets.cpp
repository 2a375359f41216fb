#include "http/render.hpp"
#include "http/routes.hpp"

namespace pganalytics::http {

namespace {

/// Not paged: a program watches tens of servers, not thousands.
Answer list(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto targets = context.targets.list();
    if (!targets) return std::move(targets).error();
    Json json = Json::array();
    for (const auto& target : *targets) json.push_back(to_json(target));
    return json_response(std::move(json));
}

Answer find(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto id = parse_id(call.path_value("id"), "id");
    if (!id) return std::move(id).error();
    auto target = context.targets.find(base::TargetId{*id});
    if (!target) return std::move(target).error();
    return json_response(to_json(*target));
}

}  // namespace

void add_target_routes(Router& router, const RouteContext& context) {
    router.add(
        {.method = "GET", .pattern = "/api/v1/targets", .role = store::Role::viewer, .handler = [&context](Call& call) {
             return list(context, call);
         }});
    router.add({.method = "GET",
                .pattern = "/api/v1/targets/{id}",
                .role = store::Role::viewer,
                .handler = [&context](Call& call) { return find(context, call); }});
}

}  // namespace pganalytics::http
