#include "http/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>

namespace pganalytics::http {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

const prometheus::Histogram::BucketBoundaries latency_seconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                              0.1,   0.25,   0.5,   1,    2.5,   10};

/// Families made anew at each scrape from what others know.
class Snapshot {
  public:
    void gauge(const std::string& name, const std::string& help, double value, Labels labels = {}) {
        ClientMetric metric;
        metric.label = std::move(labels);
        metric.gauge.value = value;
        family(name, help, MetricType::Gauge).metric.push_back(std::move(metric));
    }
    void counter(const std::string& name, const std::string& help, double value, Labels labels = {}) {
        ClientMetric metric;
        metric.label = std::move(labels);
        metric.counter.value = value;
        family(name, help, MetricType::Counter).metric.push_back(std::move(metric));
    }
    [[nodiscard]] std::vector<MetricFamily> families() && {
        std::vector<MetricFamily> all;
        for (auto& [name, family] : families_) all.push_back(std::move(family));
        return all;
    }

  private:
    MetricFamily& family(const std::string& name, const std::string& help, MetricType type) {
        auto& family = families_[name];
        family.name = name;
        family.help = help;
        family.type = type;
        return family;
    }
    std::map<std::string, MetricFamily> families_;
};

double seconds_since_epoch(base::Timestamp time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// Names and meanings as Prometheus' own client libraries have them.
void add_process(Snapshot& snapshot, double started_at) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    snapshot.counter("process_cpu_seconds_total", "User and system CPU time spent.",
                     seconds(usage.ru_utime) + seconds(usage.ru_stime));
    snapshot.gauge("process_start_time_seconds", "When the process began, since the epoch.", started_at);
    std::int64_t pages = 0;
    std::int64_t resident = 0;
    if (std::ifstream statm("/proc/self/statm"); statm >> pages >> resident) {
        const auto page_size = static_cast<double>(::sysconf(_SC_PAGESIZE));
        snapshot.gauge("process_virtual_memory_bytes", "Virtual memory size.", static_cast<double>(pages) * page_size);
        snapshot.gauge("process_resident_memory_bytes", "Resident memory size.",
                       static_cast<double>(resident) * page_size);
    }
    std::error_code error;
    const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
    if (!error) {
        snapshot.gauge("process_open_fds", "Open file descriptors.",
                       static_cast<double>(std::distance(begin(descriptors), end(descriptors))));
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        snapshot.gauge("process_max_fds", "File descriptors allowed.", static_cast<double>(limit.rlim_cur));
    }
}

void add_server(Snapshot& snapshot, const net::ServerCounters& counters) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    snapshot.gauge("pganalytics_http_connections", "Open HTTP connections.", number(counters.connections));
    snapshot.gauge("pganalytics_http_running_requests", "Requests waiting for a worker or being answered.",
                   number(counters.running_requests));
    snapshot.counter("pganalytics_http_connections_total", "HTTP connections accepted.",
                     number(counters.accepted_total));
    snapshot.counter("pganalytics_http_connections_evicted_total", "Idle HTTP connections closed to make room.",
                     number(counters.evicted_total));
    snapshot.counter("pganalytics_http_refused_total", "Requests refused before they reached a route.",
                     number(counters.refused_total));
}

