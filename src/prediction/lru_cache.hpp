#pragma once
// The PredictionCache of this process: sixteen shards, each with its own lock, that forget what was used longest ago
// and what is older than `time_to_live`. A hit takes well under a microsecond. Thread-safe.

#include <array>
#include <chrono>
#include <list>
#include <mutex>
#include <unordered_map>

#include "base/clock.hpp"
#include "prediction/prediction_cache.hpp"

namespace pganalytics::prediction {

struct LruOptions {
    std::size_t most = 10'000;  ///< answers, over all shards
    std::chrono::milliseconds time_to_live{60'000};
};

class LruCache final : public PredictionCache {
  public:
    /// The clock must outlive it.
    LruCache(LruOptions options, const base::Clock& clock);

    [[nodiscard]] std::shared_ptr<const Prediction> find(const CacheKey& key) override;
    void put(const CacheKey& key, std::shared_ptr<const Prediction> prediction) override;
    [[nodiscard]] std::size_t size() const;

  private:
    struct Entry {
        CacheKey key;
        std::shared_ptr<const Prediction> prediction;
        std::chrono::steady_clock::time_point good_until;
    };
    struct KeyHash {
        // The key is a cryptographic hash already.
        std::size_t operator()(const CacheKey& key) const { return key.low; }
    };
    struct Shard {
        mutable std::mutex mutex;
        std::list<Entry> entries;  ///< used last first
        std::unordered_map<CacheKey, std::list<Entry>::iterator, KeyHash> by_key;
    };
    [[nodiscard]] Shard& shard_of(const CacheKey& key) { return shards_[key.high % shards_.size()]; }

    const LruOptions options_;
    const base::Clock& clock_;
    std::array<Shard, 16> shards_;
};

}  // namespace pganalytics::prediction
