#include "net/message.hpp"

#include <gtest/gtest.h>

namespace pganalytics::net {
namespace {

TEST(Headers, AreFoundWhateverTheCase) {
    const Headers headers{{"Content-Type", "application/json"}};
    EXPECT_EQ(headers.find("content-type"), "application/json");
    EXPECT_EQ(headers.find("CONTENT-TYPE"), "application/json");
    EXPECT_EQ(headers.find("Content"), std::nullopt);
}

TEST(Headers, SetReplacesAllOfThatName) {
    Headers headers{{"Link", "a"}, {"ETag", "\"1\""}, {"link", "b"}};
    headers.set("LINK", "c");
    EXPECT_EQ(headers.size(), 2U);
    EXPECT_EQ(headers.find("link"), "c");
}

TEST(Headers, AddKeepsWhatIsThere) {
    Headers headers;
    headers.add("Set-Cookie", "a");
    headers.add("Set-Cookie", "b");
    EXPECT_EQ(headers.size(), 2U);
    EXPECT_EQ(headers.find("Set-Cookie"), "a");
}

TEST(ReasonPhrase, KnowsTheStatusesInUse) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(413), "Content Too Large");
    EXPECT_EQ(reason_phrase(299), "");
}

}  // namespace
}  // namespace pganalytics::net
