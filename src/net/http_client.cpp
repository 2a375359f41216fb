#include "net/http_client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cmath>
#include <exception>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "base/text.hpp"
#include "net/coroutine.hpp"
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

/// The coroutine gives up at the deadline itself; the caller waits this much longer before it leaves it behind.
constexpr std::chrono::milliseconds grace{50};

struct Address {
    bool encrypted = false;
    std::string host;  ///< without brackets
    std::string port;
    std::string prefix;  ///< path in front of every target, without a trailing slash
    std::string field;   ///< value of the Host field
};

base::Result<Address> parse_base_url(std::string_view url) {
    const Error wrong{ErrorCode::fix_input, fmt::format("\"{}\" is not a URL of a service.", url),
                      "Write it as http://host:port or https://host:port.", "url"};
    Address address;
    if (url.starts_with("https://")) {
        address.encrypted = true;
        url.remove_prefix(8);
    } else if (url.starts_with("http://")) {
        url.remove_prefix(7);
    } else {
        return wrong;
    }
    const auto slash = std::min(url.find('/'), url.size());
    std::string_view authority = url.substr(0, slash);
    std::string_view path = url.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    address.prefix = std::string(path);
    address.field = std::string(authority);
    // Credentials in a URL end up in logs; tokens go into the request.
    if (authority.find_first_of("@?# \t\r\n") != std::string_view::npos) return wrong;
    std::string_view port;
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return wrong;
        address.host = std::string(authority.substr(1, close - 1));
        port = authority.substr(close + 1);
    } else {
        const auto colon = std::min(authority.find(':'), authority.size());
        address.host = std::string(authority.substr(0, colon));
        port = authority.substr(colon);
    }
    if (address.host.empty()) return wrong;
    if (port.empty()) {
        address.port = address.encrypted ? "443" : "80";
        return address;
    }
    port.remove_prefix(1);
    const auto number = base::parse_integer(port);
    if (!number || *number < 1 || *number > 65535) return wrong;
    address.port = std::string(port);
    return address;
}

/// How one attempt ended: an answer, or why there is none and whether another attempt may do better.
struct Outcome {
    base::Result<Response> result;
    bool worth_repeating = true;
};

bool is_repeatable_method(const std::string& method) {
    constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    return std::ranges::find(methods, method) != methods.end();
}

bool is_passing_trouble(int status) {
    return status == 502 || status == 503 || status == 504;
}

std::chrono::milliseconds retry_after(const Response& response) {
    const auto value = response.headers.find("Retry-After");
    const auto seconds = value ? base::parse_integer(*value) : std::nullopt;
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds.value_or(0), 0, 3600));
}

Response to_response(http::response<http::string_body>&& message) {
    Response response;
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
        response.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    return response;
}

}  // namespace

std::chrono::milliseconds retry_pause(const RetryPolicy& policy, int attempt, double uniform) {
    const double doubled = static_cast<double>(policy.first_pause.count()) * std::pow(2.0, std::max(0, attempt - 1));
    const double ceiling = std::min(doubled, static_cast<double>(policy.longest_pause.count()));
    return std::chrono::milliseconds(static_cast<std::int64_t>(ceiling * uniform));
}

struct HttpClient::Impl {
    Impl(ClientOptions from, Address to, const base::Clock& clock)
        : options(std::move(from)), address(std::move(to)), breaker(options.circuit, clock) {
        thread = std::thread([this] { io.run(); });
    }
    ~Impl() {
        work.reset();
        io.stop();
        thread.join();
    }

    /// What a call and its coroutine share, so that either may outlive the other.
    struct Call {
        Request request;
        std::chrono::steady_clock::time_point ends;
        std::promise<Outcome> outcome;
    };

    Outcome attempt(const Request& request, const base::Deadline& deadline);
    asio::awaitable<void> run(std::shared_ptr<Call> call);
    asio::awaitable<Outcome> connect_and_exchange(const Call& call);
    template <typename Stream>
    asio::awaitable<Outcome> exchange(Stream& stream, const Request& request);
    Outcome no_answer(std::string_view step, const error_code& error) const;
    double uniform();

    const ClientOptions options;
    const Address address;
    CircuitBreaker breaker;
    std::shared_ptr<asio::ssl::context> tls;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::mutex random_mutex;
    std::mt19937 random{std::random_device{}()};
    std::thread thread;
};