void add_target(Snapshot& snapshot, const collector::TargetStatus& target, base::Timestamp now) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    const Labels labels{{"target_id", std::to_string(base::to_integer(target.id))}, {"target", target.name}};
    const bool reached = target.state == "ok" || target.state == "degraded";
    snapshot.gauge("pganalytics_target_up", "Whether the last visit of the target succeeded.", reached ? 1 : 0, labels);
    snapshot.gauge("pganalytics_target_degraded", "Whether something is missing on the target (see `check`).",
                   target.state == "degraded" ? 1 : 0, labels);
    if (target.last_sample_at) {
        snapshot.gauge("pganalytics_target_last_sample_timestamp_seconds", "When counters were last read.",
                       seconds_since_epoch(*target.last_sample_at), labels);
        snapshot.gauge("pganalytics_target_lag_seconds", "Time since counters were last read.",
                       std::max(0.0, seconds_since_epoch(now) - seconds_since_epoch(*target.last_sample_at)), labels);
    }
    snapshot.gauge("pganalytics_target_last_sample_duration_seconds", "How long the last reading of counters took.",
                   std::chrono::duration<double>(target.last_sample_took).count(), labels);
    snapshot.gauge("pganalytics_target_hidden_entries", "Entries whose text the role may not see.",
                   number(target.hidden), labels);
    snapshot.counter("pganalytics_target_samples_total", "Readings of counters.", number(target.samples), labels);
    snapshot.counter("pganalytics_target_samples_skipped_total", "Readings left out because the queue was full.",
                     number(target.samples_skipped), labels);
    snapshot.counter("pganalytics_target_intervals_total", "Statement intervals collected.", number(target.intervals),
                     labels);
    snapshot.counter("pganalytics_target_catalogs_total", "Catalogs read.", number(target.catalogs), labels);
    snapshot.counter("pganalytics_target_plans_total", "Plans captured.", number(target.plans), labels);
    snapshot.counter("pganalytics_target_plan_failures_total", "Statements that could not be planned.",
                     number(target.plan_failures), labels);
    snapshot.counter("pganalytics_target_failures_total", "Visits that ended in an error.", number(target.failures),
                     labels);
}

void add_queue(Snapshot& snapshot, const collector::QueueState& queue) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    snapshot.gauge("pganalytics_collector_queue_deliveries", "Deliveries waiting for the repository.",
                   number(queue.waiting));
    snapshot.gauge("pganalytics_collector_queue_bytes", "Memory of the deliveries that wait.",
                   number(queue.waiting_bytes));
    snapshot.counter("pganalytics_collector_delivered_total", "Deliveries the repository took.",
                     number(queue.delivered));
    snapshot.counter("pganalytics_collector_dropped_total", "Deliveries the repository refused for good.",
                     number(queue.refused));
}

void add_repository(Snapshot& snapshot, const base::Result<store::Overview>& overview) {
    snapshot.gauge("pganalytics_repository_up", "Whether the repository answers.", overview ? 1 : 0);
    if (!overview) return;
    for (const auto& jobs : overview->jobs) {
        snapshot.gauge("pganalytics_jobs", "Jobs that wait, run or have failed.", static_cast<double>(jobs.count),
                       {{"kind", jobs.kind}, {"status", jobs.status}});
    }
    for (const auto& advice : overview->recommendations) {
        snapshot.gauge("pganalytics_recommendations", "Recommendations shown: neither stale nor dismissed.",
                       static_cast<double>(advice.count),
                       {{"database_name", advice.database_name}, {"source_type", advice.source_type}});
    }
}

void add_predictions(Snapshot& snapshot, const workflow::PredictionCounters& counters) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    for (const auto source : {prediction::PredictionSource::model, prediction::PredictionSource::history,
                              prediction::PredictionSource::fallback, prediction::PredictionSource::unknown}) {
        snapshot.counter("pganalytics_predictions_total", "Predictions made, by what they rest on.",
                         number(counters.by_source[static_cast<std::size_t>(source)]),
                         {{"source", std::string(prediction::to_string(source))}});
    }
    snapshot.counter("pganalytics_prediction_failures_total", "Requests for a prediction that could not be answered.",
                     number(counters.failed));
    snapshot.counter("pganalytics_prediction_plans_total", "Plans made on targets for predictions.",
                     number(counters.plans));
    const std::string hits = "Predictions found in a cache.";
    snapshot.counter("pganalytics_prediction_cache_hits_total", hits, number(counters.cache_hits),
                     {{"cache", "memory"}});
    snapshot.counter("pganalytics_prediction_cache_hits_total", hits, number(counters.outer_cache_hits),
                     {{"cache", "redis"}});
    snapshot.counter("pganalytics_prediction_cache_misses_total", "Predictions found in no cache.",
                     number(counters.cache_misses));
}

