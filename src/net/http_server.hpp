#pragma once
// An HTTP/1.1 server, plain or TLS. Bytes are moved by coroutines on one thread; the handler is synchronous and runs on
// a bounded pool of workers, so that it may wait for a database. See docs/adr/0010-threads-and-coroutines.md.
//
// Limits: headers and body are capped, a request must be complete within `read_timeout` of its first byte whatever is
// dripped in between, answers must be taken within `write_timeout`. At `max_connections` the connection that has been
// idle longest makes room; where none is idle the newcomer gets 503. More than `max_waiting_requests` waiting for a
// worker: 503 with Retry-After.
// Errors: `start` tells a bind that fails (port in use, no permission, no such address) and unusable TLS files.
// Thread safety: every member may be called from any thread; the handler is called from several at once.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/message.hpp"

namespace pganalytics::net {

struct TlsFiles {
    std::string certificate_chain;  ///< PEM, the server's own certificate first
    std::string private_key;        ///< PEM, without passphrase
};

struct ServerOptions {
    std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address, or "localhost"; "::" takes both families
    std::uint16_t port = 0;             ///< 0: the system picks one, see `port()`
    std::size_t workers = 4;
    std::size_t max_waiting_requests = 256;
    std::size_t max_connections = 1024;
    std::uint32_t header_limit = 16 * 1024;
    std::uint64_t body_limit = 1024 * 1024;
    std::chrono::milliseconds read_timeout{10'000};   ///< first byte to last byte of a request
    std::chrono::milliseconds write_timeout{30'000};  ///< of one answer
    std::chrono::milliseconds idle_timeout{75'000};   ///< between two requests of a connection
    std::chrono::milliseconds drain_timeout{10'000};  ///< how long `stop` waits for requests in progress
    std::optional<TlsFiles> tls{};
    /// The answer to what never reaches the handler (400, 408, 413, 431, 503). Plain text where it is not set.
    std::function<Response(int status, std::string_view detail)> refusal{};
};

struct ServerCounters {
    std::size_t connections = 0;       ///< open now
    std::size_t running_requests = 0;  ///< waiting for a worker or in the handler now
    std::uint64_t accepted_total = 0;
    std::uint64_t requests_total = 0;
    std::uint64_t refused_total = 0;  ///< answered without the handler
    std::uint64_t evicted_total = 0;  ///< idle connections closed to make room
};

class HttpServer {
  public:
    using Handler = std::function<Response(const Request&)>;

    /// Bound and serving when it returns. An exception that leaves the handler becomes 500 and a line in the log.
    [[nodiscard]] static base::Result<std::unique_ptr<HttpServer>> start(ServerOptions options, Handler handler,
                                                                         base::Log log);
    ~HttpServer();  ///< stops
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    /// "http://127.0.0.1:8432"
    [[nodiscard]] std::string url() const;
    [[nodiscard]] ServerCounters counters() const;

    /// Reads the TLS files again; connections made from now on use them. On an error the old ones stay.
    [[nodiscard]] base::Status reload_tls();

    /// Stops accepting, closes idle connections, lets requests in progress finish and sends their answers, then cuts
    /// what is left after `drain_timeout`. Waits for handlers that are running. Idempotent.
    void stop();

  private:
    struct Impl;
    explicit HttpServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::net
