#pragma once
// Time comes in through this port, so that a month can pass in a test without waiting.

#include <chrono>
#include <mutex>

#include "base/units.hpp"

namespace pganalytics::base {

class Clock {
  public:
    virtual ~Clock() = default;
    /// Wall-clock time in UTC. May jump.
    [[nodiscard]] virtual Timestamp now() const = 0;
    /// Never goes back. For deadlines and durations.
    [[nodiscard]] virtual std::chrono::steady_clock::time_point monotonic() const = 0;
};

class SystemClock final : public Clock {
  public:
    [[nodiscard]] Timestamp now() const override;
    [[nodiscard]] std::chrono::steady_clock::time_point monotonic() const override;
};

/// Stands still until told otherwise. Thread-safe.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(Timestamp start) : now_(start) {}
    [[nodiscard]] Timestamp now() const override;
    [[nodiscard]] std::chrono::steady_clock::time_point monotonic() const override;
    void advance(std::chrono::microseconds by);

  private:
    mutable std::mutex mutex_;
    Timestamp now_;
    std::chrono::steady_clock::time_point monotonic_{};
};

/// A moment after which a round trip is given up. Value type.
class Deadline {
  public:
    static Deadline after(std::chrono::milliseconds span) { return Deadline(std::chrono::steady_clock::now() + span); }
    [[nodiscard]] std::chrono::milliseconds left() const {
        const auto span = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - std::chrono::steady_clock::now());
        return span.count() > 0 ? span : std::chrono::milliseconds{0};
    }
    [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= at_; }

  private:
    explicit Deadline(std::chrono::steady_clock::time_point at) : at_(at) {}
    std::chrono::steady_clock::time_point at_;
};

}  // namespace pganalytics::base
