#include "http/problem.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/secret.hpp"
#include "base/text.hpp"
#include "http/json.hpp"

namespace pganalytics::http {

net::Response to_response(const Problem& problem, std::string_view instance, std::string_view request_id) {
    const auto& mapping = base::mapping_of(problem.error.code);
    const int status = problem.status != 0 ? problem.status : mapping.http_status;
    Json body;
    body["type"] = fmt::format("urn:pganalytics:problem:{}", mapping.name);
    body["title"] = problem.status != 0 ? net::reason_phrase(status) : mapping.title;
    body["status"] = status;
    body["detail"] = base::with_full_stop(problem.error.message);
    if (!problem.error.hint.empty()) body["hint"] = problem.error.hint;
    if (!instance.empty()) body["instance"] = instance;
    if (!request_id.empty()) body["request_id"] = request_id;
    if (!problem.fields.empty()) {
        body["errors"] = Json::array();
        for (const auto& fault : problem.fields) {
            body["errors"].push_back(Json{{"field", fault.field}, {"message", fault.message}});
        }
    } else if (!problem.error.field.empty()) {
        body["errors"] = Json::array({Json{{"field", problem.error.field}, {"message", problem.error.message}}});
    }
    if (!problem.extension_name.empty()) {
        body[problem.extension_name] = Json::parse(problem.extension_json, nullptr, false);
    }
    net::Response response;
    response.status = status;
    response.headers = problem.headers;
    response.headers.set("Content-Type", "application/problem+json");
    response.body = to_text(std::move(body));
    return response;
}

net::Response transport_refusal(int status, std::string_view detail) {
    base::Error error;
    error.message = std::string(detail);
    switch (status) {
        case 413:
        case 431:
            error.code = base::ErrorCode::too_large;
            break;
        case 503:
            error.code = base::ErrorCode::retry_later;
            break;
        case 500:
            error.code = base::ErrorCode::internal;
            break;
        default:
            error.code = base::ErrorCode::fix_input;
            break;
    }
    Problem problem(std::move(error));
    problem.status = status;
    return to_response(problem, "", "");
}

}  // namespace pganalytics::http
