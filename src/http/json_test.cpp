#include "http/json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pganalytics::http {
namespace {

TEST(ToText, PutsDigitsBesideEveryHash) {
    const Json value{{"query_hash", 9007199254740993},
                     {"inner", Json::array({Json{{"query_hash", 5}, {"fingerprint_hash", 6}}})}};
    const auto parsed = Json::parse(to_text(value));
    EXPECT_EQ(parsed["query_hash_text"], "9007199254740993");
    EXPECT_EQ(parsed["inner"][0]["query_hash_text"], "5");
    EXPECT_EQ(parsed["inner"][0]["fingerprint_hash_text"], "6");
}

TEST(ToText, GivesNoDigitsForNoHash) {
    const auto parsed = Json::parse(to_text(Json{{"query_hash", nullptr}}));
    EXPECT_TRUE(parsed["query_hash_text"].is_null());
}

TEST(ToText, ReplacesBytesThatAreNotUtf8) {
    const auto parsed = Json::parse(to_text(Json{{"text", "a\xff"}}));
    EXPECT_EQ(parsed["text"], "a\xEF\xBF\xBD");
}

TEST(ParseColumn, IsNullForWhatIsNotJson) {
    EXPECT_EQ(parse_column("{\"a\":1}")["a"], 1);
    EXPECT_TRUE(parse_column("").is_null());
    EXPECT_TRUE(parse_column("{").is_null());
}

TEST(NumberOrNull, KnowsThatJsonHasNoInfinity) {
    EXPECT_EQ(number_or_null(1.5), 1.5);
    EXPECT_TRUE(number_or_null(std::numeric_limits<double>::infinity()).is_null());
    EXPECT_TRUE(number_or_null(std::numeric_limits<double>::quiet_NaN()).is_null());
}

}  // namespace
}  // namespace pganalytics::http
