#pragma once
// Hashes that must be the same on every machine and in every version of this program.

#include <cstdint>
#include <string>
#include <string_view>

namespace pganalytics::base {

/// 64-bit FNV-1a with a final avalanche (MurmurHash3's fmix64). Stable across platforms; not for secrets.
class StableHash {
  public:
    void add(std::string_view bytes);
    void add(std::uint64_t number);
    /// 64 bits.
    [[nodiscard]] std::uint64_t digest() const;
    /// 63 bits and never 0, so that it is a positive bigint.
    [[nodiscard]] std::int64_t positive_digest() const;

  private:
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

[[nodiscard]] std::string sha256_hex(std::string_view bytes);
[[nodiscard]] std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);
/// `bytes` random bytes of the operating system's generator, as lower-case hex.
[[nodiscard]] std::string random_hex(std::size_t bytes);
/// Equal in a time that does not depend on where they differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace pganalytics::base
