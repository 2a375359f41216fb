#pragma once
// Stops calling a service that keeps failing. Closed: calls pass, failures in a row are counted. Open: calls are
// refused for `open_for`. Half-open: one probe at a time; its success closes the circuit, its failure opens it again.
// (M. Nygard, Release It!, 2nd ed. 2018, ch. 5, "Circuit Breaker".)
// Thread safety: all members from any thread. The clock must outlive it.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace pganalytics::net {

struct CircuitOptions {
    int failures_to_open = 5;  ///< in a row
    std::chrono::milliseconds open_for{10'000};
};

enum class CircuitState { closed, open, half_open };
[[nodiscard]] std::string_view to_string(CircuitState state);

class CircuitBreaker {
  public:
    /// Leave to make one call. Must be told how the call went; one that is dropped counts as failed. A report that
    /// comes after the circuit has changed state since the call began says nothing about now, and is ignored.
    class Permit {
      public:
        Permit(Permit&& other) noexcept : breaker_(other.breaker_), generation_(other.generation_) {
            other.breaker_ = nullptr;
        }
        Permit& operator=(Permit&&) = delete;
        ~Permit();
        void succeeded();
        void failed();

      private:
        friend class CircuitBreaker;
        Permit(CircuitBreaker& breaker, std::uint64_t generation) : breaker_(&breaker), generation_(generation) {}
        CircuitBreaker* breaker_;
        std::uint64_t generation_;
    };

    CircuitBreaker(CircuitOptions options, const base::Clock& clock) : options_(options), clock_(clock) {}

    /// Empty: the circuit is open, or half-open with a probe under way.
    [[nodiscard]] std::optional<Permit> try_enter();
    [[nodiscard]] CircuitState state() const;
    /// How long until an open circuit lets a probe through; zero otherwise.
    [[nodiscard]] std::chrono::milliseconds open_left() const;

  private:
    void report(std::uint64_t generation, bool success);
    void open();

    const CircuitOptions options_;
    const base::Clock& clock_;
    mutable std::mutex mutex_;
    CircuitState state_ = CircuitState::closed;
    std::uint64_t generation_ = 0;  ///< grows with each change of state
    int failures_ = 0;
    bool probing_ = false;
    std::chrono::steady_clock::time_point open_until_{};
};

}  // namespace pganalytics::net
