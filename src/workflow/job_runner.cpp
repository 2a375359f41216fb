#include "workflow/job_runner.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace pganalytics::workflow {

namespace {

/// So that progress moves and a wish to cancel is heard within seconds.
constexpr std::chrono::seconds beat_period{2};

}  // namespace

void run_claimed_job(store::Repository& repository, const store::Job& job, const std::stop_token& stop,
                     const JobWork& work, const base::Log& log) {
    store::JobStore jobs(repository);
    std::mutex mutex;
    std::condition_variable_any woken;
    double progress = 0;
    std::string stage = "starting";
    auto state = store::LeaseState::held;
    std::jthread heart([&](const std::stop_token& heart_stop) {
        std::unique_lock lock(mutex);
        while (!heart_stop.stop_requested()) {
            const double progress_now = progress;
            const std::string stage_now = stage;
            lock.unlock();
            auto beat = jobs.heartbeat(job, progress_now, stage_now, job_lease);
            lock.lock();
            if (beat) state = *beat;
            woken.wait_for(lock, heart_stop, beat_period, [] { return false; });
        }
    });
    auto outcome = work([&](double progress_now, std::string_view stage_now) {
        const std::lock_guard lock(mutex);
        progress = progress_now;
        stage = stage_now;
        return state == store::LeaseState::held && !stop.stop_requested();
    });
    heart.request_stop();
    heart.join();
    if (state == store::LeaseState::lost) return;
    if (state == store::LeaseState::cancel_requested) {
        static_cast<void>(jobs.acknowledge_cancel(job));
        return;
    }
    if (outcome) {
        static_cast<void>(jobs.complete(job, *outcome));
        return;
    }
    // Ended because this process does: not the job's fault, and another worker may take it up at once.
    const bool again = outcome.error().code == base::ErrorCode::retry_later || stop.stop_requested();
    log.warning("job_failed", {{"kind", job.kind}, {"problem", outcome.error().to_string()}});
    static_cast<void>(jobs.fail(job, outcome.error().to_string(), again));
}

}  // namespace pganalytics::workflow
