#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include <fmt/core.h>

#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/history.hpp"
#include "store/jobs.hpp"
#include "store/recommendations.hpp"
#include "workflow/parameter_job.hpp"
#include "workflow/report_json.hpp"

namespace pganalytics::http {

namespace {

struct Asked {
    base::QueryHash query_hash{};
    store::StatementPlace place;
};

/// The statement of the path, in the one place that target and database_name leave.
std::variant<Asked, Problem> read_statement(const RouteContext& context, Call& call) {
    const auto database_name = call.parameters.text("database_name");
    auto target = read_target(call.parameters, context.targets);
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!target) return Problem(std::move(target).error());
    auto query_hash = parse_query_hash(call.path_value("query_hash"), "query_hash");
    if (!query_hash) return Problem(std::move(query_hash).error());
    store::History history(context.repository);
    auto place = history.resolve(*query_hash, *target, database_name);
    if (!place && place.error().code == base::ErrorCode::conflict) {
        return ambiguous_statement(std::move(place).error(), history, *query_hash);
    }
    if (!place) return Problem(std::move(place).error());
    return Asked{*query_hash, std::move(*place)};
}

Answer list(const RouteContext& context, Call& call) {
    const auto limit = static_cast<std::size_t>(call.parameters.integer("limit", 1, 100).value_or(10));
    auto asked = read_statement(context, call);
    if (auto* problem = std::get_if<Problem>(&asked)) return std::move(*problem);
    const auto& [query_hash, place] = std::get<Asked>(asked);
    auto found = store::RecommendationStore(context.repository)
                     .parameter_suggestions(query_hash, place.target_id, place.database_name, limit);
    if (!found) return std::move(found).error();
    std::map<std::string, int> types;
    Json suggestions = Json::array();
    for (const auto& suggestion : *found) {
        ++types[suggestion.parameter_name];
        suggestions.push_back(workflow::to_json(suggestion));
    }
    Json json;
    json["query_hash"] = base::to_integer(query_hash);
    json["suggestions"] = std::move(suggestions);
    json["count"] = found->size();
    json["parameter_types"] = Json(types);
    json["timestamp"] = base::to_rfc3339(context.clock.now());
    return json_response(std::move(json));
}

/// The analysis needs the target's planner: it is queued. What is stored so far is the answer, and the job says when
/// there is more.
Answer generate(const RouteContext& context, Call& call) {
    auto asked = read_statement(context, call);
    if (auto* problem = std::get_if<Problem>(&asked)) return std::move(*problem);
    const auto& [query_hash, place] = std::get<Asked>(asked);
    store::NewJob job;
    job.kind = workflow::parameter_job_kind;
    job.target_id = place.target_id;
    job.payload_json = to_text(Json{{"query_hash", base::to_integer(query_hash)},
                                    {"target_id", base::to_integer(place.target_id)},
                                    {"database_name", place.database_name}});
    job.unique_key =
        fmt::format("{}/{}/{}", base::to_integer(query_hash), base::to_integer(place.target_id), place.database_name);
    auto queued = store::JobStore(context.repository).enqueue(job);
    if (!queued) return std::move(queued).error();
    auto found = store::RecommendationStore(context.repository)
                     .parameter_suggestions(query_hash, place.target_id, place.database_name, 100);
    if (!found) return std::move(found).error();
    std::set<std::string> types;
    for (const auto& suggestion : *found) types.insert(suggestion.parameter_name);
    Json json;
    json["query_hash"] = base::to_integer(query_hash);
    json["suggestions_count"] = found->size();
    json["suggestion_types"] = Json(types);
    json["generated_at"] = base::to_rfc3339(context.clock.now());
    json["job_id"] = base::to_integer(queued->id);
    json["job_status"] = store::to_string(queued->status);
    return json_response(std::move(json));
}

}  // namespace

void add_parameter_routes(Router& router, const RouteContext& context) {
    const std::string base = "/api/v1/queries/{query_hash}/parameter-optimization";
    router.add({.method = "GET", .pattern = base, .role = store::Role::viewer, .handler = [&context](Call& call) {
                    return list(context, call);
                }});
    router.add({.method = "POST",
                .pattern = base + "/generate",
                .role = store::Role::operator_,
                .handler = [&context](Call& call) { return generate(context, call); }});
}

}  // namespace pganalytics::http
