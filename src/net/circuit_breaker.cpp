#include "net/circuit_breaker.hpp"

#include <utility>

namespace pganalytics::net {

std::string_view to_string(CircuitState state) {
    switch (state) {
        case CircuitState::closed:
            return "closed";
        case CircuitState::open:
            return "open";
        case CircuitState::half_open:
            return "half_open";
    }
    return "unknown";
}

CircuitBreaker::Permit::~Permit() {
    failed();
}

void CircuitBreaker::Permit::succeeded() {
    if (auto* breaker = std::exchange(breaker_, nullptr)) breaker->report(generation_, true);
}

void CircuitBreaker::Permit::failed() {
    if (auto* breaker = std::exchange(breaker_, nullptr)) breaker->report(generation_, false);
}

std::optional<CircuitBreaker::Permit> CircuitBreaker::try_enter() {
    const std::lock_guard lock(mutex_);
    if (state_ == CircuitState::open && clock_.monotonic() >= open_until_) {
        state_ = CircuitState::half_open;
        ++generation_;
        probing_ = false;
    }
    if (state_ == CircuitState::open) return std::nullopt;
    if (state_ == CircuitState::half_open) {
        if (probing_) return std::nullopt;
        probing_ = true;
    }
    return Permit(*this, generation_);
}

CircuitState CircuitBreaker::state() const {
    const std::lock_guard lock(mutex_);
    if (state_ == CircuitState::open && clock_.monotonic() >= open_until_) return CircuitState::half_open;
    return state_;
}

std::chrono::milliseconds CircuitBreaker::open_left() const {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    if (state_ != CircuitState::open || now >= open_until_) return std::chrono::milliseconds{0};
    return std::chrono::ceil<std::chrono::milliseconds>(open_until_ - now);
}

void CircuitBreaker::report(std::uint64_t generation, bool success) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;
    if (success) {
        failures_ = 0;
        if (state_ == CircuitState::half_open) {
            state_ = CircuitState::closed;
            ++generation_;
        }
        return;
    }
    ++failures_;
    if (state_ == CircuitState::half_open || failures_ >= options_.failures_to_open) open();
}

void CircuitBreaker::open() {
    state_ = CircuitState::open;
    ++generation_;
    failures_ = 0;
    open_until_ = clock_.monotonic() + options_.open_for;
}

}  // namespace pganalytics::net
