#include "http/service.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "http/router.hpp"
#include "http/routes.hpp"
#include "store/overview.hpp"
#include "store/tokens.hpp"

namespace pganalytics::http {

using base::Error;
using base::ErrorCode;

namespace {

/// Ours, or the one a proxy in front has given it, where that is harmless to write into logs.
std::string request_id_of(const net::Request& request) {
    constexpr std::size_t longest = 64;
    const auto given = request.headers.find("X-Request-Id");
    const auto is_harmless = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    if (given && !given->empty() && given->size() <= longest && std::ranges::all_of(*given, is_harmless)) {
        return std::string(*given);
    }
    return base::random_hex(8);
}

TokenVerifier tokens_of(store::Repository& repository) {
    return [&repository](const base::Secret& secret) { return store::TokenStore(repository).verify(secret); };
}

/// One of the entity tags listed in If-None-Match, or "*" (RFC 9110, 13.1.2; comparison is weak there).
bool names_tag(std::string_view list, std::string_view tag) {
    for (const auto& entry : base::split(list, ',')) {
        std::string_view candidate = base::trim(entry);
        if (candidate.starts_with("W/")) candidate.remove_prefix(2);
        if (candidate == tag || candidate == "*") return true;
    }
    return false;
}

void add_entity_tag(const net::Request& request, net::Response& response) {
    if (response.status != 200 || (request.method != "GET" && request.method != "HEAD")) return;
    if (response.headers.find("Cache-Control")) return;
    base::StableHash hash;
    hash.add(response.body);
    const std::string tag = fmt::format("\"{:016x}\"", hash.digest());
    response.headers.set("ETag", tag);
    response.headers.set("Cache-Control", "private, no-cache");
    if (const auto known = request.headers.find("If-None-Match"); known && names_tag(*known, tag)) {
        response.status = 304;
        response.body.clear();
    }
}

void add_security_headers(net::Response& response, const std::string& request_id) {
    response.headers.set("X-Content-Type-Options", "nosniff");
    response.headers.set("Referrer-Policy", "no-referrer");
    response.headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    response.headers.set("X-Request-Id", request_id);
    if (!response.headers.find("Cache-Control")) response.headers.set("Cache-Control", "no-store");
}

Problem with_header(Error error, std::string name, std::string value, int status = 0) {
    Problem problem(std::move(error));
    problem.headers.set(name, std::move(value));
    problem.status = status;
    return problem;
}

Problem too_many(std::chrono::seconds wait) {
    return with_header(Error{ErrorCode::retry_later, "Too many requests in too short a time.",
                             fmt::format("Wait {} s before the next.", wait.count()), ""},
                       "Retry-After", std::to_string(wait.count()), 429);
}

std::variant<nlohmann::json, Problem> read_body(const Route& route, const net::Request& request) {
    if (route.body == Body::none || request.body.empty()) return nlohmann::json::object();
    const auto type = request.headers.find("Content-Type").value_or("");
    const auto media = base::to_lower(base::trim(type.substr(0, std::min(type.find(';'), type.size()))));
    if (media != "application/json") {
        Problem problem(Error{ErrorCode::fix_input, "The body of this request must be JSON.",
                              "Send Content-Type: application/json.", ""});
        problem.status = 415;
        return problem;
    }
    auto body = nlohmann::json::parse(request.body, nullptr, false);
    if (body.is_discarded() || !body.is_object()) {
        return Problem(Error{ErrorCode::fix_input, "The body of this request is not a JSON object.", "", ""});
    }
    return body;
}

}  // namespace

struct Service::Impl {
    explicit Impl(Dependencies from);

    net::Response answer(const net::Request& request, const std::string& request_id, std::string& route_name,
                         Caller& caller, Traffic& traffic);
    Answer dispatch(const net::Request& request, std::string_view path, std::string_view query, std::string& route_name,
                    Caller& caller, Traffic& traffic);
    std::optional<Problem> admit(const Route& route, const net::Request& request, Caller& caller);
    Problem no_route(const Match& match, std::string_view method, std::string_view path) const;

