#include "http/router.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/text.hpp"

namespace pganalytics::http {

namespace {

/// The values of the pattern's braces where the path fits it.
std::optional<std::map<std::string, std::string, std::less<>>> fit(std::string_view pattern, std::string_view path) {
    const auto wanted = base::split(pattern, '/');
    const auto given = base::split(path, '/');
    if (wanted.size() != given.size()) return std::nullopt;
    std::map<std::string, std::string, std::less<>> values;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!wanted[i].starts_with('{')) {
            if (wanted[i] != given[i]) return std::nullopt;
            continue;
        }
        auto value = percent_decode(given[i], false);
        if (!value || value->empty()) return std::nullopt;
        values[wanted[i].substr(1, wanted[i].size() - 2)] = std::move(*value);
    }
    return values;
}

}  // namespace

const std::string& Call::path_value(std::string_view name) const {
    const auto found = path_values.find(name);
    base::check(found != path_values.end(), "a handler asks for a path value that its pattern lacks");
    return found->second;
}

void Router::add(Route route) {
    routes_.push_back(std::move(route));
}

Match Router::match(std::string_view method, std::string_view path) const {
    Match match;
    for (const auto& route : routes_) {
        auto values = fit(route.pattern, path);
        if (!values) continue;
        match.allowed.push_back(route.method);
        if (route.method == "GET") match.allowed.emplace_back("HEAD");
        if (!match.route && (route.method == method || (route.method == "GET" && method == "HEAD"))) {
            match.route = &route;
            match.path_values = std::move(*values);
        }
    }
    if (!match.allowed.empty()) match.allowed.emplace_back("OPTIONS");
    return match;
}

}  // namespace pganalytics::http