void add_redis(Snapshot& snapshot, const net::RedisStatus& redis) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    for (const auto state : {net::CircuitState::closed, net::CircuitState::open, net::CircuitState::half_open}) {
        snapshot.gauge("pganalytics_redis_circuit_state", "1 for the state that the circuit to Redis is in.",
                       state == redis.state ? 1 : 0, {{"state", std::string(net::to_string(state))}});
    }
    snapshot.counter("pganalytics_redis_failures_total", "Commands that Redis did not answer in time.",
                     number(redis.counters.failures));
    snapshot.counter("pganalytics_redis_refused_values_total", "Values in Redis that are damaged or not ours.",
                     number(redis.counters.refused));
    snapshot.counter("pganalytics_redis_spared_total", "Commands not sent because the circuit was open.",
                     number(redis.counters.spared));
}

/// Clients may invent methods; a series for each would be theirs to fill the memory with.
std::string method_label(std::string_view method) {
    constexpr std::array<std::string_view, 7> known{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    return std::ranges::find(known, method) == known.end() ? "other" : std::string(method);
}

}  // namespace

struct Metrics::Impl {
    Impl(std::string program_version, MetricSources from, const base::Clock& reads)
        : version(std::move(program_version)),
          sources(std::move(from)),
          clock(reads),
          started_at(seconds_since_epoch(reads.now())) {}

    std::string version;
    MetricSources sources;
    const base::Clock& clock;
    double started_at;
    prometheus::Registry registry{};
    prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                            .Name("pganalytics_http_requests_total")
                                                            .Help("HTTP requests answered.")
                                                            .Register(registry);
    prometheus::Family<prometheus::Histogram>& latency = prometheus::BuildHistogram()
                                                             .Name("pganalytics_http_request_duration_seconds")
                                                             .Help("Time to answer an HTTP request.")
                                                             .Register(registry);
    prometheus::Family<prometheus::Histogram>& prediction = prometheus::BuildHistogram()
                                                                .Name("pganalytics_prediction_duration_seconds")
                                                                .Help("Time to make or find a prediction.")
                                                                .Register(registry);
};

Metrics::Metrics(std::string version, MetricSources sources, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(version), std::move(sources), clock)) {}

Metrics::~Metrics() = default;

void Metrics::count_request(std::string_view route, std::string_view method, int status,
                            std::chrono::nanoseconds took) {
    const std::string pattern(route);
    impl_->requests.Add({{"route", pattern}, {"method", method_label(method)}, {"status", std::to_string(status)}})
        .Increment();
    impl_->latency.Add({{"route", pattern}}, latency_seconds).Observe(std::chrono::duration<double>(took).count());
}

void Metrics::observe_prediction(std::string_view source, bool cached, std::chrono::nanoseconds took) const {
    impl_->prediction.Add({{"source", std::string(source)}, {"cached", cached ? "true" : "false"}}, latency_seconds)
        .Observe(std::chrono::duration<double>(took).count());
}

std::string Metrics::exposition() const {
    const auto& sources = impl_->sources;
    Snapshot snapshot;
    snapshot.gauge("pganalytics_build_info", "Version of the program.", 1, {{"version", impl_->version}});
    add_process(snapshot, impl_->started_at);
    if (sources.server) add_server(snapshot, sources.server());
    if (sources.collector) {
        const auto now = impl_->clock.now();
        for (const auto& target : sources.collector()) add_target(snapshot, target, now);
    }
    if (sources.collector_queue) add_queue(snapshot, sources.collector_queue());
    if (sources.repository) add_repository(snapshot, sources.repository());
    if (sources.predictions) add_predictions(snapshot, sources.predictions());
    if (const auto redis = sources.redis ? sources.redis() : std::nullopt) add_redis(snapshot, *redis);
    auto families = impl_->registry.Collect();
    for (auto& family : std::move(snapshot).families()) families.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace pganalytics::http