    Dependencies with;
    Authenticator authenticator;
    RateLimiter limiter_with_token;
    RateLimiter limiter_without_token;
    Metrics metrics;
    RouteContext context;
    Router router;
};

Service::Impl::Impl(Dependencies from)
    : with(std::move(from)),
      authenticator(with.verify_token ? with.verify_token : tokens_of(with.repository), with.clock),
      limiter_with_token(with.limit_with_token, with.clock),
      limiter_without_token(with.limit_without_token, with.clock),
      metrics(with.version,
              MetricSources{with.collector_status, with.collector_queue, with.server_counters,
                            [&repository = with.repository] { return store::read_overview(repository); },
                            [&predictions = with.predictions] { return predictions.counters(); }, with.redis_status},
              with.clock),
      context{with.repository, with.targets, with.predictions,      with.clock,
              metrics,         with.version, with.collector_status, with.redis_status} {
    add_routes(router, context);
}

Problem Service::Impl::no_route(const Match& match, std::string_view method, std::string_view path) const {
    if (match.allowed.empty()) {
        return Problem(Error{ErrorCode::not_found, fmt::format("There is nothing at {}.", path),
                             "/api/openapi.yaml lists what there is.", ""});
    }
    return with_header(Error{ErrorCode::fix_input, fmt::format("{} does not take {}.", path, method), "", ""}, "Allow",
                       fmt::format("{}", fmt::join(match.allowed, ", ")), 405);
}

/// Who asks, whether they may, and whether they have asked too often.
std::optional<Problem> Service::Impl::admit(const Route& route, const net::Request& request, Caller& caller) {
    if (!route.role) {
        if (const auto wait = limiter_without_token.take(request.peer)) return too_many(*wait);
        return std::nullopt;
    }
    auto token = authenticator.authenticate(request);
    if (!token) {
        if (const auto wait = limiter_without_token.take(request.peer)) return too_many(*wait);
        if (token.error().code != ErrorCode::not_authenticated) return Problem(std::move(token).error());
        const bool tried = request.headers.find("Authorization").has_value();
        // RFC 6750, 3: no error code for who has sent no credentials at all.
        return with_header(
            std::move(token).error(), "WWW-Authenticate",
            tried ? "Bearer realm=\"pganalytics\", error=\"invalid_token\"" : "Bearer realm=\"pganalytics\"");
    }
    caller = std::move(*token);
    if (const auto wait = limiter_with_token.take(std::to_string(caller->id))) return too_many(*wait);
    if (caller->role < *route.role) {
        return Problem(Error{
            ErrorCode::not_allowed,
            fmt::format("This needs the role {}; the token has {}.", store::to_string(*route.role),
                        store::to_string(caller->role)),
            fmt::format("Use a token made with `pganalytics token create --role {}`.", store::to_string(*route.role)),
            ""});
    }
    return std::nullopt;
}

Answer Service::Impl::dispatch(const net::Request& request, std::string_view path, std::string_view query,
                               std::string& route_name, Caller& caller, Traffic& traffic) {
    Match match = router.match(request.method, path);
    if (!match.route && request.method == "OPTIONS" && !match.allowed.empty()) {
        net::Response response;
        response.status = 204;
        response.headers.set("Allow", fmt::format("{}", fmt::join(match.allowed, ", ")));
        return response;
    }
    if (!match.route) {
        if (const auto wait = limiter_without_token.take(request.peer)) return too_many(*wait);
        return no_route(match, request.method, path);
    }
    route_name = match.route->pattern;
    traffic = match.route->traffic;
    if (auto problem = admit(*match.route, request, caller)) return std::move(*problem);
    const auto body = read_body(*match.route, request);
    if (const auto* problem = std::get_if<Problem>(&body)) return *problem;
    Parameters parameters(query);
    Call call{
        request, std::string(path), std::move(match.path_values), parameters, caller, std::get<nlohmann::json>(body)};
    return match.route->handler(call);
}

net::Response Service::Impl::answer(const net::Request& request, const std::string& request_id, std::string& route_name,
                                    Caller& caller, Traffic& traffic) {
    const std::string_view target = request.target;
    const auto mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    const std::string_view query = target.substr(std::min(mark + 1, target.size()));
    try {
        Answer answer = dispatch(request, path, query, route_name, caller, traffic);
        if (auto* response = std::get_if<net::Response>(&answer)) return std::move(*response);
        auto& problem = std::get<Problem>(answer);
        if (problem.error.code == ErrorCode::internal) {
            with.log.error("http_internal_error",
                           {{"request_id", request_id}, {"route", route_name}, {"error", problem.error.to_string()}});
        }
        const bool is_down = problem.status == 0 && base::mapping_of(problem.error.code).http_status == 503;
        if (is_down && !problem.headers.find("Retry-After")) problem.headers.set("Retry-After", "5");
        return to_response(problem, path, request_id);
    } catch (const std::exception& exception) {
        with.log.error("http_handler_failed",
                       {{"request_id", request_id}, {"route", route_name}, {"error", exception.what()}});
        return to_response(Error{ErrorCode::internal, "The server failed at this request.",
                                 fmt::format("Its log has the reason under request id {}.", request_id), ""},
                           path, request_id);
    }
}

Service::Service(Dependencies dependencies) : impl_(std::make_unique<Impl>(std::move(dependencies))) {}

Service::~Service() = default;

net::Response Service::handle(const net::Request& request) {
    const auto begin = impl_->with.clock.monotonic();
    const std::string request_id = request_id_of(request);
    std::string route = "none";
    Caller caller;
    Traffic traffic = Traffic::asked;
    net::Response response = impl_->answer(request, request_id, route, caller, traffic);
    add_entity_tag(request, response);
    add_security_headers(response, request_id);

    const auto took = impl_->with.clock.monotonic() - begin;
    impl_->metrics.count_request(route, request.method, response.status, took);
    // The route and never the query string: search texts and cursors are nobody's business in a log.
    const std::initializer_list<base::LogField> fields{
        {"request_id", request_id},
        {"method", request.method},
        {"route", route},
        {"status", response.status},
        {"bytes", response.body.size()},
        {"duration_ms", std::chrono::duration<double, std::milli>(took).count()},
        {"peer", request.peer},
        {"token", caller ? std::string_view(caller->name) : std::string_view("-")}};
    if (traffic == Traffic::probe) {
        impl_->with.log.debug("http_request", fields);
    } else {
        impl_->with.log.info("http_request", fields);
    }
    return response;
}

}  // namespace pganalytics::http
