#include "postgres/server_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/connection.hpp"

namespace pganalytics::postgres {
namespace {

using base::ErrorCode;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ServerError, SqlStatesSayWhatTheCallerCanDo) {
    const auto code = [](std::string state) {
        return error_of_statement({std::move(state), "m", "", "", 0}, "u@h/d").code;
    };
    EXPECT_EQ(code("42601"), ErrorCode::fix_input);
    EXPECT_EQ(code("42P01"), ErrorCode::fix_input);
    EXPECT_EQ(code("42501"), ErrorCode::grant_access);
    EXPECT_EQ(code("42P07"), ErrorCode::conflict);
    EXPECT_EQ(code("57014"), ErrorCode::retry_later);
    EXPECT_EQ(code("55P03"), ErrorCode::retry_later);
    EXPECT_EQ(code("53100"), ErrorCode::retry_later);
    EXPECT_EQ(code("0A000"), ErrorCode::unsupported);
    EXPECT_EQ(code("28P01"), ErrorCode::connect_failed);
    EXPECT_EQ(code("3D000"), ErrorCode::connect_failed);
    EXPECT_EQ(code("25006"), ErrorCode::not_allowed);
    EXPECT_EQ(code("99999"), ErrorCode::internal);
}

TEST(ServerError, AFullDiskIsToldClearly) {
    const auto error = error_of_statement({"53100", "could not extend file", "", "Check free disk space.", 0}, "u@h/d");
    EXPECT_THAT(error.message, HasSubstr("The disk of u@h/d is full"));
    EXPECT_THAT(error.hint, HasSubstr("free space"));
}

TEST(ServerError, TheServersHintIsKeptWhereWeHaveNoBetter) {
    EXPECT_EQ(error_of_statement({"42703", "m", "", "Perhaps you meant x.", 0}, "u@h/d").hint, "Perhaps you meant x.");
}

TEST(ServerError, SecretsInAStatementsMessageAreBlanked) {
    const auto error = error_of_statement({"42601", "syntax error in PASSWORD 'hidden'", "", "", 0}, "u@h/d");
    EXPECT_THAT(error.to_string(), Not(HasSubstr("hidden")));
}

TEST(ServerError, LoginFailuresAreReadFromLibpqsVerboseWords) {
    const auto error = error_of_connecting(
        "connection to server at \"h\", port 5432 failed: FATAL:  28000: no pg_hba.conf entry for host \"1.2.3.4\"\n"
        "LOCATION:  ClientAuthentication, auth.c:1\n",
        "u@h:5432/d");
    EXPECT_EQ(error.code, ErrorCode::connect_failed);
    EXPECT_THAT(error.message, HasSubstr("Cannot connect to u@h:5432/d: no pg_hba.conf entry"));
    EXPECT_THAT(error.message, Not(HasSubstr("LOCATION")));
    EXPECT_THAT(error.hint, HasSubstr("pg_hba.conf"));
}

TEST(ServerError, OtherLanguagesAreUnderstoodByTheirState) {
    const auto error = error_of_connecting("FATAL:  53300: zu viele Verbindungen", "u@h/d");
    EXPECT_THAT(error.hint, HasSubstr("max_connections"));
}

TEST(ServerError, LibpqsOwnWordsGetAHint) {
    EXPECT_THAT(error_of_connecting("connection to server at \"h\" failed: Connection refused", "u@h/d").hint,
                HasSubstr("listen_addresses"));
    EXPECT_FALSE(error_of_connecting("something never heard of", "u@h/d").hint.empty());
}

}  // namespace
}  // namespace pganalytics::postgres
