#pragma once
// Calls one HTTP service: every call has a deadline that also bounds name resolution; calls that may be repeated are,
// with growing, jittered pauses; a circuit breaker spares a service that is down. TLS certificates are verified against
// the system's store or a given file.
// Errors: fix_input for a URL that is none; retry_later for a service that is unreachable, slow or spared; unsupported
// for an answer that is not HTTP; not_allowed where the certificate is not trusted. An answer with any status is a
// value. Thread safety: `send` from any thread. The destructor waits for name resolutions under way (the C library's
// own limit).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/circuit_breaker.hpp"
#include "net/message.hpp"

namespace pganalytics::net {

struct RetryPolicy {
    int attempts = 3;  ///< in all
    std::chrono::milliseconds first_pause{50};
    std::chrono::milliseconds longest_pause{2'000};
};

/// Full jitter: uniform in [0, min(longest, first × 2^(attempt − 1))], attempt counted from 1, `uniform` in [0, 1).
/// (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.)
[[nodiscard]] std::chrono::milliseconds retry_pause(const RetryPolicy& policy, int attempt, double uniform);

struct ClientOptions {
    std::string base_url{};  ///< "http://host:port" or "https://host", an IPv6 address in brackets
    RetryPolicy retry{};
    CircuitOptions circuit{};
    std::string trusted_certificates{};  ///< PEM file instead of the system's store; "" = the system's
    std::uint64_t body_limit = 16 * 1024 * 1024;
};

class HttpClient {
  public:
    /// The clock must outlive the client.
    [[nodiscard]] static base::Result<std::unique_ptr<HttpClient>> create(ClientOptions options,
                                                                          const base::Clock& clock);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// `request.target` is appended to the base URL. GET, HEAD, PUT, DELETE and OPTIONS are repeated after a failure to
    /// connect, a cut connection and 502, 503, 504 (after Retry-After where it fits the deadline); others only if
    /// `repeatable` says that a second delivery does no harm.
    [[nodiscard]] base::Result<Response> send(const Request& request, base::Deadline deadline, bool repeatable = false);

    [[nodiscard]] CircuitState circuit_state() const;

  private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::net
