#pragma once
// Secrets at rest: AES-256-GCM (OpenSSL) with a random 96-bit nonce for each sealing; the context (whose secret it is)
// is authenticated, so that a sealed text copied to another row does not open. The key lies in a file of mode 0600
// outside the database. Format: "v1:" + base64(nonce ‖ ciphertext ‖ tag). Thread-safe (immutable).

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace pganalytics::store {

class SealingKey {
  public:
    /// From the file; made with 256 random bits where absent. grant_access when others may read it.
    [[nodiscard]] static base::Result<SealingKey> load_or_create(const std::filesystem::path& file);
    /// 32 bytes.
    [[nodiscard]] static base::Result<SealingKey> from_bytes(base::Secret bytes);

    [[nodiscard]] base::Result<std::string> seal(const base::Secret& plain, std::string_view context) const;
    /// not_allowed when it was sealed with another key or context, or was altered.
    [[nodiscard]] base::Result<base::Secret> open(std::string_view sealed, std::string_view context) const;

    /// A key of its own for each purpose (HMAC-SHA-256 of its name), as hex: to sign with what must not be the sealing
    /// key itself.
    [[nodiscard]] base::Secret derive(std::string_view purpose) const;

  private:
    explicit SealingKey(base::Secret key) : key_(std::move(key)) {}
    base::Secret key_;
};

}  // namespace pganalytics::store
