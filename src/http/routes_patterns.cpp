#include <array>

#include <fmt/core.h>

#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/patterns.hpp"
#include "workflow/pattern_job.hpp"

namespace pganalytics::http {

namespace {

constexpr std::array<std::string_view, 5> pattern_types{"hourly_peak", "daily_cycle", "weekly_pattern", "batch_job",
                                                        "periodic"};

Json pattern_json(const store::StoredPattern& from) {
    Json json;
    json["id"] = base::to_integer(from.id);
    json["target_id"] = base::to_integer(from.target_id);
    json["database_name"] = from.database_name;
    json["pattern_type"] = from.pattern_type;
    json["pattern_metadata"] = parse_column(from.pattern_metadata_json);
    json["detection_timestamp"] = base::to_rfc3339(from.detection_timestamp);
    json["description"] = from.description;
    json["affected_query_count"] = from.affected_query_count;
    return json;
}

Json patterns_json(const std::vector<store::StoredPattern>& patterns) {
    Json json = Json::array();
    for (const auto& pattern : patterns) json.push_back(pattern_json(pattern));
    return json;
}

Answer list(const RouteContext& context, Call& call) {
    auto& parameters = call.parameters;
    store::PatternFilter filter;
    filter.limit = static_cast<std::size_t>(parameters.integer("limit", 1, 1000).value_or(50));
    filter.database_name = parameters.text("database_name");
    filter.pattern_type = parameters.choice("pattern_type", pattern_types);
    filter.cursor = parameters.text("cursor");
    auto target = read_target(parameters, context.targets);
    if (auto problem = parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    filter.target = *target;
    auto page = store::PatternStore(context.repository).list(filter);
    if (!page) return std::move(page).error();
    net::Response response = json_response(patterns_json(page->items));
    link_next_page(response, call, page->next_cursor);
    return response;
}

struct AnalyzeBody {
    workflow::PatternRequest request;
    bool capped = false;
};

AnalyzeBody read_body(Call& call) {
    AnalyzeBody body;
    for (const auto& [name, value] : call.body.items()) {
        if (name == "database_name") {
            if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
                body.request.database_name = value.get<std::string>();
            } else {
                call.parameters.refuse(name, "must be the name of a database");
            }
        } else if (name == "lookback_days") {
            const bool whole = value.is_number_integer() && value.get<std::int64_t>() >= workflow::least_lookback_days;
            if (!whole) {
                call.parameters.refuse(name, fmt::format("must be a whole number from {} to {}",
                                                         workflow::least_lookback_days, workflow::most_lookback_days));
                continue;
            }
            const auto days = value.get<std::int64_t>();
            body.capped = days > workflow::most_lookback_days;
            body.request.lookback_days = static_cast<int>(std::min<std::int64_t>(days, workflow::most_lookback_days));
        } else {
            call.parameters.refuse(name, "is not a member of this request");
        }
    }
    if (!call.body.contains("database_name")) call.parameters.refuse("database_name", "is required");
    return body;
}

/// Detection reads the repository alone and takes a second or so: the answer has its result.
Answer analyze(const RouteContext& context, Call& call) {
    AnalyzeBody body = read_body(call);
    auto target = read_target(call.parameters, context.targets);
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    body.request.target = *target;
    auto detected =
        workflow::detect_workload_patterns(context.repository, context.targets, context.clock, body.request, {});
    if (!detected) return std::move(detected).error();

    store::PatternFilter filter;
    filter.target = *target;
    filter.database_name = body.request.database_name;
    filter.limit = 1000;
    auto page = store::PatternStore(context.repository).list(filter);
    if (!page) return std::move(page).error();
    Json json;
    json["patterns_detected"] = page->items.size();
    json["database_name"] = *body.request.database_name;
    json["lookback_days"] = body.request.lookback_days;
    json["timestamp"] = base::to_rfc3339(context.clock.now());
    json["notice"] =
        body.capped ? Json(fmt::format("lookback_days is capped to {}", workflow::most_lookback_days)) : Json(nullptr);
    json["patterns"] = patterns_json(page->items);
    return json_response(std::move(json));
}

}  // namespace

void add_pattern_routes(Router& router, const RouteContext& context) {
    const std::string base = "/api/v1/workload-patterns";
    router.add({.method = "GET", .pattern = base, .role = store::Role::viewer, .handler = [&context](Call& call) {
                    return list(context, call);
                }});
    router.add({.method = "POST",
                .pattern = base + "/analyze",
                .role = store::Role::operator_,
                .handler = [&context](Call& call) { return analyze(context, call); },
                .body = Body::json});
}

}  // namespace pganalytics::http
