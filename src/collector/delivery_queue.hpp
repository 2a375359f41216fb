#pragma once
// Between the targets' threads and the repository: a queue bounded in bytes, drained by one thread, so that a slow or
// dead repository never holds up a target. A producer asks for room before it takes a sample; without room it takes
// none, and its next sample spans the gap. Deliveries of one target keep their order; what the sink refuses with
// retry_later stays at the head and is offered again with back-off. Thread-safe.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/log.hpp"
#include "collector/sink.hpp"

namespace pganalytics::collector {

struct QueueState {
    std::size_t waiting = 0;  ///< deliveries
    std::size_t waiting_bytes = 0;
    std::uint64_t delivered = 0;
    std::uint64_t refused = 0;  ///< dropped because the sink said that repeating is useless
    bool sink_down = false;
};

class DeliveryQueue {
  public:
    DeliveryQueue(Sink& sink, std::size_t max_bytes, base::Log log);
    /// Delivers what it can within two seconds, then drops the rest.
    ~DeliveryQueue();
    DeliveryQueue(const DeliveryQueue&) = delete;
    DeliveryQueue& operator=(const DeliveryQueue&) = delete;

    /// Whether another sample may be taken now.
    [[nodiscard]] bool has_room() const;
    /// Never refuses: what was taken after `has_room` is kept, so the bound is exceeded by one delivery a target at
    /// most.
    void push(Delivery delivery);
    [[nodiscard]] QueueState state() const;

  private:
    struct Waiting {
        Delivery delivery;
        std::size_t bytes = 0;
        int failures = 0;  ///< while the sink took others
        int tries = 0;
    };

    void drain(const std::stop_token& stop);
    [[nodiscard]] std::deque<Waiting>::iterator choose(const std::optional<base::TargetId>& failed);
    void settle(std::deque<Waiting>::iterator place, const base::Status& outcome,
                std::optional<base::TargetId>& failed);

    Sink& sink_;
    const std::size_t max_bytes_;
    base::Log log_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Waiting> waiting_;
    QueueState state_;
    std::jthread worker_;  // last: it uses all of the above
};

}  // namespace pganalytics::collector
