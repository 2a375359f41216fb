#include "workflow/server_roles.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "workflow/parameter_job.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::workflow {

namespace {

using namespace std::chrono_literals;

constexpr auto lease = 30s;  // of targets
constexpr auto claim_period = 5s;
constexpr auto job_poll_period = 1s;
constexpr auto retention_period = 60s;
constexpr auto upkeep_period = 120s;
/// A target that was added a moment ago is analysed again soon, when its first intervals are in.
constexpr auto first_analysis_period = 10s;
constexpr std::size_t most_targets_per_claim = 64;
/// A pattern of days does not change within hours, and a day may pass without a worker.
constexpr auto detection_period = 6h;

/// Sleeps, and wakes at once when told to stop.
void wait_for(const std::stop_token& stop, std::chrono::milliseconds span) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop, span, [] { return false; });
}

/// Says a trouble when it begins and when it is over, not each time round.
class Trouble {
  public:
    Trouble(std::string event, base::Log log) : event_(std::move(event)), log_(std::move(log)) {}
    void is(const base::Error& error) {
        if (error.message != last_) log_.warning(event_, {{"problem", error.to_string()}});
        last_ = error.message;
    }
    void over() {
        if (!last_.empty()) log_.info(event_ + "_over");
        last_.clear();
    }

  private:
    std::string event_;
    base::Log log_;
    std::string last_;
};

AnalysisJobOptions analysis_options(const base::Config& config) {
    AnalysisJobOptions options;
    options.window = config.analysis_window;
    return options;
}

std::string outcomes_json(const std::vector<DatabaseOutcome>& outcomes) {
    nlohmann::json result = nlohmann::json::array();
    for (const auto& outcome : outcomes) {
        result.push_back({{"database_name", outcome.database_name},
                          {"statements", outcome.statements},
                          {"added", outcome.saved.added},
                          {"updated", outcome.saved.updated},
                          {"stale", outcome.saved.stale},
                          {"problem", outcome.problem}});
    }
    return result.dump();
}

}  // namespace

std::string worker_name() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return fmt::format("{}:{}:{}", host.data(), getpid(), base::random_hex(4));
}

collector::CollectorOptions collector_options(const base::Config& config) {
    collector::CollectorOptions options;
    options.interval = config.collector_interval;
    options.activity_interval = std::min<std::chrono::milliseconds>(options.activity_interval, options.interval);
    options.catalog_interval = config.collector_catalog_interval;
    options.sampler.text_period = config.collector_text_interval;
    options.sampler.max_batch_bytes = config.collector_max_text_bytes.value;
    options.keep_examples = config.collector_keep_examples;
    return options;
}

store::RetentionPolicy retention_policy(const base::Config& config) {
    store::RetentionPolicy policy;
    policy.raw = config.history_raw;
    policy.ten_minutes = config.history_ten_minutes;
    policy.hours = config.history_hours;
    policy.disk_budget = config.history_disk_budget;
    return policy;
}

CollectorRole::CollectorRole(store::Repository& repository, store::TargetStore targets, const base::Config& config,
                             std::string worker, base::Log log)
    : targets_(targets),
      sink_(store::Ingest(repository), targets),
      fleet_(sink_, collector_options(config), log),
      worker_(std::move(worker)),
      log_(std::move(log)),
      thread_([this](const std::stop_token& stop) { claim_targets(stop); }) {}

CollectorRole::~CollectorRole() {
    thread_.request_stop();
    thread_.join();
    // Another collector may take the targets at once; where this fails, the lease runs out by itself.
    static_cast<void>(targets_.release(worker_));
}

