#include "net/http_server.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "net/tls.hpp"

namespace pganalytics::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using base::Error;
using base::ErrorCode;
using boost::system::error_code;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds tls_handshake_timeout{10};
constexpr std::chrono::seconds accept_pause{1};
/// How long, and how much of, a refused body is taken in so that the other side gets to read the refusal.
constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t linger_bytes = 16 * 1024 * 1024;

using Parser = http::request_parser<http::string_body>;

/// One connection as the server sees it. Touched on the I/O thread only.
struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    std::string peer;
    bool idle = false;
    bool was_cut = false;
    std::chrono::steady_clock::time_point idle_since;

    void cut() {
        was_cut = true;
        error_code ignored;
        stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
        stream.cancel();
    }
};

Response plain_refusal(int status, std::string_view detail) {
    Response response;
    response.status = status;
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = fmt::format("{}\n", detail);
    return response;
}

Request to_request(Parser& parser, const Connection& connection, bool encrypted) {
    auto& message = parser.get();
    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) request.headers.add(std::string(field.name_string()), std::string(field.value()));
    request.body = std::move(message.body());
    request.peer = connection.peer;
    request.encrypted = encrypted;
    return request;
}

/// A line break in a value would let its author write headers of their own.
bool is_safe_field(const Headers::Field& field) {
    const auto is_control = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    return !field.name.empty() && std::ranges::none_of(field.name, is_control) &&
           std::ranges::none_of(field.value, is_control);
}

std::string http_date() {
    return fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(std::time(nullptr)));
}

template <typename Body>
void fill_head(http::response<Body>& message, const Response& response, bool keep_alive, unsigned version) {
    message.result(static_cast<unsigned>(response.status));
    message.reason(std::string(reason_phrase(response.status)));
    message.version(version);
    message.keep_alive(keep_alive);
    message.set(http::field::date, http_date());
    for (const auto& field : response.headers) {
        if (is_safe_field(field)) message.insert(field.name, field.value);
    }
}

base::Result<tcp::endpoint> endpoint_of(const ServerOptions& options) {
    const std::string address = options.address == "localhost" ? "127.0.0.1" : options.address;
    error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    if (error) {
        return Error{ErrorCode::fix_input, fmt::format("\"{}\" is not an IP address to listen on.", options.address),
                     "Give an IPv4 or IPv6 address, such as 127.0.0.1 or ::1.", "address"};
    }
    return tcp::endpoint(parsed, options.port);
}

Error bind_error(const ServerOptions& options, const error_code& error) {
    const auto where = fmt::format("{} port {}", options.address, options.port);
    if (error == asio::error::address_in_use) {
        return Error{
            ErrorCode::conflict, fmt::format("Another program is listening on {} already.", where),
            fmt::format("Choose another port, or stop that program: `ss -ltnp 'sport = :{}'` names it.", options.port),
            "port"};
    }
    if (error == asio::error::access_denied) {
        return Error{ErrorCode::not_allowed, fmt::format("This user may not listen on {}.", where),
                     "Use a port above 1023, or give the program CAP_NET_BIND_SERVICE.", "port"};
    }
    if (error == boost::system::errc::address_not_available) {
        return Error{ErrorCode::fix_input, fmt::format("This machine has no address {}.", options.address),
                     "`ip addr` lists those it has.", "address"};
    }
    return Error{ErrorCode::retry_later, fmt::format("Listening on {} failed: {}.", where, error.message()), "",
                 "port"};
}

base::Status open_acceptor(tcp::acceptor& acceptor, const ServerOptions& options, const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
        acceptor.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return bind_error(options, error);
    return {};
}

}  // namespace

struct HttpServer::Impl {
    Impl(ServerOptions from, Handler to, base::Log sink)
        : options(std::move(from)),
          handler(std::move(to)),
          log(std::move(sink)),
          pool(std::max<std::size_t>(1, options.workers)),
          acceptor(io),
          work(asio::make_work_guard(io)) {}

