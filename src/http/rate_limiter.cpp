#include "http/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

namespace pganalytics::http {

namespace {

/// Above this many keys those with a full bucket are looked for, now and then: a look goes through all of them.
constexpr std::size_t many_keys = 10'000;
constexpr std::chrono::seconds between_sweeps{1};

}  // namespace

double RateLimiter::refilled(const Bucket& bucket, std::chrono::steady_clock::time_point now) const {
    const double gained = std::chrono::duration<double>(now - bucket.at).count() * limit_.per_second;
    return std::min(limit_.burst, bucket.left + gained);
}

void RateLimiter::forget_full(std::chrono::steady_clock::time_point now) {
    std::erase_if(buckets_, [&](const auto& entry) { return refilled(entry.second, now) >= limit_.burst; });
}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view key) {
    const auto now = clock_.monotonic();
    const std::lock_guard lock(mutex_);
    auto found = buckets_.find(std::string(key));
    if (found == buckets_.end()) {
        if (buckets_.size() >= many_keys && now - swept_at_ >= between_sweeps) {
            swept_at_ = now;
            forget_full(now);
        }
        found = buckets_.emplace(std::string(key), Bucket{limit_.burst, now}).first;
    }
    auto& bucket = found->second;
    bucket.left = refilled(bucket, now);
    bucket.at = now;
    if (bucket.left >= 1) {
        bucket.left -= 1;
        return std::nullopt;
    }
    const double wait = (1 - bucket.left) / limit_.per_second;
    return std::chrono::seconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(wait))));
}

}  // namespace pganalytics::http
