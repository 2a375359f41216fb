#include "base/clock.hpp"

namespace pganalytics::base {

Timestamp SystemClock::now() const {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point SystemClock::monotonic() const {
    return std::chrono::steady_clock::now();
}

Timestamp ManualClock::now() const {
    const std::lock_guard lock(mutex_);
    return now_;
}

std::chrono::steady_clock::time_point ManualClock::monotonic() const {
    const std::lock_guard lock(mutex_);
    return monotonic_;
}

void ManualClock::advance(std::chrono::microseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    monotonic_ += by;
}

}  // namespace pganalytics::base
