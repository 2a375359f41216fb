#include "collector/delivery_queue.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "collector/backoff.hpp"

namespace pganalytics::collector {

namespace {

constexpr std::chrono::milliseconds first_retry{200};
constexpr std::chrono::milliseconds longest_retry{10000};
constexpr std::chrono::seconds farewell{2};
// A delivery that fails while others succeed is at fault itself: after as many tries it is dropped, and said.
constexpr int tries_while_sink_is_up = 5;
constexpr int tries_of_the_renewable = 200;

}  // namespace

DeliveryQueue::DeliveryQueue(Sink& sink, std::size_t max_bytes, base::Log log)
    : sink_(sink),
      max_bytes_(max_bytes),
      log_(std::move(log)),
      worker_([this](const std::stop_token& stop) { drain(stop); }) {}

DeliveryQueue::~DeliveryQueue() {
    worker_.request_stop();
    changed_.notify_all();
}

bool DeliveryQueue::has_room() const {
    const std::lock_guard lock(mutex_);
    return state_.waiting_bytes < max_bytes_;
}

void DeliveryQueue::push(Delivery delivery) {
    {
        const std::lock_guard lock(mutex_);
        Waiting waiting{std::move(delivery)};
        waiting.bytes = waiting.delivery.weight();
        state_.waiting_bytes += waiting.bytes;
        waiting_.push_back(std::move(waiting));
        state_.waiting = waiting_.size();
    }
    changed_.notify_all();
}

QueueState DeliveryQueue::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

std::deque<DeliveryQueue::Waiting>::iterator DeliveryQueue::choose(const std::optional<base::TargetId>& failed) {
    // After a failure another target's turn tells whether the sink is down or the delivery is at fault.
    if (failed) {
        const auto other = std::find_if(waiting_.begin(), waiting_.end(),
                                        [&](const Waiting& one) { return one.delivery.target != *failed; });
        if (other != waiting_.end()) return other;
    }
    return waiting_.begin();
}

void DeliveryQueue::settle(std::deque<Waiting>::iterator place, const base::Status& outcome,
                           std::optional<base::TargetId>& failed) {
    const auto target = place->delivery.target;
    const bool again = !outcome && outcome.error().code == base::ErrorCode::retry_later;
    const bool renewable = !std::holds_alternative<StatementDelivery>(place->delivery.content);
    const bool at_fault = again && ((!state_.sink_down && ++place->failures >= tries_while_sink_is_up) ||
                                    (renewable && ++place->tries >= tries_of_the_renewable));
    if (!outcome && (!again || at_fault)) {
        ++state_.refused;
        log_.error("delivery_dropped", {{"target", base::to_integer(target)}, {"error", outcome.error().to_string()}});
    }
    if (again && !at_fault) {
        // Two targets in a row, or the same with no other to ask: then it is the sink.
        if (failed) state_.sink_down = true;
        failed = target;
        return;
    }
    if (outcome) {
        ++state_.delivered;
        if (state_.sink_down) log_.info("repository_back", {{"waiting", waiting_.size()}});
        state_.sink_down = false;
        if (failed && *failed != target) {
            const auto blamed = std::find_if(waiting_.begin(), waiting_.end(),
                                             [&](const Waiting& one) { return one.delivery.target == *failed; });
            if (blamed != waiting_.end()) ++blamed->failures;
        }
    }
    failed.reset();
    state_.waiting_bytes -= place->bytes;
    waiting_.erase(place);
    state_.waiting = waiting_.size();
}

void DeliveryQueue::drain(const std::stop_token& stop) {
    Backoff backoff(first_retry, longest_retry, std::random_device{}());
    std::optional<base::TargetId> failed;
    std::optional<std::chrono::steady_clock::time_point> until;
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, stop, [&] { return !waiting_.empty(); });
        if (stop.stop_requested() && !until) until = std::chrono::steady_clock::now() + farewell;
        if (until && (waiting_.empty() || std::chrono::steady_clock::now() >= *until)) return;

        // Producers only append, and references into a deque survive that: the delivery need not be copied or moved.
        const auto chosen = choose(failed);
        const Delivery& delivery = chosen->delivery;
        const auto position = chosen - waiting_.begin();
        lock.unlock();
        const auto outcome = sink_.deliver(delivery);
        lock.lock();
        const bool was_down = state_.sink_down;
        settle(waiting_.begin() + position, outcome, failed);
        if (outcome) {
            backoff.reset();
            continue;
        }
        if (!failed) continue;
        const auto pause = backoff.next();
        if (!was_down && state_.sink_down)
            log_.warning("repository_unreachable", {{"error", outcome.error().to_string()}});
        changed_.wait_for(lock, stop, pause, [] { return false; });
        if (until && state_.sink_down) return;
    }
}

}  // namespace pganalytics::collector
