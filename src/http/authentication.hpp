#pragma once
// Bearer tokens (RFC 6750): who asks, and may they. What a token is, is the store's matter; here is the header field,
// and a short memory that spares the repository a look-up for each request. A revoked token works for up to
// `fresh_for` longer. While the repository is down, tokens verified within `kept_for` still read what needs no
// repository, /metrics above all: that is when the figures matter (docs/adr/0011-tokens-on-loopback.md).
// Thread-safe.

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/message.hpp"
#include "store/tokens.hpp"

namespace pganalytics::http {

/// nullopt: not a token of ours. An error: it cannot be known now.
using TokenVerifier = std::function<base::Result<std::optional<store::Token>>(const base::Secret&)>;

class Authenticator {
  public:
    Authenticator(TokenVerifier verifier, const base::Clock& clock) : verifier_(std::move(verifier)), clock_(clock) {}

    /// not_authenticated without a valid token; retry_later when that cannot be known.
    [[nodiscard]] base::Result<store::Token> authenticate(const net::Request& request);

    static constexpr std::chrono::seconds fresh_for{10};
    static constexpr std::chrono::minutes kept_for{15};

  private:
    struct Remembered {
        store::Token token;
        std::chrono::steady_clock::time_point verified_at;
    };
    static constexpr std::size_t most_remembered = 1000;

    TokenVerifier verifier_;
    const base::Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<std::string, Remembered> remembered_;  ///< by SHA-256 of the token
};

}  // namespace pganalytics::http
