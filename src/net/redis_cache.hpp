#pragma once
// The PredictionCache port on Redis (hiredis): answers shared by processes, and kept over a restart. Nothing depends on
// it: a Redis that is down, stopped, slow or lying costs a few milliseconds until the circuit opens, and then next to
// nothing; what it holds counts only with our signature over key and value, so that garbage, truncation and answers put
// under another key are misses.
//
// Keys "pganalytics:prediction:1:" + 32 hex digits; values HMAC-SHA-256 in hex, a blank, the prediction as JSON; each
// with the time to live. Connections are kept open; where all are in use the answer is a miss.
// Thread-safe. The clock must outlive it.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/circuit_breaker.hpp"
#include "prediction/prediction_cache.hpp"

namespace pganalytics::net {

struct RedisOptions {
    std::string url;                       ///< redis://[user@]host[:port][/database], or unix:///path[?db=number]
    base::Secret password{};               ///< "" without one
    base::Secret signing_key{};            ///< the same in every process that shares the answers
    std::chrono::milliseconds timeout{5};  ///< of each command
    std::chrono::milliseconds connect_timeout{20};  ///< and of the greeting after it
    std::chrono::seconds time_to_live{60};
    std::size_t connections = 8;
    CircuitOptions circuit{3, std::chrono::milliseconds(2'000)};
};

/// Where an URL of RedisOptions leads. fix_input, field `redis.url`; unsupported for TLS.
struct RedisAddress {
    std::string host, user, socket_path;  ///< host or socket_path
    int port = 6379;
    int database = 0;
};
[[nodiscard]] base::Result<RedisAddress> parse_redis_url(const std::string& url);

class RedisCache final : public prediction::PredictionCache {
  public:
    /// Does not connect. Errors: those of the URL.
    [[nodiscard]] static base::Result<std::unique_ptr<RedisCache>> create(RedisOptions options,
                                                                          const base::Clock& clock);
    ~RedisCache() override;

    [[nodiscard]] std::shared_ptr<const prediction::Prediction> find(const prediction::CacheKey& key) override;
    void put(const prediction::CacheKey& key, std::shared_ptr<const prediction::Prediction> prediction) override;

    struct Counters {
        std::uint64_t hits = 0, misses = 0;
        std::uint64_t failures = 0;  ///< commands that got no answer
        std::uint64_t refused = 0;   ///< values that are not ours, or damaged
        std::uint64_t spared = 0;    ///< not asked: the circuit was open, or all connections in use
    };
    [[nodiscard]] Counters counters() const;
    [[nodiscard]] CircuitState state() const { return breaker_.state(); }

  private:
    struct Connection;
    RedisCache(RedisOptions options, RedisAddress address, const base::Clock& clock);
    struct Answer;
    /// Null where Redis was spared or did not answer.
    [[nodiscard]] std::unique_ptr<Answer> ask(const std::vector<std::string_view>& words);
    [[nodiscard]] std::unique_ptr<Connection> connect() const;
    [[nodiscard]] std::string signature(std::string_view key, std::string_view value) const;
    /// Nothing where it is not ours.
    [[nodiscard]] std::shared_ptr<const prediction::Prediction> read(std::string_view key,
                                                                     std::string_view value) const;

    const RedisOptions options_;
    const RedisAddress address_;
    CircuitBreaker breaker_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::size_t in_use_ = 0;
    std::atomic<std::uint64_t> hits_ = 0, misses_ = 0, failures_ = 0, refused_ = 0, spared_ = 0;
};

/// For those who watch it.
struct RedisStatus {
    CircuitState state = CircuitState::closed;
    RedisCache::Counters counters;
};

}  // namespace pganalytics::net
