#include "workflow/parameter_job.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "store/history.hpp"

namespace pganalytics::workflow {

namespace {

base::Error bad_payload(const std::string& why) {
    return {base::ErrorCode::fix_input, "The payload of a parameter job " + why,
            R"(It is {"query_hash": …, "target_id": …, "database_name": …}; target and database may be null.)",
            "payload"};
}

using Places = std::set<std::pair<base::TargetId, std::optional<std::string>>>;

/// The databases to look at. A job names few things, because a psql user who calls the SQL function does.
base::Result<Places> places_of(store::Repository& repository, store::TargetStore& targets,
                               const ParameterRequest& request) {
    Places places;
    if (request.query_hash) {
        PGANALYTICS_ASSIGN(const auto seen, store::History(repository).places(*request.query_hash));
        for (const auto& place : seen) {
            if (request.target && place.target_id != *request.target) continue;
            if (request.database_name && place.database_name != *request.database_name) continue;
            places.emplace(place.target_id, place.database_name);
        }
        if (places.empty()) {
            return base::Error{base::ErrorCode::not_found,
                               fmt::format("query {} was not seen there", base::to_integer(*request.query_hash)),
                               "`pganalytics queries` lists what was.", "query_hash"};
        }
        return places;
    }
    PGANALYTICS_ASSIGN(const auto known, targets.list());
    for (const auto& target : known) {
        if (target.enabled && (!request.target || target.id == *request.target)) {
            places.emplace(target.id, request.database_name);
        }
    }
    return places;
}

}  // namespace

base::Result<ParameterRequest> read_parameter_request(std::string_view payload_json) {
    const auto payload = nlohmann::json::parse(payload_json, nullptr, false);
    if (!payload.is_object()) return bad_payload("is no JSON object");
    ParameterRequest request;
    const auto number = [&payload](const char* name) -> std::optional<std::int64_t> {
        const auto found = payload.find(name);
        return found != payload.end() && found->is_number_integer() ? std::optional(found->get<std::int64_t>())
                                                                    : std::nullopt;
    };
    if (const auto hash = number("query_hash")) request.query_hash = base::QueryHash{*hash};
    if (const auto target = number("target_id")) request.target = base::TargetId{*target};
    if (const auto name = payload.find("database_name"); name != payload.end() && name->is_string()) {
        request.database_name = name->get<std::string>();
    }
    if (!request.query_hash) return bad_payload("names no query_hash");
    return request;
}

base::Result<std::vector<DatabaseOutcome>> optimize_parameters(
    store::Repository& repository, store::TargetStore& targets, const base::Clock& clock,
    const ParameterRequest& request, const AnalysisJobOptions& options,
    const std::function<bool(double, std::string_view)>& go_on, const base::Log& log) {
    PGANALYTICS_ASSIGN(const auto places, places_of(repository, targets, request));
    std::vector<DatabaseOutcome> all;
    double done = 0;
    for (const auto& [target, database] : places) {
        AnalysisJobOptions narrowed = options;
        narrowed.only = {"parameters"};
        narrowed.database_name = database;
        const auto part = [&](double progress, std::string_view stage) {
            return !go_on || go_on((done + progress) / static_cast<double>(places.size()), stage);
        };
        PGANALYTICS_ASSIGN(auto outcomes, analyze_target(repository, targets, target, clock, narrowed, part, log));
        std::move(outcomes.begin(), outcomes.end(), std::back_inserter(all));
        ++done;
    }
    return all;
}

}  // namespace pganalytics::workflow
