#pragma once
// The routes of api/openapi.yaml over the store: a function from request to response. `net::HttpServer` moves the
// bytes; the composition is
//     http::Service service(dependencies);
//     options.refusal = http::transport_refusal;
//     auto server = net::HttpServer::start(options, [&](const auto& request) { return service.handle(request); }, log);
// Errors: all of them are answers (problem.hpp). Thread-safe: `handle` from any number of threads.

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/authentication.hpp"
#include "http/metrics.hpp"
#include "http/problem.hpp"
#include "http/rate_limiter.hpp"
#include "net/message.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"

namespace pganalytics::http {

struct Dependencies {
    store::Repository& repository;  ///< this and the next three must outlive the service
    store::TargetStore& targets;
    workflow::PredictionService& predictions;
    const base::Clock& clock;
    base::Log log;
    std::string version;
    TokenVerifier verify_token{};                                              ///< empty: the repository's tokens
    std::function<std::vector<collector::TargetStatus>()> collector_status{};  ///< empty: no collector in this process
    std::function<collector::QueueState()> collector_queue{};
    std::function<net::ServerCounters()> server_counters{};
    std::function<std::optional<net::RedisStatus>()> redis_status{};  ///< empty: no Redis is configured
    RateLimit limit_with_token{100, 400};
    RateLimit limit_without_token{20, 100};  ///< an address: probes, wrong tokens
};

class Service {
  public:
    explicit Service(Dependencies dependencies);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    [[nodiscard]] net::Response handle(const net::Request& request);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::http
