#include "http/authentication.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"

namespace pganalytics::http {

namespace {

base::Error unknown_caller(std::string message) {
    return base::Error{base::ErrorCode::not_authenticated, std::move(message),
                       "Send \"Authorization: Bearer <token>\"; `pganalytics token create` makes a token.", ""};
}

/// The credentials of the Bearer scheme, whose name is compared without regard to case (RFC 9110, 11.1).
std::optional<std::string_view> bearer(const net::Request& request) {
    const auto value = request.headers.find("Authorization");
    constexpr std::size_t scheme = 7;
    if (!value || value->size() <= scheme || base::to_lower(value->substr(0, scheme)) != "bearer ") return std::nullopt;
    return base::trim(value->substr(scheme));
}

}  // namespace

base::Result<store::Token> Authenticator::authenticate(const net::Request& request) {
    const auto given = bearer(request);
    if (!given) return unknown_caller("This needs a token.");
    const std::string key = base::sha256_hex(*given);
    const auto now = clock_.monotonic();
    std::optional<Remembered> known;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = remembered_.find(key); found != remembered_.end()) known = found->second;
    }
    const bool expired = known && known->token.expires_at && *known->token.expires_at <= clock_.now();
    if (known && !expired && now - known->verified_at < fresh_for) return known->token;

    auto verified = verifier_(base::Secret(std::string(*given)));
    if (!verified) {
        if (known && !expired && now - known->verified_at < kept_for) return known->token;
        return std::move(verified).error();
    }
    const std::lock_guard lock(mutex_);
    if (!*verified) {
        remembered_.erase(key);
        return unknown_caller("The token is not valid here: unknown, expired or revoked.");
    }
    if (remembered_.size() >= most_remembered) {
        std::erase_if(remembered_, [&](const auto& entry) { return now - entry.second.verified_at >= fresh_for; });
        if (remembered_.size() >= most_remembered) remembered_.clear();
    }
    remembered_[key] = {**verified, now};
    return **verified;
}

}  // namespace pganalytics::http
