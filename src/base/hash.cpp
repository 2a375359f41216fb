#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <vector>

#include "base/check.hpp"

namespace pganalytics::base {

namespace {

std::string to_hex(const unsigned char* bytes, std::size_t count) {
    constexpr std::string_view hex_digits = "0123456789abcdef";
    std::string text;
    text.reserve(count * 2);
    for (std::size_t i = 0; i < count; ++i) {
        text += hex_digits[bytes[i] >> 4];
        text += hex_digits[bytes[i] & 0xF];
    }
    return text;
}

}  // namespace

void StableHash::add(std::string_view bytes) {
    constexpr std::uint64_t prime = 0x100000001b3ULL;
    for (const char byte : bytes) state_ = (state_ ^ static_cast<unsigned char>(byte)) * prime;
    // The length closes the field, so that ("ab", "c") and ("a", "bc") differ.
    add(static_cast<std::uint64_t>(bytes.size()));
}

void StableHash::add(std::uint64_t number) {
    constexpr std::uint64_t prime = 0x100000001b3ULL;
    for (int shift = 0; shift < 64; shift += 8) state_ = (state_ ^ ((number >> shift) & 0xFF)) * prime;
}

std::uint64_t StableHash::digest() const {
    std::uint64_t value = state_;
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    value ^= value >> 33;
    return value;
}

std::int64_t StableHash::positive_digest() const {
    const auto value = static_cast<std::int64_t>(digest() & 0x7fffffffffffffffULL);
    return value == 0 ? 1 : value;
}

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    check(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1,
          "SHA-256 is available");
    return to_hex(digest.data(), length);
}

std::string hmac_sha256_hex(std::string_view key, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    check(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(), &length) != nullptr,
          "HMAC-SHA-256 is available");
    return to_hex(digest.data(), length);
}

std::string random_hex(std::size_t bytes) {
    std::vector<unsigned char> buffer(bytes);
    check(RAND_bytes(buffer.data(), static_cast<int>(buffer.size())) == 1, "the random generator works");
    return to_hex(buffer.data(), buffer.size());
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace pganalytics::base