    // The I/O thread.
    asio::awaitable<void> listen();
    asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
    template <typename Stream>
    asio::awaitable<void> converse(Stream& stream, Connection& connection, bool encrypted);
    template <typename Stream>
    asio::awaitable<bool> wait_for_request(Stream& stream, Connection& connection, beast::flat_buffer& buffer,
                                           bool first);
    template <typename Stream>
    asio::awaitable<bool> answer_one(Stream& stream, Connection& connection, beast::flat_buffer& buffer,
                                     bool encrypted);
    template <typename Stream>
    asio::awaitable<error_code> read_request(Stream& stream, beast::flat_buffer& buffer, Parser& parser);
    template <typename Stream>
    asio::awaitable<bool> write(Stream& stream, Connection& connection, const Response& response, bool head,
                                bool keep_alive, unsigned version);
    template <typename Stream>
    asio::awaitable<void> refuse_and_close(Stream& stream, Connection& connection, int status, std::string_view detail);
    asio::awaitable<Response> run_handler(const Request& request);
    bool make_room();
    void forget(const std::shared_ptr<Connection>& connection);
    Response refusal(int status, std::string_view detail) const;

    // Any thread.
    Response call_handler(const Request& request);
    void stop();
    void on_io_thread(std::function<void()> action);
    bool wait_until_empty(std::chrono::milliseconds at_most);

    const ServerOptions options;
    const Handler handler;
    const base::Log log;

    asio::io_context io{1};
    asio::thread_pool pool;
    tcp::acceptor acceptor;
    tcp::endpoint bound;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::shared_ptr<asio::ssl::context> tls;  ///< I/O thread, once it runs
    std::set<std::shared_ptr<Connection>> connections;
    bool stopping = false;
    std::thread thread;

    std::mutex stop_mutex;
    bool stopped = false;
    mutable std::mutex mutex;  ///< of open_connections
    std::condition_variable emptied;
    std::size_t open_connections = 0;
    std::atomic<bool> cut_off{false};
    std::atomic<std::size_t> running{0};
    std::atomic<std::uint64_t> accepted{0}, requests{0}, refused{0}, evicted{0};
};

Response HttpServer::Impl::refusal(int status, std::string_view detail) const {
    return options.refusal ? options.refusal(status, detail) : plain_refusal(status, detail);
}

asio::awaitable<void> HttpServer::Impl::listen() {
    while (!stopping) {
        auto [error, socket] = co_await acceptor.async_accept(as_result);
        if (stopping) co_return;
        if (error) {
            // Out of file descriptors, most likely: accepting again at once would spin.
            log.warning("http_accept_failed", {{"error", error.message()}});
            asio::steady_timer timer(io, accept_pause);
            co_await timer.async_wait(as_result);
            continue;
        }
        ++accepted;
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        auto connection = std::make_shared<Connection>(std::move(socket));
        const bool full = connections.size() >= options.max_connections && !make_room();
        connections.insert(connection);
        {
            const std::lock_guard lock(mutex);
            open_connections = connections.size();
        }
        auto end = [this, connection](const std::exception_ptr& failure) {
            if (failure) {
                try {
                    std::rethrow_exception(failure);
                } catch (const std::exception& exception) {
                    log.error("http_connection_failed", {{"error", exception.what()}});
                }
            }
            forget(connection);
        };
        if (full) {
            asio::co_spawn(
                io,
                refuse_and_close(connection->stream, *connection, 503, "The server has all the connections it takes."),
                std::move(end));
        } else {
            asio::co_spawn(io, serve(connection), std::move(end));
        }
    }
}

/// Cuts the connection that has been idle longest. False where none is idle.
bool HttpServer::Impl::make_room() {
    Connection* oldest = nullptr;
    for (const auto& connection : connections) {
        if (connection->idle && !connection->was_cut && (!oldest || connection->idle_since < oldest->idle_since))
            oldest = connection.get();
    }
    if (!oldest) return false;
    oldest->cut();
    ++evicted;
    return true;
}

void HttpServer::Impl::forget(const std::shared_ptr<Connection>& connection) {
    connections.erase(connection);
    const std::lock_guard lock(mutex);
    open_connections = connections.size();
    if (connections.empty()) emptied.notify_all();
}

asio::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<Connection> connection) {
    error_code ignored;
    const auto remote = connection->stream.socket().remote_endpoint(ignored);
    connection->peer = remote.address().to_string();
    if (!tls) {
        co_await converse(connection->stream, *connection, false);
        connection->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
        co_return;
    }
    const auto context = tls;
    asio::ssl::stream<beast::tcp_stream&> encrypted(connection->stream, *context);
    connection->stream.expires_after(tls_handshake_timeout);
    // Nothing was asked yet, so it may be cut as if it were idle.
    connection->idle = true;
    connection->idle_since = std::chrono::steady_clock::now();
    auto [error] = co_await encrypted.async_handshake(asio::ssl::stream_base::server, as_result);
    connection->idle = false;
    if (error) {
        log.debug("http_tls_handshake_failed", {{"peer", connection->peer}, {"error", error.message()}});
        co_return;
    }
    co_await converse(encrypted, *connection, true);
    connection->stream.expires_after(linger_time);
    co_await encrypted.async_shutdown(as_result);
}

