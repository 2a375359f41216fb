#include <array>

#include "base/text.hpp"
#include "http/render.hpp"
#include "http/routes.hpp"
#include "store/jobs.hpp"

namespace pganalytics::http {

namespace {

constexpr std::array<std::string_view, 5> statuses{"pending", "running", "completed", "failed", "cancelled"};

Json job_json(const store::Job& from) {
    Json json;
    json["job_id"] = base::to_integer(from.id);
    json["kind"] = from.kind;
    json["target_id"] = from.target_id ? Json(base::to_integer(*from.target_id)) : Json(nullptr);
    json["payload"] = parse_column(from.payload_json);
    json["status"] = store::to_string(from.status);
    json["progress"] = from.progress;
    json["stage"] = from.stage;
    json["result"] = parse_column(from.result_json);
    json["error"] = from.error.empty() ? Json(nullptr) : Json(from.error);
    json["attempt"] = from.attempt;
    json["max_attempts"] = from.max_attempts;
    json["cancel_requested"] = from.cancel_requested;
    json["created_at"] = base::to_rfc3339(from.created_at);
    json["updated_at"] = base::to_rfc3339(from.updated_at);
    return json;
}

Answer list(const RouteContext& context, Call& call) {
    store::JobFilter filter;
    filter.limit = static_cast<std::size_t>(call.parameters.integer("limit", 1, 500).value_or(50));
    filter.kind = call.parameters.text("kind");
    if (const auto status = call.parameters.choice("status", statuses)) {
        filter.status =
            static_cast<store::JobStatus>(std::find(statuses.begin(), statuses.end(), *status) - statuses.begin());
    }
    filter.cursor = call.parameters.text("cursor");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    auto page = store::JobStore(context.repository).list(filter);
    if (!page) return std::move(page).error();
    Json json = Json::array();
    for (const auto& job : page->items) json.push_back(job_json(job));
    net::Response response = json_response(std::move(json));
    link_next_page(response, call, page->next_cursor);
    return response;
}

Answer with_job(Call& call, const std::function<base::Result<store::Job>(base::JobId)>& work) {
    auto id = parse_id(call.path_value("job_id"), "job_id");
    if (auto problem = call.parameters.problem()) return std::move(*problem);
    if (!id) return std::move(id).error();
    auto job = work(base::JobId{*id});
    if (!job) return std::move(job).error();
    return json_response(job_json(*job));
}

}  // namespace

void add_job_routes(Router& router, const RouteContext& context) {
    const std::string base = "/api/v1/jobs";
    router.add({.method = "GET", .pattern = base, .role = store::Role::viewer, .handler = [&context](Call& call) {
                    return list(context, call);
                }});
    router.add({.method = "GET",
                .pattern = base + "/{job_id}",
                .role = store::Role::viewer,
                .handler = [&context](Call& call) {
                    return with_job(call, [&](base::JobId id) { return store::JobStore(context.repository).find(id); });
                }});
    router.add({.method = "DELETE",
                .pattern = base + "/{job_id}",
                .role = store::Role::operator_,
                .handler = [&context](Call& call) {
                    return with_job(call,
                                    [&](base::JobId id) { return store::JobStore(context.repository).cancel(id); });
                }});
}

}  // namespace pganalytics::http
