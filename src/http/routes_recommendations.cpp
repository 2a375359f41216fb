#include <array>

#include "base/text.hpp"
#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/recommendations.hpp"
#include "store/tokens.hpp"

namespace pganalytics::http {

namespace {

constexpr std::array<std::string_view, 4> source_types{"index", "rewrite", "parameter", "workload"};
constexpr std::size_t longest_reason = 2000;

std::optional<advice::SourceType> source_type_of(const std::optional<std::string>& name) {
    using advice::SourceType;
    for (const auto type : {SourceType::index, SourceType::rewrite, SourceType::parameter, SourceType::workload}) {
        if (name && advice::to_string(type) == *name) return type;
    }
    return std::nullopt;
}

Answer list(const RouteContext& context, Call& call) {
    auto& parameters = call.parameters;
    store::RecommendationFilter filter;
    filter.limit = static_cast<std::size_t>(parameters.integer("limit", 1, 500).value_or(20));
    filter.min_impact_percent = parameters.number("min_impact", 0, 100).value_or(5);
    filter.source_type = source_type_of(parameters.choice("source_type", source_types));
    filter.database_name = parameters.text("database_name");
    filter.include_dismissed = parameters.boolean("include_dismissed").value_or(false);
    filter.cursor = parameters.text("cursor");
    auto target = read_target(parameters, context.targets);
    if (auto problem = parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    filter.target = *target;

    auto page = store::RecommendationStore(context.repository).list(filter);
    if (!page) return std::move(page).error();
    Json json = Json::array();
    for (const auto& recommendation : page->items) json.push_back(to_json(recommendation));
    net::Response response = json_response(std::move(json));
    link_next_page(response, call, page->next_cursor);
    return response;
}

Answer find(const RouteContext& context, Call& call) {
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto id = parse_id(call.path_value("id"), "id");
    if (!id) return std::move(id).error();
    auto found = store::RecommendationStore(context.repository).find(base::RecommendationId{*id});
    if (!found) return std::move(found).error();
    return json_response(to_json(*found));
}

std::string read_reason(Call& call) {
    for (const auto& [name, value] : call.body.items()) {
        if (name != "reason") call.parameters.refuse(name, "is not a member of this request");
    }
    const auto reason = call.body.find("reason");
    if (reason == call.body.end() || !reason->is_string()) {
        call.parameters.refuse("reason", "must be a text");
        return {};
    }
    std::string text(base::trim(reason->get_ref<const std::string&>()));
    if (text.empty() || text.size() > longest_reason || text.find('\0') != std::string::npos) {
        call.parameters.refuse("reason", fmt::format("must be a text of 1 to {} bytes", longest_reason));
    }
    return text;
}

Answer dismiss(const RouteContext& context, Call& call) {
    const std::string reason = read_reason(call);
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto id = parse_id(call.path_value("id"), "id");
    if (!id) return std::move(id).error();
    auto dismissed = store::RecommendationStore(context.repository).dismiss(base::RecommendationId{*id}, reason);
    if (!dismissed) return std::move(dismissed).error();
    auto noted = store::AuditStore(context.repository)
                     .append(call.caller->name, "recommendation.dismiss", fmt::format("recommendation {}", *id),
                             to_text(Json{{"reason", reason}}));
    if (!noted) return std::move(noted).error();
    return json_response(to_json(*dismissed));
}

}  // namespace

void add_recommendation_routes(Router& router, const RouteContext& context) {
    const std::string base = "/api/v1/optimization-recommendations";
    router.add({.method = "GET", .pattern = base, .role = store::Role::viewer, .handler = [&context](Call& call) {
                    return list(context, call);
                }});
    router.add(
        {.method = "GET", .pattern = base + "/{id}", .role = store::Role::viewer, .handler = [&context](Call& call) {
             return find(context, call);
         }});
    router.add({.method = "POST",
                .pattern = base + "/{id}/dismiss",
                .role = store::Role::operator_,
                .handler = [&context](Call& call) { return dismiss(context, call); },
                .body = Body::json});
}

}  // namespace pganalytics::http
