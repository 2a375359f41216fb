#include "net/http_session.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <string>

#include "net/coroutine.hpp"

namespace pganalytics::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds tls_handshake_timeout{10};
/// How long, and how much of, a refused body is taken in so that the other side gets to read the refusal.
constexpr std::chrono::seconds linger_time{2};
constexpr std::size_t linger_bytes = 16 * 1024 * 1024;

using Parser = http::request_parser<http::string_body>;

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

struct Refusal {
    int status;
    std::string detail;
};

/// What to say to a request that could not be read. Nothing where the other side is gone or was too slow.
std::optional<Refusal> refusal_of(const error_code& error, const ServerOptions& options) {
    if (error == http::error::header_limit) {
        return Refusal{431, fmt::format("The request's header fields are larger than {} bytes.", options.header_limit)};
    }
    if (error == http::error::body_limit) {
        return Refusal{413, fmt::format("The request's body is larger than {} bytes.", options.body_limit)};
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) return {};
    if (error.category() == http::make_error_code(http::error::bad_value).category()) {
        return Refusal{400, fmt::format("The request is not HTTP/1.1: {}.", error.message())};
    }
    return {};
}

template <typename Stream>
asio::awaitable<error_code> read_request(Stream& stream, beast::flat_buffer& buffer, Parser& parser) {
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

}  // namespace

struct HttpSession::Impl {
    Impl(tcp::socket socket, ServerState& of, HandlerPool& by) : stream(std::move(socket)), state(of), handlers(by) {}

    // `Stream` is the socket itself, or TLS over it.
    template <typename Stream>
    asio::awaitable<void> converse(Stream& over, bool encrypted);
    template <typename Stream>
    asio::awaitable<bool> wait_for_request(Stream& over, beast::flat_buffer& buffer, bool first);
    template <typename Stream>
    asio::awaitable<bool> answer_one(Stream& over, beast::flat_buffer& buffer, bool encrypted);
    template <typename Stream>
    asio::awaitable<bool> write(Stream& over, const Response& response, bool head, bool keep_alive, unsigned version);
    template <typename Stream>
    asio::awaitable<void> refuse_and_close(Stream& over, int status, std::string_view detail);

    Request to_request(Parser& parser, bool encrypted) const;
    void begin_idling();

    beast::tcp_stream stream;
    ServerState& state;
    HandlerPool& handlers;
    std::string peer;
    bool idle = false;
    bool was_cut = false;
    std::chrono::steady_clock::time_point idle_since;
};

Request HttpSession::Impl::to_request(Parser& parser, bool encrypted) const {
    auto& message = parser.get();
    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) request.headers.add(std::string(field.name_string()), std::string(field.value()));
    request.body = std::move(message.body());
    request.peer = peer;
    request.encrypted = encrypted;
    return request;
}

void HttpSession::Impl::begin_idling() {
    idle = true;
    idle_since = std::chrono::steady_clock::now();
}

template <typename Stream>
asio::awaitable<void> HttpSession::Impl::converse(Stream& over, bool encrypted) {
    beast::flat_buffer buffer;
    bool first = true;
    while (!state.stopping) {
        if (buffer.size() == 0) {
            const bool arrived = co_await wait_for_request(over, buffer, first);
            if (!arrived) co_return;
        }
        first = false;
        const bool goes_on = co_await answer_one(over, buffer, encrypted);
        if (!goes_on) co_return;
    }
}

/// The bytes that begin the next request. False where the connection ends instead.
template <typename Stream>
asio::awaitable<bool> HttpSession::Impl::wait_for_request(Stream& over, beast::flat_buffer& buffer, bool first) {
    constexpr std::size_t first_read = 4096;
    const auto& options = state.options;
    // A connection that never asked anything is given no more time than a request that never ends.
    stream.expires_after(first ? std::min(options.read_timeout, options.idle_timeout) : options.idle_timeout);
    begin_idling();
    if (buffer.capacity() > 2 * first_read) buffer.shrink_to_fit();
    const auto space = buffer.prepare(first_read);
    auto [error, count] = co_await over.async_read_some(space, as_result);
    idle = false;
    buffer.commit(count);
    // Bytes may have come just before the cut: a request whose answer cannot be sent is not begun.
    co_return !error && count > 0 && !was_cut;
}

