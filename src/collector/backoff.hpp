#pragma once
// Waiting times after failures: doubling with full jitter, so that many targets that went down together do not come
// back in step. Source: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015. Not thread-safe.

#include <chrono>
#include <cstdint>
#include <random>

namespace pganalytics::collector {

class Backoff {
  public:
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest, std::uint64_t seed)
        : first_(first), longest_(longest), random_(seed) {}
    /// Between half and the whole of first × 2^failures, at most `longest`.
    [[nodiscard]] std::chrono::milliseconds next();
    void reset() { failures_ = 0; }
    [[nodiscard]] int failures() const { return failures_; }

  private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds longest_;
    std::mt19937_64 random_;
    int failures_ = 0;
};

}  // namespace pganalytics::collector