double HttpClient::Impl::uniform() {
    const std::lock_guard lock(random_mutex);
    return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

Outcome HttpClient::Impl::no_answer(std::string_view step, const error_code& error) const {
    const auto service = address.field;
    if (error == beast::error::timeout || error == asio::error::timed_out) {
        return {Error{ErrorCode::retry_later, fmt::format("{} did not answer in time ({}).", service, step),
                      "See whether the service is overloaded.", ""}};
    }
    if (error.category() == asio::error::get_ssl_category()) {
        const bool untrusted = error.message().find("certificate") != std::string::npos;
        if (untrusted) {
            return {Error{ErrorCode::not_allowed,
                          fmt::format("The certificate of {} is not trusted: {}.", service, error.message()),
                          "Name the certificate of its authority, or the host name the certificate was made for.", ""},
                    false};
        }
        return {Error{ErrorCode::unsupported, fmt::format("{} does not speak TLS here: {}.", service, error.message()),
                      "See whether the URL should begin with http://.", ""},
                false};
    }
    if (error.category() == http::make_error_code(http::error::bad_value).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
        return {Error{ErrorCode::unsupported,
                      fmt::format("The answer of {} is not HTTP that can be used: {}.", service, error.message()),
                      "See whether the URL names the right service.", ""},
                false};
    }
    return {Error{ErrorCode::retry_later,
                  fmt::format("{} could not be asked ({}: {}).", service, step, error.message()),
                  "See whether the service is running and the URL is right.", ""}};
}

template <typename Stream>
asio::awaitable<Outcome> HttpClient::Impl::exchange(Stream& stream, const Request& request) {
    http::request<http::string_body> message;
    message.method_string(request.method);
    message.target(address.prefix + request.target);
    message.version(11);
    message.set(http::field::host, address.field);
    message.set(http::field::connection, "close");
    for (const auto& field : request.headers) message.set(field.name, field.value);
    message.body() = request.body;
    message.prepare_payload();
    auto [write_error, written] = co_await http::async_write(stream, message, as_result);
    if (write_error) co_return no_answer("sending", write_error);

    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(options.body_limit);
    if (request.method == "HEAD") parser.skip(true);
    auto [read_error, read] = co_await http::async_read(stream, buffer, parser, as_result);
    if (read_error) co_return no_answer("waiting for the answer", read_error);
    Outcome outcome{to_response(parser.release())};
    co_return outcome;
}

asio::awaitable<Outcome> HttpClient::Impl::connect_and_exchange(const Call& call) {
    tcp::resolver resolver(io);
    auto [resolve_error, endpoints] = co_await resolver.async_resolve(address.host, address.port, as_result);
    if (resolve_error) co_return no_answer("resolving the name", resolve_error);

    beast::tcp_stream stream(io);
    stream.expires_at(call.ends);
    auto [connect_error, endpoint] = co_await stream.async_connect(endpoints, as_result);
    if (connect_error) co_return no_answer("connecting", connect_error);
    error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    if (!tls) {
        Outcome outcome = co_await exchange(stream, call.request);
        co_return outcome;
    }
    asio::ssl::stream<beast::tcp_stream&> encrypted(stream, *tls);
    asio::ip::make_address(address.host, ignored);
    // SNI carries names only (RFC 6066, 3).
    if (ignored) SSL_set_tlsext_host_name(encrypted.native_handle(), address.host.c_str());
    encrypted.set_verify_callback(asio::ssl::host_name_verification(address.host), ignored);
    auto [handshake_error] = co_await encrypted.async_handshake(asio::ssl::stream_base::client, as_result);
    if (handshake_error) co_return no_answer("agreeing on TLS", handshake_error);
    Outcome outcome = co_await exchange(encrypted, call.request);
    co_return outcome;
}

asio::awaitable<void> HttpClient::Impl::run(std::shared_ptr<Call> call) {
    Outcome outcome = co_await connect_and_exchange(*call);
    call->outcome.set_value(std::move(outcome));
}

Outcome HttpClient::Impl::attempt(const Request& request, const base::Deadline& deadline) {
    auto call = std::make_shared<Call>();
    call->request = request;
    call->ends = std::chrono::steady_clock::now() + deadline.left();
    auto outcome = call->outcome.get_future();
    asio::co_spawn(io, run(call), [call](const std::exception_ptr& failure) {
        if (failure) call->outcome.set_exception(failure);
    });
    // Name resolution cannot be interrupted: the call leaves, its coroutine stays until the C library is done.
    if (outcome.wait_until(call->ends + grace) == std::future_status::timeout) {
        return no_answer("waiting", beast::error::timeout);
    }
    try {
        return outcome.get();
    } catch (const std::exception& exception) {
        return {
            Error{ErrorCode::internal, fmt::format("Calling {} failed: {}.", address.field, exception.what()), "", ""},
            false};
    }
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpClient::~HttpClient() = default;

base::Result<std::unique_ptr<HttpClient>> HttpClient::create(ClientOptions options, const base::Clock& clock) {
    PGANALYTICS_ASSIGN(Address address, parse_base_url(options.base_url));
    std::shared_ptr<asio::ssl::context> tls;
    if (address.encrypted) {
        PGANALYTICS_ASSIGN(tls, client_tls(options.trusted_certificates));
    }
    auto impl = std::make_unique<Impl>(std::move(options), std::move(address), clock);
    impl->tls = std::move(tls);
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

base::Result<Response> HttpClient::send(const Request& request, base::Deadline deadline, bool repeatable) {
    const bool may_repeat = repeatable || is_repeatable_method(request.method);
    const int attempts = may_repeat ? std::max(1, impl_->options.retry.attempts) : 1;
    std::optional<Outcome> last;
    for (int number = 1;; ++number) {
        auto permit = impl_->breaker.try_enter();
        if (!permit) {
            if (last) return std::move(last->result);
            return Error{ErrorCode::retry_later,
                         fmt::format("{} is not being asked, because it failed repeatedly.", impl_->address.field),
                         fmt::format("It is tried again in {} ms.", impl_->breaker.open_left().count()), ""};
        }
        last = impl_->attempt(request, deadline);
        const bool answered = last->result.has_value();
        const bool trouble = !answered || is_passing_trouble(last->result->status);
        if (trouble) {
            permit->failed();
        } else {
            permit->succeeded();
        }
        if (!trouble || !last->worth_repeating || number >= attempts) return std::move(last->result);
        auto pause = retry_pause(impl_->options.retry, number, impl_->uniform());
        if (answered) pause = std::max(pause, retry_after(*last->result));
        if (pause >= deadline.left()) return std::move(last->result);
        std::this_thread::sleep_for(pause);
    }
}

CircuitState HttpClient::circuit_state() const {
    return impl_->breaker.state();
}

}  // namespace pganalytics::net
