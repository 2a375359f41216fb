#include "http/authentication.hpp"

#include <gtest/gtest.h>

namespace pganalytics::http {
namespace {

using namespace std::chrono_literals;
using base::ErrorCode;

struct AuthenticatorTest : testing::Test {
    base::Result<store::Token> ask(const std::string& header) {
        net::Request request;
        if (!header.empty()) request.headers.set("Authorization", header);
        return authenticator.authenticate(request);
    }

    base::ManualClock clock{base::Timestamp{}};
    int asked = 0;
    bool down = false;
    bool revoked = false;
    std::optional<base::Timestamp> expires_at;
    Authenticator authenticator{[this](const base::Secret& secret) -> base::Result<std::optional<store::Token>> {
                                    ++asked;
                                    if (down) return base::Error{ErrorCode::retry_later, "down", "", ""};
                                    if (revoked || secret.reveal() != "pga_good") return std::optional<store::Token>{};
                                    store::Token token;
                                    token.id = 7;
                                    token.role = store::Role::operator_;
                                    token.expires_at = expires_at;
                                    return std::optional(token);
                                },
                                clock};
};

TEST_F(AuthenticatorTest, KnowsAGoodToken) {
    const auto token = ask("Bearer pga_good");
    ASSERT_TRUE(token);
    EXPECT_EQ(token->id, 7);
    EXPECT_TRUE(ask("bearer  pga_good "));
}

TEST_F(AuthenticatorTest, RefusesEverythingElse) {
    for (const auto* header : {"", "Bearer", "Bearer ", "Basic pga_good", "pga_good", "Bearer pga_bad"}) {
        const auto token = ask(header);
        ASSERT_FALSE(token) << header;
        EXPECT_EQ(token.error().code, ErrorCode::not_authenticated) << header;
        EXPECT_EQ(token.error().to_string().find("pga_bad"), std::string::npos);
    }
}

TEST_F(AuthenticatorTest, SparesTheRepositoryForAWhile) {
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(ask("Bearer pga_good"));
    EXPECT_EQ(asked, 1);
    clock.advance(Authenticator::fresh_for);
    EXPECT_TRUE(ask("Bearer pga_good"));
    EXPECT_EQ(asked, 2);
}

TEST_F(AuthenticatorTest, ForgetsARevokedToken) {
    EXPECT_TRUE(ask("Bearer pga_good"));
    revoked = true;
    clock.advance(Authenticator::fresh_for);
    EXPECT_FALSE(ask("Bearer pga_good"));
    down = true;
    EXPECT_FALSE(ask("Bearer pga_good"));
}

TEST_F(AuthenticatorTest, KeepsAKnownTokenWhileTheRepositoryIsDown) {
    EXPECT_TRUE(ask("Bearer pga_good"));
    down = true;
    clock.advance(14min);
    EXPECT_TRUE(ask("Bearer pga_good"));
    clock.advance(1min);
    const auto late = ask("Bearer pga_good");
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::retry_later);
}

TEST_F(AuthenticatorTest, DoesNotRememberBeyondExpiry) {
    expires_at = base::Timestamp{} + 5s;
    EXPECT_TRUE(ask("Bearer pga_good"));
    clock.advance(5s);
    revoked = true;
    EXPECT_FALSE(ask("Bearer pga_good"));
}

}  // namespace
}  // namespace pganalytics::http
