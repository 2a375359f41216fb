#pragma once
// From method and path to a handler. A pattern's segments in braces match any one segment and hand it on, decoded.
// Routes are added while the service is built; after that the router is read only and thread-safe.

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/parameters.hpp"
#include "http/problem.hpp"
#include "net/message.hpp"
#include "store/tokens.hpp"

namespace pganalytics::http {

/// Who asks. Nobody on routes that need no token.
using Caller = std::optional<store::Token>;

/// One request on its way through a handler.
struct Call {
    const net::Request& request;
    std::string path;  ///< as asked, without the query
    std::map<std::string, std::string, std::less<>> path_values;
    Parameters& parameters;
    const Caller& caller;
    const nlohmann::json& body;  ///< of routes that take JSON; an object

    /// The value of {name}; it exists, or the pattern is wrong.
    [[nodiscard]] const std::string& path_value(std::string_view name) const;
};

using Answer = std::variant<net::Response, Problem>;
using RouteHandler = std::function<Answer(Call&)>;

enum class Body { none, json };
/// How much a route's requests are worth in the access log: probes and scrapes come all the time.
enum class Traffic { asked, probe };

struct Route {
    std::string method;
    std::string pattern;              ///< "/api/v1/queries/{query_hash}"
    std::optional<store::Role> role;  ///< the least that may; empty: no token needed
    RouteHandler handler;
    Body body = Body::none;
    Traffic traffic = Traffic::asked;
};

struct Match {
    const Route* route = nullptr;      ///< null: no such path, or not with this method
    std::vector<std::string> allowed;  ///< methods of the path; empty: no such path
    std::map<std::string, std::string, std::less<>> path_values;
};

class Router {
  public:
    void add(Route route);
    /// HEAD matches what GET does.
    [[nodiscard]] Match match(std::string_view method, std::string_view path) const;
    [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

  private:
    std::vector<Route> routes_;
};

}  // namespace pganalytics::http
