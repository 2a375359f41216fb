#pragma once
// Random numbers that are the same on every machine and library for one seed (the distributions of <random> are not).
// Value type; not thread-safe.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "base/hash.hpp"

namespace pganalytics::corpus {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    /// A stream of its own for what `name` names, whatever was drawn for others.
    Random(std::uint64_t seed, std::string_view name) : engine_(mixed(seed, name)) {}

    /// [0, 1)
    double share() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
    bool chance(double probability) { return share() < probability; }
    /// [low, high]
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(share() * static_cast<double>(high - low + 1));
    }
    /// Between, every order of magnitude as likely as the next; low is above 0.
    double log_between(double low, double high) { return low * std::exp(share() * std::log(high / low)); }
    std::size_t below(std::size_t count) { return static_cast<std::size_t>(share() * static_cast<double>(count)); }
    template <typename T>
    const T& one_of(const std::vector<T>& values) {
        return values[below(values.size())];
    }
    template <typename T>
    void shuffle(std::vector<T>& values) {
        for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[below(left)]);
    }

  private:
    static std::uint64_t mixed(std::uint64_t seed, std::string_view name) {
        base::StableHash hash;
        hash.add(seed);
        hash.add(name);
        return hash.digest();
    }
    std::mt19937_64 engine_;
};

}  // namespace pganalytics::corpus