template <typename Stream>
asio::awaitable<void> HttpServer::Impl::converse(Stream& stream, Connection& connection, bool encrypted) {
    beast::flat_buffer buffer;
    bool first = true;
    while (!stopping) {
        if (buffer.size() == 0) {
            const bool arrived = co_await wait_for_request(stream, connection, buffer, first);
            if (!arrived) co_return;
        }
        first = false;
        const bool goes_on = co_await answer_one(stream, connection, buffer, encrypted);
        if (!goes_on) co_return;
    }
}

/// The bytes that begin the next request. False where the connection ends instead.
template <typename Stream>
asio::awaitable<bool> HttpServer::Impl::wait_for_request(Stream& stream, Connection& connection,
                                                         beast::flat_buffer& buffer, bool first) {
    constexpr std::size_t first_read = 4096;
    // A connection that never asked anything is given no more time than a request that never ends.
    connection.stream.expires_after(first ? std::min(options.read_timeout, options.idle_timeout)
                                          : options.idle_timeout);
    connection.idle = true;
    connection.idle_since = std::chrono::steady_clock::now();
    if (buffer.capacity() > 2 * first_read) buffer.shrink_to_fit();
    const auto space = buffer.prepare(first_read);
    auto [error, count] = co_await stream.async_read_some(space, as_result);
    connection.idle = false;
    buffer.commit(count);
    // Bytes may have come just before the cut: a request whose answer cannot be sent is not begun.
    co_return !error && count > 0 && !connection.was_cut;
}

/// Reads the rest of a request, has it answered, sends the answer. False where the connection ends with it.
template <typename Stream>
asio::awaitable<bool> HttpServer::Impl::answer_one(Stream& stream, Connection& connection, beast::flat_buffer& buffer,
                                                   bool encrypted) {
    Parser parser;
    parser.header_limit(options.header_limit);
    parser.body_limit(options.body_limit);
    connection.stream.expires_after(options.read_timeout);
    const error_code error = co_await read_request(stream, buffer, parser);
    if (error == http::error::header_limit) {
        co_await refuse_and_close(
            stream, connection, 431,
            fmt::format("The request's header fields are larger than {} bytes.", options.header_limit));
        co_return false;
    }
    if (error == http::error::body_limit) {
        co_await refuse_and_close(stream, connection, 413,
                                  fmt::format("The request's body is larger than {} bytes.", options.body_limit));
        co_return false;
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) co_return false;
    if (error.category() == http::make_error_code(http::error::bad_value).category()) {
        co_await refuse_and_close(stream, connection, 400,
                                  fmt::format("The request is not HTTP/1.1: {}.", error.message()));
        co_return false;
    }
    if (error) co_return false;

    const unsigned version = parser.get().version();
    if (version >= 11 && parser.get().count(http::field::host) != 1) {
        co_await refuse_and_close(stream, connection, 400, "The request has no Host field, or more than one.");
        co_return false;
    }
    const Request request = to_request(parser, connection, encrypted);
    ++requests;
    const Response response = co_await run_handler(request);
    const bool keep_alive = parser.keep_alive() && !stopping;
    const bool written = co_await write(stream, connection, response, request.method == "HEAD", keep_alive, version);
    co_return written&& keep_alive;
}

template <typename Stream>
asio::awaitable<error_code> HttpServer::Impl::read_request(Stream& stream, beast::flat_buffer& buffer, Parser& parser) {
    auto [header_error, header_bytes] = co_await http::async_read_header(stream, buffer, parser, as_result);
    if (header_error) co_return header_error;
    if (parser.is_done()) co_return error_code{};
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        auto [write_error, written] = co_await asio::async_write(stream, asio::buffer(go_on), as_result);
        if (write_error) co_return write_error;
    }
    auto [body_error, body_bytes] = co_await http::async_read(stream, buffer, parser, as_result);
    co_return body_error;
}

asio::awaitable<Response> HttpServer::Impl::run_handler(const Request& request) {
    if (cut_off) co_return refusal(503, "The server is stopping.");
    const auto waiting = running.fetch_add(1);
    if (waiting >= options.workers + options.max_waiting_requests) {
        --running;
        ++refused;
        Response response = refusal(503, "More requests are waiting than the server takes on.");
        response.headers.set("Retry-After", "1");
        co_return response;
    }
    const Request* asked = &request;
    auto initiate = [this, asked](auto done) {
        asio::post(pool, [this, asked, done = std::move(done)]() mutable {
            Response response = call_handler(*asked);
            --running;
            auto back = asio::get_associated_executor(done);
            asio::post(back, [done = std::move(done), response = std::move(response)]() mutable {
                std::move(done)(std::move(response));
            });
        });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Response)>(initiate,
                                                                                           asio::use_awaitable);
}

