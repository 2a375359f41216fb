#pragma once
// What the parts of one HTTP server (http_server.cpp, http_session.cpp, handler_pool.cpp) share: what it was asked to
// be, how far its end has come, and what it counts. Internal to `net`. Thread safety: `stopping` belongs to the I/O
// thread; the rest may be read and counted from any.

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/log.hpp"
#include "net/http_server.hpp"

namespace pganalytics::net {

struct ServerState {
    ServerState(ServerOptions from, base::Log sink);

    /// The answer to what does not reach the handler. Whoever sends it counts it.
    [[nodiscard]] Response refusal(int status, std::string_view detail) const;

    const ServerOptions options;
    const base::Log log;
    bool stopping = false;                ///< no request is begun any more
    std::atomic<bool> cut_off{false};     ///< no handler is begun any more
    std::atomic<std::size_t> running{0};  ///< requests waiting for a worker or in the handler
    std::atomic<std::uint64_t> accepted{0}, requests{0}, refused{0}, evicted{0};
};

}  // namespace pganalytics::net