/// Reads the rest of a request, has it answered, sends the answer. False where the connection ends with it.
template <typename Stream>
asio::awaitable<bool> HttpSession::Impl::answer_one(Stream& over, beast::flat_buffer& buffer, bool encrypted) {
    Parser parser;
    parser.header_limit(state.options.header_limit);
    parser.body_limit(state.options.body_limit);
    stream.expires_after(state.options.read_timeout);
    const error_code error = co_await read_request(over, buffer, parser);
    if (error) {
        const auto refusal = refusal_of(error, state.options);
        if (refusal) co_await refuse_and_close(over, refusal->status, refusal->detail);
        co_return false;
    }

    const unsigned version = parser.get().version();
    if (version >= 11 && parser.get().count(http::field::host) != 1) {
        co_await refuse_and_close(over, 400, "The request has no Host field, or more than one.");
        co_return false;
    }
    const Request request = to_request(parser, encrypted);
    ++state.requests;
    const Response response = co_await handlers.answer(request);
    const bool keep_alive = parser.keep_alive() && !state.stopping;
    const bool written = co_await write(over, response, request.method == "HEAD", keep_alive, version);
    co_return written&& keep_alive;
}

template <typename Stream>
asio::awaitable<bool> HttpSession::Impl::write(Stream& over, const Response& response, bool head, bool keep_alive,
                                               unsigned version) {
    stream.expires_after(state.options.write_timeout);
    const bool bodiless_status = response.status == 304 || response.status == 204;
    if (head || bodiless_status) {
        http::response<http::empty_body> message;
        fill_head(message, response, keep_alive, version);
        if (!bodiless_status) message.content_length(response.body.size());
        auto [error, count] = co_await http::async_write(over, message, as_result);
        co_return !error;
    }
    http::response<http::span_body<const char>> message;
    message.body() = beast::span<const char>(response.body.data(), response.body.size());
    fill_head(message, response, keep_alive, version);
    message.content_length(response.body.size());
    auto [error, count] = co_await http::async_write(over, message, as_result);
    co_return !error;
}

template <typename Stream>
asio::awaitable<void> HttpSession::Impl::refuse_and_close(Stream& over, int status, std::string_view detail) {
    ++state.refused;
    const Response response = state.refusal(status, detail);
    const bool written = co_await write(over, response, false, false, 11);
    if (!written) co_return;
    error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    // Closing with unread bytes makes the kernel send a reset, which can overtake the answer.
    stream.expires_after(linger_time);
    std::array<char, 16 * 1024> discarded;
    for (std::size_t taken = 0; taken < linger_bytes;) {
        auto [error, count] = co_await stream.async_read_some(asio::buffer(discarded), as_result);
        if (error) co_return;
        taken += count;
    }
}

HttpSession::HttpSession(tcp::socket socket, ServerState& state, HandlerPool& handlers)
    : impl_(std::make_unique<Impl>(std::move(socket), state, handlers)) {}

HttpSession::~HttpSession() = default;

asio::awaitable<void> HttpSession::serve(std::shared_ptr<asio::ssl::context> tls) {
    auto& stream = impl_->stream;
    error_code ignored;
    const auto remote = stream.socket().remote_endpoint(ignored);
    impl_->peer = remote.address().to_string();
    if (!tls) {
        co_await impl_->converse(stream, false);
        stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
        co_return;
    }
    asio::ssl::stream<beast::tcp_stream&> encrypted(stream, *tls);
    stream.expires_after(tls_handshake_timeout);
    // Nothing was asked yet, so it may be cut as if it were idle.
    impl_->begin_idling();
    auto [error] = co_await encrypted.async_handshake(asio::ssl::stream_base::server, as_result);
    impl_->idle = false;
    if (error) {
        impl_->state.log.debug("http_tls_handshake_failed", {{"peer", impl_->peer}, {"error", error.message()}});
        co_return;
    }
    co_await impl_->converse(encrypted, true);
    stream.expires_after(linger_time);
    co_await encrypted.async_shutdown(as_result);
}

asio::awaitable<void> HttpSession::turn_away(int status, std::string_view detail) {
    return impl_->refuse_and_close(impl_->stream, status, detail);
}

std::optional<std::chrono::steady_clock::time_point> HttpSession::idle_since() const {
    if (!impl_->idle || impl_->was_cut) return {};
    return impl_->idle_since;
}

void HttpSession::cut() {
    impl_->was_cut = true;
    error_code ignored;
    impl_->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    impl_->stream.cancel();
}

}  // namespace pganalytics::net