Response HttpServer::Impl::call_handler(const Request& request) {
    if (cut_off) return refusal(503, "The server is stopping.");
    try {
        return handler(request);
    } catch (const std::exception& exception) {
        log.error("http_handler_failed", {{"method", request.method}, {"error", exception.what()}});
        return refusal(500, "The server failed at this request; its log has the reason.");
    }
}

template <typename Stream>
asio::awaitable<bool> HttpServer::Impl::write(Stream& stream, Connection& connection, const Response& response,
                                              bool head, bool keep_alive, unsigned version) {
    connection.stream.expires_after(options.write_timeout);
    const bool bodiless_status = response.status == 304 || response.status == 204;
    if (head || bodiless_status) {
        http::response<http::empty_body> message;
        fill_head(message, response, keep_alive, version);
        if (!bodiless_status) message.content_length(response.body.size());
        auto [error, count] = co_await http::async_write(stream, message, as_result);
        co_return !error;
    }
    http::response<http::span_body<const char>> message;
    message.body() = beast::span<const char>(response.body.data(), response.body.size());
    fill_head(message, response, keep_alive, version);
    message.content_length(response.body.size());
    auto [error, count] = co_await http::async_write(stream, message, as_result);
    co_return !error;
}

template <typename Stream>
asio::awaitable<void> HttpServer::Impl::refuse_and_close(Stream& stream, Connection& connection, int status,
                                                         std::string_view detail) {
    ++refused;
    const Response response = refusal(status, detail);
    const bool written = co_await write(stream, connection, response, false, false, 11);
    if (!written) co_return;
    error_code ignored;
    connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    // Closing with unread bytes makes the kernel send a reset, which can overtake the answer.
    connection.stream.expires_after(linger_time);
    std::array<char, 16 * 1024> discarded;
    for (std::size_t taken = 0; taken < linger_bytes;) {
        auto [error, count] = co_await connection.stream.async_read_some(asio::buffer(discarded), as_result);
        if (error) co_return;
        taken += count;
    }
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
        stopping = true;
        error_code ignored;
        acceptor.close(ignored);
        for (const auto& connection : connections) {
            if (connection->idle) connection->cut();
        }
    });
    if (!wait_until_empty(options.drain_timeout)) {
        log.warning("http_drain_cut_off", {{"running_requests", running.load()}});
        on_io_thread([this] {
            cut_off = true;
            for (const auto& connection : connections) connection->cut();
        });
    }
    // Nothing is posted to the pool from here on: either no connection is left, or `cut_off` is seen first.
    pool.join();
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
    PGANALYTICS_RETURN_IF_ERROR(open_acceptor(impl->acceptor, impl->options, endpoint));
    impl->bound = impl->acceptor.local_endpoint();
    impl->tls = std::move(tls);
    auto* server = impl.get();
    asio::co_spawn(impl->io, impl->listen(), [server](const std::exception_ptr& failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
            server->log.error("http_listener_failed", {{"error", exception.what()}});
        }
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
    return fmt::format("{}://{}:{}", impl_->options.tls ? "https" : "http",
                       address.is_v6() ? fmt::format("[{}]", address.to_string()) : address.to_string(),
                       impl_->bound.port());
}

ServerCounters HttpServer::counters() const {
    ServerCounters counters;
    {
        const std::lock_guard lock(impl_->mutex);
        counters.connections = impl_->open_connections;
    }
    counters.running_requests = impl_->running;
    counters.accepted_total = impl_->accepted;
    counters.requests_total = impl_->requests;
    counters.refused_total = impl_->refused;
    counters.evicted_total = impl_->evicted;
    return counters;
}

base::Status HttpServer::reload_tls() {
    if (!impl_->options.tls) {
        return Error{ErrorCode::fix_input, "This server does not use TLS.", "Start it with certificate and key.", ""};
    }
    PGANALYTICS_ASSIGN(auto fresh, server_tls(*impl_->options.tls));
    asio::post(impl_->io, [server = impl_.get(), fresh = std::move(fresh)] { server->tls = fresh; });
    return {};
}

}  // namespace pganalytics::net
