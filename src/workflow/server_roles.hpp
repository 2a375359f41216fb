#pragma once
// What a running server does beside answering HTTP, each part a role that can run alone in a process of its own:
// collecting (targets claimed under a lease, so that collectors shard by themselves) and working (jobs claimed under a
// lease; the schedule that enqueues them; retention; the watch over models). Threads are owned by the objects and end
// with them. A repository that goes away is waited for: roles say so once and go on by themselves when it is back.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "collector/fleet.hpp"
#include "collector/store_sink.hpp"
#include "store/jobs.hpp"
#include "store/repository.hpp"
#include "store/retention.hpp"
#include "store/targets.hpp"
#include "workflow/analysis_job.hpp"
#include "workflow/job_runner.hpp"
#include "workflow/model_upkeep.hpp"
#include "workflow/pattern_job.hpp"

namespace pganalytics::workflow {

/// A name for this process in leases: host, pid and a random part.
[[nodiscard]] std::string worker_name();

[[nodiscard]] collector::CollectorOptions collector_options(const base::Config& config);
[[nodiscard]] store::RetentionPolicy retention_policy(const base::Config& config);

class CollectorRole {
  public:
    CollectorRole(store::Repository& repository, store::TargetStore targets, const base::Config& config,
                  std::string worker, base::Log log);
    ~CollectorRole();

    [[nodiscard]] const collector::Fleet& fleet() const { return fleet_; }

  private:
    void claim_targets(const std::stop_token& stop);

    store::TargetStore targets_;
    collector::StoreSink sink_;
    collector::Fleet fleet_;
    std::string worker_;
    base::Log log_;
    std::jthread thread_;  // last: it uses all of the above
};

class WorkerRole {
  public:
    WorkerRole(store::Repository& repository, store::TargetStore targets, const base::Config& config,
               std::string worker, base::Log log);
    ~WorkerRole();

  private:
    void schedule(const std::stop_token& stop);
    void work(const std::stop_token& stop);
    /// Trains, and watches what was trained, beside the other work: a training takes its time.
    void train(const std::stop_token& stop);
    /// Whether there was a job of one of `kinds`; it has ended when this comes back.
    [[nodiscard]] base::Result<bool> run_next_job(std::span<const std::string> kinds, const std::stop_token& stop);
    using GoOn = JobGoOn;
    /// The job's result as JSON.
    [[nodiscard]] base::Result<std::string> do_job(const store::Job& job, const GoOn& go_on);
    [[nodiscard]] base::Result<std::string> train_for(const store::Job& job, const GoOn& go_on);
    [[nodiscard]] base::Result<std::string> analyze_for(base::TargetId target, const GoOn& go_on);
    [[nodiscard]] base::Result<std::string> detect_for(const store::Job& job, const GoOn& go_on);
    /// Whether the job was enqueued; what is queued already counts.
    [[nodiscard]] base::Status enqueue_due(store::JobStore& jobs, const store::Target& target, base::Timestamp now,
                                           base::Timestamp started);

    store::Repository& repository_;
    store::TargetStore targets_;
    base::SystemClock clock_;
    AnalysisJobOptions analysis_;
    std::chrono::seconds analysis_interval_;
    std::map<base::TargetId, base::Timestamp> last_analysis_;   // the scheduler's own
    std::map<base::TargetId, base::Timestamp> last_detection_;  // the scheduler's own
    store::Retention retention_;
    std::string worker_;
    base::Log log_;
    ModelUpkeep upkeep_;      // the trainer's own
    std::jthread scheduler_;  // last: they use all of the above
    std::jthread worker_thread_;
    std::jthread trainer_thread_;
};

}  // namespace pganalytics::workflow
