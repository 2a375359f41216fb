#include "net/http_server.hpp"

#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "net/coroutine.hpp"
#include "net/http_session.hpp"
#include "net/listening_socket.hpp"
#include "net/tls.hpp"

namespace pganalytics::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Error;
using base::ErrorCode;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds accept_pause{1};

}  // namespace

struct HttpServer::Impl {
    Impl(ServerOptions from, Handler to, base::Log sink)
        : state(std::move(from), std::move(sink)),
          handlers(state, std::move(to)),
          acceptor(io),
          work(asio::make_work_guard(io)) {}

    // The I/O thread.
    asio::awaitable<void> listen();
    void take_in(tcp::socket socket);
    bool make_room();
    void remember(const std::shared_ptr<HttpSession>& session);
    void forget(const std::shared_ptr<HttpSession>& session);

    // Any thread.
    void stop();
    void on_io_thread(std::function<void()> action);
    bool wait_until_empty(std::chrono::milliseconds at_most);

    ServerState state;
    asio::io_context io{1};
    HandlerPool handlers;
    tcp::acceptor acceptor;
    tcp::endpoint bound;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::shared_ptr<asio::ssl::context> tls;  ///< I/O thread, once it runs
    std::set<std::shared_ptr<HttpSession>> sessions;
    std::thread thread;

    std::mutex stop_mutex;
    bool stopped = false;
    mutable std::mutex mutex;  ///< of open_connections
    std::condition_variable emptied;
    std::size_t open_connections = 0;
};

asio::awaitable<void> HttpServer::Impl::listen() {
    while (!state.stopping) {
        auto [error, socket] = co_await acceptor.async_accept(as_result);
        if (state.stopping) co_return;
        if (error) {
            // Out of file descriptors, most likely: accepting again at once would spin.
            state.log.warning("http_accept_failed", {{"error", error.message()}});
            asio::steady_timer timer(io, accept_pause);
            co_await timer.async_wait(as_result);
            continue;
        }
        take_in(std::move(socket));
    }
}

void HttpServer::Impl::take_in(tcp::socket socket) {
    ++state.accepted;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto session = std::make_shared<HttpSession>(std::move(socket), state, handlers);
    const bool full = sessions.size() >= state.options.max_connections && !make_room();
    remember(session);
    auto end = [this, session](const std::exception_ptr& failure) {
        if (failure) state.log.error("http_connection_failed", {{"error", failure_text(failure)}});
        forget(session);
    };
    auto conversation =
        full ? session->turn_away(503, "The server has all the connections it takes.") : session->serve(tls);
    asio::co_spawn(io, std::move(conversation), std::move(end));
}

/// Cuts the connection that has been idle longest. False where none is idle.
bool HttpServer::Impl::make_room() {
    HttpSession* oldest = nullptr;
    for (const auto& session : sessions) {
        const auto since = session->idle_since();
        if (since && (!oldest || *since < *oldest->idle_since())) oldest = session.get();
    }
    if (!oldest) return false;
    oldest->cut();
    ++state.evicted;
    return true;
}

void HttpServer::Impl::remember(const std::shared_ptr<HttpSession>& session) {
    sessions.insert(session);
    const std::lock_guard lock(mutex);
    open_connections = sessions.size();
}

void HttpServer::Impl::forget(const std::shared_ptr<HttpSession>& session) {
    sessions.erase(session);
    const std::lock_guard lock(mutex);
    open_connections = sessions.size();
    if (sessions.empty()) emptied.notify_all();
}

void HttpServer::Impl::on_io_thread(std::function<void()> action) {
    std::promise<void> done;
    asio::post(io, [&] {
        action();
        done.set_value();
    });
    done.get_future().wait();
}

bool HttpServer::Impl::wait_until_empty(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex);
    return emptied.wait_for(lock, at_most, [&] { return open_connections == 0; });
}

void HttpServer::Impl::stop() {
    const std::lock_guard lock(stop_mutex);
    if (std::exchange(stopped, true)) return;
    // Waited for: once it has run nobody new comes in, so the count below is final.
    on_io_thread([this] {
        state.stopping = true;
        error_code ignored;
        acceptor.close(ignored);
        for (const auto& session : sessions) {
            if (session->idle_since()) session->cut();
        }
    });
    if (!wait_until_empty(state.options.drain_timeout)) {
        state.log.warning("http_drain_cut_off", {{"running_requests", state.running.load()}});
        on_io_thread([this] {
            state.cut_off = true;
            for (const auto& session : sessions) session->cut();
        });
    }
    // Nothing is posted to the pool from here on: either no connection is left, or `cut_off` is seen first.
    handlers.join();
    // Every handler has returned and every socket is cut: what remains is the coroutines' own unwinding.
    work.reset();
    thread.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
    stop();
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler handler, base::Log log) {
    base::check(static_cast<bool>(handler), "an HTTP server without a handler");
    PGANALYTICS_ASSIGN(const tcp::endpoint endpoint, endpoint_of(options));
    std::shared_ptr<asio::ssl::context> tls;
    if (options.tls) {
        PGANALYTICS_ASSIGN(tls, server_tls(*options.tls));
    }
    auto impl = std::make_unique<Impl>(std::move(options), std::move(handler), std::move(log));
    PGANALYTICS_RETURN_IF_ERROR(open_acceptor(impl->acceptor, impl->state.options, endpoint));
    impl->bound = impl->acceptor.local_endpoint();
    impl->tls = std::move(tls);
    auto* server = impl.get();
    asio::co_spawn(impl->io, impl->listen(), [server](const std::exception_ptr& failure) {
        if (failure) server->state.log.error("http_listener_failed", {{"error", failure_text(failure)}});
    });
    impl->thread = std::thread([server] { server->io.run(); });
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::stop() {
    impl_->stop();
}

std::uint16_t HttpServer::port() const {
    return impl_->bound.port();
}

std::string HttpServer::url() const {
    const auto address = impl_->bound.address();
    return fmt::format("{}://{}:{}", impl_->state.options.tls ? "https" : "http",
                       address.is_v6() ? fmt::format("[{}]", address.to_string()) : address.to_string(),
                       impl_->bound.port());
}

ServerCounters HttpServer::counters() const {
    ServerCounters counters;
    {
        const std::lock_guard lock(impl_->mutex);
        counters.connections = impl_->open_connections;
    }
    counters.running_requests = impl_->state.running;
    counters.accepted_total = impl_->state.accepted;
    counters.requests_total = impl_->state.requests;
    counters.refused_total = impl_->state.refused;
    counters.evicted_total = impl_->state.evicted;
    return counters;
}

base::Status HttpServer::reload_tls() {
    if (!impl_->state.options.tls) {
        return Error{ErrorCode::fix_input, "This server does not use TLS.", "Start it with certificate and key.", ""};
    }
    PGANALYTICS_ASSIGN(auto fresh, server_tls(*impl_->state.options.tls));
    asio::post(impl_->io, [server = impl_.get(), fresh = std::move(fresh)] { server->tls = fresh; });
    return {};
}

}  // namespace pganalytics::net
