#include "prediction/lru_cache.hpp"

#include <algorithm>

namespace pganalytics::prediction {

LruCache::LruCache(LruOptions options, const base::Clock& clock) : options_(options), clock_(clock) {}

std::shared_ptr<const Prediction> LruCache::find(const CacheKey& key) {
    const auto now = clock_.monotonic();
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.by_key.find(key);
    if (found == shard.by_key.end()) return nullptr;
    if (found->second->good_until <= now) {
        shard.entries.erase(found->second);
        shard.by_key.erase(found);
        return nullptr;
    }
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return found->second->prediction;
}

void LruCache::put(const CacheKey& key, std::shared_ptr<const Prediction> prediction) {
    const auto good_until = clock_.monotonic() + options_.time_to_live;
    const std::size_t most = std::max<std::size_t>(1, options_.most / shards_.size());
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto known = shard.by_key.find(key); known != shard.by_key.end()) {
        known->second->prediction = std::move(prediction);
        known->second->good_until = good_until;
        shard.entries.splice(shard.entries.begin(), shard.entries, known->second);
        return;
    }
    shard.entries.push_front({key, std::move(prediction), good_until});
    shard.by_key.emplace(key, shard.entries.begin());
    if (shard.entries.size() > most) {
        shard.by_key.erase(shard.entries.back().key);
        shard.entries.pop_back();
    }
}

std::size_t LruCache::size() const {
    std::size_t sum = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.entries.size();
    }
    return sum;
}

}  // namespace pganalytics::prediction
