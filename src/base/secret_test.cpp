#include "base/secret.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"

namespace pganalytics::base {
namespace {

constexpr std::string_view canary = "kanarienvogel";

TEST(Secret, NoFormOfConnectionStringShowsThePassword) {
    for (const std::string text : {
             "postgres://ada:kanarienvogel@db.example:5432/shop?sslmode=require",
             "postgresql://ada:kanarienvogel@/shop?host=/run/x",
             "postgresql://ada@db/shop?password=kanarienvogel&sslmode=disable",
             "postgresql://ada@db/shop?sslpassword=kanarienvogel",
             "postgresql://ada:kana@rienvogel@kanarienvogel@db/shop",
             "postgresql://ada:x/kanarienvogel@db/shop",
             "postgresql://ada:x?kanarienvogel@db/shop",
             "host=db password=kanarienvogel user=ada",
             "host=db password='kanarienvogel with blank' user=ada",
             "host=db password = 'it\\'s kanarienvogel'",
             "host=db PASSWORD=kanarienvogel",
             "password=kanarienvogel",
         }) {
        EXPECT_EQ(redact_conninfo(text).find(canary), std::string::npos) << redact_conninfo(text);
        EXPECT_EQ(redact_text("could not connect to " + text).find(canary), std::string::npos) << redact_text(text);
    }
}

TEST(Secret, TheRestStaysReadable) {
    EXPECT_EQ(redact_conninfo("postgres://ada:x@db:5432/shop"), "postgres://ada:***@db:5432/shop");
    EXPECT_EQ(redact_conninfo("host=db user=ada password=x"), "host=db user=ada password=***");
    EXPECT_EQ(redact_conninfo("service=prod"), "service=prod");
    EXPECT_EQ(redact_conninfo("shop"), "shop");
    EXPECT_EQ(redact_text("select 1"), "select 1");
}

TEST(Secret, StatementsThatSetPasswords) {
    EXPECT_EQ(redact_text("ALTER ROLE ada PASSWORD 'kanarienvogel'").find(canary), std::string::npos);
    EXPECT_EQ(redact_text("authorization: Bearer kanarienvogel").find(canary), std::string::npos);
}

TEST(Log, LinesCarryFieldsAndNoSecret) {
    const auto lines = std::make_shared<std::vector<std::string>>();
    const Log log(LogLevel::info, LogFormat::logfmt, lines);
    log.debug("unseen");
    log.with({"target", "db 1"}).info("connected", {{"ms", 12}, {"to", "postgres://a:kanarienvogel@h/d"}});
    ASSERT_EQ(lines->size(), 1U);
    EXPECT_NE(lines->front().find("event=connected target=\"db 1\" ms=12"), std::string::npos) << lines->front();
    EXPECT_EQ(lines->front().find(canary), std::string::npos);
}

TEST(Log, JsonKeepsNumbersAndEscapes) {
    const auto lines = std::make_shared<std::vector<std::string>>();
    Log(LogLevel::info, LogFormat::json, lines).warning("say \"hi\"", {{"n", 3}, {"text", "a\nb"}});
    ASSERT_EQ(lines->size(), 1U);
    EXPECT_NE(lines->front().find(R"("event":"say \"hi\"","n":3,"text":"a\nb")"), std::string::npos) << lines->front();
}

}  // namespace
}  // namespace pganalytics::base
