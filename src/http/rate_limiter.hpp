#pragma once
// Token buckets, one a key (a token, or the address of who has none): `burst` at once, `per_second` in the long run.
// Keys whose bucket is full again are forgotten, so memory is bounded by how many ask within burst / per_second.
// Thread-safe.

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace pganalytics::http {

struct RateLimit {
    double per_second = 100;
    double burst = 400;
};

class RateLimiter {
  public:
    RateLimiter(RateLimit limit, const base::Clock& clock) : limit_(limit), clock_(clock) {}

    /// Nothing: go on. Else how long to wait until the next request is taken.
    [[nodiscard]] std::optional<std::chrono::seconds> take(std::string_view key);

  private:
    struct Bucket {
        double left = 0;
        std::chrono::steady_clock::time_point at;
    };
    void forget_full(std::chrono::steady_clock::time_point now);
    [[nodiscard]] double refilled(const Bucket& bucket, std::chrono::steady_clock::time_point now) const;

    const RateLimit limit_;
    const base::Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
    std::chrono::steady_clock::time_point swept_at_{};
};

}  // namespace pganalytics::http
