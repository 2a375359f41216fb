#pragma once
// /metrics in Prometheus' text format. What happens in this process is counted as it happens; what others know
// (collector, repository) is asked at each scrape through functions, and left out where the answer is not to be had.
// Base units: seconds, bytes, ratios (prometheus.io/docs/practices/naming). Thread-safe.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "collector/delivery_queue.hpp"
#include "collector/target_loop.hpp"
#include "net/http_server.hpp"
#include "net/redis_cache.hpp"
#include "store/overview.hpp"
#include "workflow/prediction_service.hpp"

namespace pganalytics::http {

struct MetricSources {
    std::function<std::vector<collector::TargetStatus>()> collector;  ///< empty: no collector here
    std::function<collector::QueueState()> collector_queue;           ///< empty: no collector here
    std::function<net::ServerCounters()> server;                      ///< empty: no server
    std::function<base::Result<store::Overview>()> repository;        ///< its failure is "repository down"
    std::function<workflow::PredictionCounters()> predictions{};      ///< empty: no predictions here
    std::function<std::optional<net::RedisStatus>()> redis{};         ///< empty: no Redis is configured
};

class Metrics {
  public:
    Metrics(std::string version, MetricSources sources, const base::Clock& clock);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// `route` is the pattern, never the path: paths would make a series for each query.
    void count_request(std::string_view route, std::string_view method, int status, std::chrono::nanoseconds took);
    /// A prediction served over HTTP.
    void observe_prediction(std::string_view source, bool cached, std::chrono::nanoseconds took) const;
    [[nodiscard]] std::string exposition() const;

    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::http
