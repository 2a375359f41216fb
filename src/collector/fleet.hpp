#pragma once
// Many targets side by side: a thread each, so that a dead or black-holed one delays nobody, and one queue to the sink.
// Targets may come and go while it runs. Thread-safe.

#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "collector/delivery_queue.hpp"
#include "collector/sink.hpp"
#include "collector/target_loop.hpp"

namespace pganalytics::collector {

class Fleet {
  public:
    Fleet(Sink& sink, CollectorOptions options, base::Log log);
    /// Stops every target and waits for them (at most a round trip's deadline), then delivers what waits.
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    /// Starts it; one with the same id is replaced.
    void add(TargetSpec target);
    void remove(base::TargetId target);
    /// Starts what is new or reached another way, stops what is gone, leaves the rest alone: what a claim of targets
    /// gives each time.
    void keep_only(std::vector<TargetSpec> targets);
    [[nodiscard]] std::vector<TargetStatus> status() const;
    [[nodiscard]] QueueState queue_state() const;

  private:
    struct Running {
        TargetSpec target;
        std::unique_ptr<TargetLoop> loop;
        std::jthread thread;  // after the loop: it ends first
    };
    [[nodiscard]] Running start(TargetSpec target);

    CollectorOptions options_;
    Sink& sink_;
    base::Log log_;
    base::SystemClock clock_;
    std::counting_semaphore<64> catalog_permits_;
    DeliveryQueue queue_;
    mutable std::mutex mutex_;
    std::map<base::TargetId, Running> running_;
};

}  // namespace pganalytics::collector
