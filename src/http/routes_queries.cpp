#include <array>

#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/history.hpp"

namespace pganalytics::http {

namespace {

constexpr std::array<std::string_view, 7> orders{"total_time",  "calls",       "mean_time", "rows",
                                                 "blocks_read", "temp_blocks", "last_seen"};
constexpr std::array<std::string_view, 2> directions{"desc", "asc"};
constexpr std::int64_t longest_lookback_hours = 400 * 24;

store::Window read_window(Parameters& parameters, const base::Clock& clock) {
    const auto hours = parameters.integer("lookback_hours", 1, longest_lookback_hours).value_or(24);
    // To the minute, so that the same question asked again within it has the same answer, and the same ETag.
    const base::Timestamp ends = std::chrono::ceil<std::chrono::minutes>(clock.now());
    return {ends - std::chrono::hours(hours), ends};
}

Answer list(const RouteContext& context, Call& call) {
    auto& parameters = call.parameters;
    store::StatementFilter filter;
    filter.window = read_window(parameters, context.clock);
    filter.limit = static_cast<std::size_t>(parameters.integer("limit", 1, 500).value_or(50));
    filter.database_name = parameters.text("database_name");
    filter.user_name = parameters.text("user_name");
    filter.text_contains = parameters.text("text");
    filter.min_mean_time_ms = parameters.number("min_mean_time_ms", 0, 1e12);
    filter.min_calls = parameters.integer("min_calls", 0, std::int64_t{1} << 62);
    const std::string order = parameters.choice("order_by", orders).value_or("total_time");
    filter.descending = parameters.choice("direction", directions).value_or("desc") == "desc";
    filter.cursor = parameters.text("cursor");
    auto target = read_target(parameters, context.targets);
    if (auto problem = parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    filter.target = *target;
    auto parsed_order = store::parse_statement_order(order);
    if (!parsed_order) return std::move(parsed_order).error();
    filter.order = *parsed_order;

    auto page = store::History(context.repository).statements(filter);
    if (!page) return std::move(page).error();
    Json json = Json::array();
    for (const auto& statement : page->items) json.push_back(to_json(statement));
    net::Response response = json_response(std::move(json));
    link_next_page(response, call, page->next_cursor);
    return response;
}

Answer find(const RouteContext& context, Call& call) {
    auto& parameters = call.parameters;
    const auto window = read_window(parameters, context.clock);
    const auto database_name = parameters.text("database_name");
    auto target = read_target(parameters, context.targets);
    if (auto problem = parameters.problem()) return std::move(*problem);
    if (!target) return std::move(target).error();
    auto query_hash = parse_query_hash(call.path_value("query_hash"), "query_hash");
    if (!query_hash) return std::move(query_hash).error();

    store::History history(context.repository);
    auto place = history.resolve(*query_hash, *target, database_name);
    if (!place && place.error().code == base::ErrorCode::conflict) {
        return ambiguous_statement(std::move(place).error(), history, *query_hash);
    }
    if (!place) return std::move(place).error();
    auto statement = history.statement(*place, *query_hash, window);
    if (!statement) return std::move(statement).error();
    Json json = to_detailed_json(*statement);
    json["target_name"] = place->target_name;
    json["window_begins"] = base::to_rfc3339(window.from);
    json["window_ends"] = base::to_rfc3339(window.to);
    return json_response(std::move(json));
}

}  // namespace

Problem ambiguous_statement(base::Error error, store::History& history, base::QueryHash query_hash) {
    Problem problem(std::move(error));
    if (const auto places = history.places(query_hash)) {
        Json choices = Json::array();
        for (const auto& place : *places) choices.push_back(to_json(place));
        problem.extension_name = "choices";
        problem.extension_json = to_text(std::move(choices));
    }
    return problem;
}

void add_query_routes(Router& router, const RouteContext& context) {
    router.add(
        {.method = "GET", .pattern = "/api/v1/queries", .role = store::Role::viewer, .handler = [&context](Call& call) {
             return list(context, call);
         }});
    router.add({.method = "GET",
                .pattern = "/api/v1/queries/{query_hash}",
                .role = store::Role::viewer,
                .handler = [&context](Call& call) { return find(context, call); }});
}

}  // namespace pganalytics::http
