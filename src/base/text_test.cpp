#include "base/text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/base64.hpp"
#include "base/hash.hpp"

namespace pganalytics::base {
namespace {

TEST(Text, NearestName) {
    const std::vector<std::string> names{"queries", "recommendations", "analyze"};
    EXPECT_EQ(nearest_name("querise", names), "queries");
    EXPECT_EQ(nearest_name("analyse", names), "analyze");
    EXPECT_EQ(nearest_name("zzz", names), std::nullopt);
}

TEST(Text, FullStop) {
    EXPECT_EQ(with_full_stop("it broke"), "it broke.");
    EXPECT_EQ(with_full_stop("it broke."), "it broke.");
    EXPECT_EQ(with_full_stop("was it?"), "was it?");
    EXPECT_EQ(with_full_stop("cut off…"), "cut off…");
    EXPECT_EQ(with_full_stop(""), "");
}

RC_GTEST_PROP(Base64, RoundTrips, (const std::string& bytes)) {
    const auto text = to_base64url(bytes);
    RC_ASSERT(text.find_first_of("+/=") == std::string::npos);
    RC_ASSERT(from_base64url(text) == bytes);
}

TEST(Base64, RefusesWhatIsNot) {
    EXPECT_EQ(from_base64url("AA+A"), std::nullopt);
}

TEST(Text, OneLine) {
    EXPECT_EQ(one_line("  a\n\t b  ", 10), "a b");
    EXPECT_EQ(one_line("select äöü from x", 9), "select äö…");
    EXPECT_EQ(one_line("", 5), "");
}

TEST(Text, InvalidUtf8IsReplacedByteByByte) {
    EXPECT_EQ(to_valid_utf8("a\xff z"), "a\xEF\xBF\xBD z");
    EXPECT_EQ(to_valid_utf8("\xc0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(to_valid_utf8("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_EQ(to_valid_utf8("grün"), "grün");
}

RC_GTEST_PROP(Text, ValidUtf8IsAFixedPoint, (const std::string& bytes)) {
    const std::string once = to_valid_utf8(bytes);
    RC_ASSERT(to_valid_utf8(once) == once);
}

TEST(Hash, KnownAnswers) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2.
    EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(random_hex(32).size(), 64U);
    EXPECT_NE(random_hex(32), random_hex(32));
}

TEST(Hash, FieldsDoNotRunTogether) {
    StableHash one, two;
    one.add("ab");
    one.add("c");
    two.add("a");
    two.add("bc");
    EXPECT_NE(one.digest(), two.digest());
}

RC_GTEST_PROP(Hash, PositiveDigestsArePositive, (const std::string& bytes)) {
    StableHash hash;
    hash.add(bytes);
    RC_ASSERT(hash.positive_digest() > 0);
}

}  // namespace
}  // namespace pganalytics::base
