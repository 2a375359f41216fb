#pragma once
// The PredictionCache port: answers that were given a moment ago. A cache may forget anything at any time and must
// never make an answer wrong: what it cannot vouch for is a miss. Implemented in this process (lru_cache.hpp) and by
// `net` on Redis. Thread-safe.

#include <cstdint>
#include <memory>

#include "prediction/predictor.hpp"

namespace pganalytics::prediction {

/// 128 bits of SHA-256 over everything an answer depends on: model, statement, plan, parameters, scenario, level.
struct CacheKey {
    std::uint64_t high = 0, low = 0;
    friend bool operator==(const CacheKey&, const CacheKey&) = default;
};

class PredictionCache {
  public:
    virtual ~PredictionCache() = default;
    /// Null where it has none.
    [[nodiscard]] virtual std::shared_ptr<const Prediction> find(const CacheKey& key) = 0;
    virtual void put(const CacheKey& key, std::shared_ptr<const Prediction> prediction) = 0;
};

}  // namespace pganalytics::prediction