void CollectorRole::claim_targets(const std::stop_token& stop) {
    Trouble trouble("targets_not_claimed", log_);
    while (!stop.stop_requested()) {
        if (auto held = targets_.claim(worker_, most_targets_per_claim, lease)) {
            trouble.over();
            std::vector<collector::TargetSpec> specs;
            for (const auto& target : *held) {
                auto conninfo = targets_.conninfo(target.id);
                if (!conninfo) {
                    static_cast<void>(targets_.record_state(target.id, "unreachable", conninfo.error().to_string()));
                    continue;
                }
                specs.push_back({target.id, target.name, std::move(*conninfo),
                                 collector::DatabaseFilter::of(target.database_filter)});
            }
            fleet_.keep_only(std::move(specs));
        } else {
            // The targets held so far go on: their samples wait in the queue until the repository is back.
            trouble.is(held.error());
        }
        wait_for(stop, claim_period);
    }
}

WorkerRole::WorkerRole(store::Repository& repository, store::TargetStore targets, const base::Config& config,
                       std::string worker, base::Log log)
    : repository_(repository),
      targets_(std::move(targets)),
      analysis_(analysis_options(config)),
      analysis_interval_(config.analysis_interval),
      retention_(repository, retention_policy(config)),
      worker_(std::move(worker)),
      log_(std::move(log)),
      upkeep_(repository, targets_, upkeep_options(config), log_),
      scheduler_([this](const std::stop_token& stop) { schedule(stop); }),
      worker_thread_([this](const std::stop_token& stop) { work(stop); }),
      trainer_thread_([this](const std::stop_token& stop) { train(stop); }) {}

WorkerRole::~WorkerRole() {
    scheduler_.request_stop();
    worker_thread_.request_stop();
    trainer_thread_.request_stop();
}

void WorkerRole::schedule(const std::stop_token& stop) {
    Trouble trouble("schedule_waits", log_);
    store::JobStore jobs(repository_);
    const base::Timestamp started = clock_.now();
    std::optional<base::Timestamp> last_retention;
    while (!stop.stop_requested()) {
        const base::Timestamp now = clock_.now();
        if (!last_retention || now - *last_retention >= retention_period) {
            last_retention = now;
            if (auto report = retention_.run(now)) {
                for (const auto& sentence : report->thinned) log_.warning("history_thinned", {{"what", sentence}});
            } else {
                trouble.is(report.error());
            }
        }
        if (auto targets = targets_.list()) {
            trouble.over();
            for (const auto& target : *targets) {
                if (!target.enabled || !target.last_collected_at) continue;
                if (auto enqueued = enqueue_due(jobs, target, now, started); !enqueued) trouble.is(enqueued.error());
            }
        } else {
            trouble.is(targets.error());
        }
        wait_for(stop, job_poll_period);
    }
}

base::Status WorkerRole::enqueue_due(store::JobStore& jobs, const store::Target& target, base::Timestamp now,
                                     base::Timestamp started) {
    const auto enqueue = [&](std::string_view kind, std::map<base::TargetId, base::Timestamp>& last_times,
                             std::chrono::seconds period, std::string payload) -> base::Status {
        const auto last = last_times.find(target.id);
        if (last != last_times.end() && now - last->second < period) return {};
        store::NewJob job;
        job.kind = kind;
        job.target_id = target.id;
        job.payload_json = std::move(payload);
        job.unique_key = fmt::format("target {}", base::to_integer(target.id));
        if (auto enqueued = jobs.enqueue(job); !enqueued) return std::move(enqueued).error();
        last_times[target.id] = now;
        return {};
    };
    const bool young = now - std::max(target.created_at, started) < 3 * std::chrono::minutes(1);
    const auto analysis_period =
        young ? std::min<std::chrono::seconds>(first_analysis_period, analysis_interval_) : analysis_interval_;
    PGANALYTICS_RETURN_IF_ERROR(enqueue(analysis_job_kind, last_analysis_, analysis_period, "{}"));
    return enqueue(pattern_job_kind, last_detection_, detection_period,
                   nlohmann::json{{"target_id", base::to_integer(target.id)}}.dump());
}

void WorkerRole::work(const std::stop_token& stop) {
    Trouble trouble("worker_waits", log_);
    const std::array<std::string, 3> kinds{std::string(analysis_job_kind), std::string(pattern_job_kind),
                                           std::string(parameter_job_kind)};
    while (!stop.stop_requested()) {
        const auto done = run_next_job(kinds, stop);
        if (done) trouble.over();
        if (!done) trouble.is(done.error());
        if (!done || !*done) wait_for(stop, job_poll_period);
    }
}

