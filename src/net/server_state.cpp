#include "net/server_state.hpp"

#include <fmt/core.h>

namespace pganalytics::net {

ServerState::ServerState(ServerOptions from, base::Log sink) : options(std::move(from)), log(std::move(sink)) {}

Response ServerState::refusal(int status, std::string_view detail) const {
    if (options.refusal) return options.refusal(status, detail);
    Response response;
    response.status = status;
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = fmt::format("{}\n", detail);
    return response;
}

}  // namespace pganalytics::net
