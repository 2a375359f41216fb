#pragma once
// The queue of long work: rows claimed with FOR UPDATE SKIP LOCKED under a lease. A worker that dies loses its lease
// and the job runs again; one that outlives its lease learns so from its next heartbeat and must drop what it does.
// Enqueueing notifies channel `pganalytics_jobs` with the kind. Times are the repository's clock.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

inline constexpr std::string_view jobs_channel = "pganalytics_jobs";

enum class JobStatus { pending, running, completed, failed, cancelled };
[[nodiscard]] std::string_view to_string(JobStatus status);

struct Job {
    base::JobId id{};
    std::string kind;  ///< "analyze", "train", "detect_patterns", …
    std::optional<base::TargetId> target_id;
    std::string payload_json = "{}";
    JobStatus status = JobStatus::pending;
    double progress = 0;  ///< 0..1
    std::string stage;
    std::string result_json;  ///< "" until completed
    std::string error;        ///< "" unless failed
    int attempt = 0;          ///< 1 at the first claim
    int max_attempts = 3;
    std::string worker;  ///< who holds it
    bool cancel_requested = false;
    base::Timestamp created_at{};
    base::Timestamp updated_at{};
};

struct NewJob {
    std::string kind;
    std::optional<base::TargetId> target_id;
    std::string payload_json = "{}";
    /// While a pending or running job of this kind has the same key, enqueue gives that one instead of a second.
    std::optional<std::string> unique_key{};
    std::optional<base::Timestamp> not_before{};
    int max_attempts = 3;
    int priority = 0;  ///< higher first
};

/// What a heartbeat learned.
enum class LeaseState { held, cancel_requested, lost };

struct JobFilter {
    std::optional<std::string> kind;
    std::optional<JobStatus> status;
    std::size_t limit = 50;
    std::optional<std::string> cursor;
};

class JobStore {
  public:
    explicit JobStore(Repository& repository) : repository_(&repository) {}

    [[nodiscard]] base::Result<Job> enqueue(const NewJob& job);
    /// The next job of one of `kinds`, or nothing. A job whose lease ran out counts as unclaimed until its attempts are
    /// used up; then it is failed, and the error says so.
    [[nodiscard]] base::Result<std::optional<Job>> claim(std::string_view worker, std::span<const std::string> kinds,
                                                         std::chrono::milliseconds lease);
    [[nodiscard]] base::Result<LeaseState> heartbeat(const Job& job, double progress, std::string_view stage,
                                                     std::chrono::milliseconds lease);
    /// conflict when the lease was lost: another worker has the job, and its result is the one that counts.
    [[nodiscard]] base::Status complete(const Job& job, std::string_view result_json);
    /// Pending again while attempts are left and `retry`, else failed.
    [[nodiscard]] base::Status fail(const Job& job, std::string_view error, bool retry);
    /// The worker's answer to cancel_requested.
    [[nodiscard]] base::Status acknowledge_cancel(const Job& job);

    /// A pending job ends at once; a running one is asked to. conflict when it has ended.
    [[nodiscard]] base::Result<Job> cancel(base::JobId id);
    [[nodiscard]] base::Result<Job> find(base::JobId id);
    /// Newest first.
    [[nodiscard]] base::Result<Page<Job>> list(const JobFilter& filter);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
