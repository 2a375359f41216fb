#pragma once
// Where synchronous handlers run: a bounded pool of workers behind an awaitable face, and at most
// `max_waiting_requests` waiting for one. Internal to `net` (it includes Asio). See
// docs/adr/0010-threads-and-coroutines.md. Thread safety: `answer` on the I/O thread, `join` from any.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/server_state.hpp"

namespace pganalytics::net {

class HandlerPool {
  public:
    HandlerPool(ServerState& state, HttpServer::Handler handler);

    /// The handler's answer; a refusal where too many wait or the server has given up on its handlers.
    [[nodiscard]] boost::asio::awaitable<Response> answer(const Request& request);

    /// Waits for the handlers that run. Nothing may be asked from then on.
    void join();

  private:
    Response call_handler(const Request& request) const;

    ServerState& state_;
    const HttpServer::Handler handler_;
    boost::asio::thread_pool workers_;
};

}  // namespace pganalytics::net
