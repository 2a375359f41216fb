#pragma once
// One connection of the HTTP server, from the accepted socket to its end: TLS, one request after the other, the
// answers, and the time each of them may take. Internal to `net`; Beast stays in http_session.cpp. Thread safety: made,
// asked and cut on the I/O thread only.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "net/handler_pool.hpp"
#include "net/server_state.hpp"

namespace pganalytics::net {

class HttpSession {
  public:
    HttpSession(boost::asio::ip::tcp::socket socket, ServerState& state, HandlerPool& handlers);
    ~HttpSession();
    HttpSession(const HttpSession&) = delete;
    HttpSession& operator=(const HttpSession&) = delete;

    /// Answers requests until either side ends it. Plain HTTP where there is no `tls`.
    [[nodiscard]] boost::asio::awaitable<void> serve(std::shared_ptr<boost::asio::ssl::context> tls);

    /// One refusal, without having read a request.
    [[nodiscard]] boost::asio::awaitable<void> turn_away(int status, std::string_view detail);

    /// Since when nothing is being asked; nothing while a request is under way or once it was cut.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> idle_since() const;

    /// Ends it: what waits for the other side returns with an error.
    void cut();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::net