void WorkerRole::train(const std::stop_token& stop) {
    Trouble trouble("trainer_waits", log_), untended("models_untended", log_);
    const std::array kinds{std::string(training_job_kind)};
    std::optional<base::Timestamp> last_upkeep;
    while (!stop.stop_requested()) {
        const auto done = run_next_job(kinds, stop);
        if (done) trouble.over();
        if (!done) trouble.is(done.error());
        if (done && *done) continue;
        const base::Timestamp now = clock_.now();
        if (done && (!last_upkeep || now - *last_upkeep >= upkeep_period)) {
            last_upkeep = now;
            const auto kept = upkeep_.run(now);
            if (kept) untended.over();
            if (!kept) untended.is(kept.error());
        }
        wait_for(stop, job_poll_period);
    }
}

base::Result<bool> WorkerRole::run_next_job(std::span<const std::string> kinds, const std::stop_token& stop) {
    PGANALYTICS_ASSIGN(const auto job, store::JobStore(repository_).claim(worker_, kinds, job_lease));
    if (!job) return false;
    run_claimed_job(
        repository_, *job, stop, [&](const GoOn& go_on) { return do_job(*job, go_on); }, log_);
    return true;
}

base::Result<std::string> WorkerRole::do_job(const store::Job& job, const GoOn& go_on) {
    if (job.kind == pattern_job_kind) return detect_for(job, go_on);
    if (job.kind == training_job_kind) return train_for(job, go_on);
    if (job.kind == parameter_job_kind) {
        PGANALYTICS_ASSIGN(const auto request, read_parameter_request(job.payload_json));
        PGANALYTICS_ASSIGN(const auto outcomes,
                           optimize_parameters(repository_, targets_, clock_, request, analysis_, go_on, log_));
        return outcomes_json(outcomes);
    }
    if (!job.target_id) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("A job of kind {} names no target", job.kind),
                           "It is made with a target_id.", "target_id"};
    }
    return analyze_for(*job.target_id, go_on);
}

base::Result<std::string> WorkerRole::train_for(const store::Job& job, const GoOn& go_on) {
    PGANALYTICS_ASSIGN(const auto request, read_training_request(job.payload_json));
    PGANALYTICS_ASSIGN(const auto trained, train_performance_model(repository_, clock_, request, job.id, go_on));
    log_.info("trained", {{"model", base::to_integer(trained.stored.id)},
                          {"database", request.database_name},
                          {"active", trained.activated},
                          {"comparison", trained.comparison}});
    return to_json(trained).dump();
}

base::Result<std::string> WorkerRole::detect_for(const store::Job& job, const GoOn& go_on) {
    PGANALYTICS_ASSIGN(const auto request, read_pattern_request(job.payload_json));
    PGANALYTICS_ASSIGN(const auto detected, detect_workload_patterns(repository_, targets_, clock_, request, go_on));
    nlohmann::json result = nlohmann::json::array();
    for (const auto& database : detected) {
        result.push_back({{"target_id", base::to_integer(database.target_id)},
                          {"database_name", database.database_name},
                          {"days_observed", database.days_observed},
                          {"patterns", database.found.patterns.size()},
                          {"outliers", database.found.outliers.size()},
                          {"level_shifts", database.found.level_shifts.size()},
                          {"added", database.saved.added},
                          {"updated", database.saved.updated},
                          {"stale", database.saved.stale}});
    }
    return result.dump();
}

base::Result<std::string> WorkerRole::analyze_for(base::TargetId target, const GoOn& go_on) {
    PGANALYTICS_ASSIGN(const auto outcomes,
                       analyze_target(repository_, targets_, target, clock_, analysis_, go_on, log_));
    return outcomes_json(outcomes);
}

}  // namespace pganalytics::workflow
