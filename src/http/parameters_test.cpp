#include "http/parameters.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace pganalytics::http {
namespace {

using testing::HasSubstr;

std::vector<std::string> faulty_fields(const Parameters& parameters) {
    std::vector<std::string> fields;
    if (const auto problem = parameters.problem()) {
        for (const auto& fault : problem->fields) fields.push_back(fault.field);
    }
    return fields;
}

TEST(PercentDecode, TurnsEscapesIntoBytes) {
    EXPECT_EQ(percent_decode("a%20b%2Fc", false), "a b/c");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    EXPECT_EQ(percent_decode("a+b", false), "a+b");
    EXPECT_EQ(percent_decode("%C3%A9", true), "é");
}

TEST(PercentDecode, RefusesWhatNoTextIs) {
    for (const auto* text : {"%", "%2", "%zz", "a%0", "%ff", "%C3", "%00"}) {
        EXPECT_EQ(percent_decode(text, true), std::nullopt) << text;
    }
}

RC_GTEST_PROP(PercentEncode, IsUndoneByDecoding, (const std::string& bytes)) {
    const auto decoded = percent_decode(percent_encode(bytes), true);
    if (decoded) {
        RC_ASSERT(*decoded == bytes);
    } else {
        // Only what PostgreSQL's text cannot hold is refused.
        RC_ASSERT(std::any_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0' || (c & 0x80) != 0; }));
    }
}

TEST(Parameters, ReadsEachKind) {
    Parameters parameters("limit=7&ratio=0.5&name=caf%C3%A9+noir&on=true&kind=b&verbose");
    constexpr std::array<std::string_view, 2> kinds{"a", "b"};
    EXPECT_EQ(parameters.integer("limit", 1, 10), 7);
    EXPECT_EQ(parameters.number("ratio", 0, 1), 0.5);
    EXPECT_EQ(parameters.text("name"), "café noir");
    EXPECT_EQ(parameters.boolean("on"), true);
    EXPECT_EQ(parameters.choice("kind", kinds), "b");
    EXPECT_TRUE(parameters.flag("verbose"));
    EXPECT_FALSE(parameters.flag("quiet"));
    EXPECT_EQ(parameters.integer("absent", 1, 10), std::nullopt);
    EXPECT_FALSE(parameters.problem());
}

TEST(Parameters, TellsEveryFaultAtOnce) {
    Parameters parameters("limit=0&min=nan&name=&on=yes&kind=c");
    constexpr std::array<std::string_view, 2> kinds{"a", "b"};
    EXPECT_FALSE(parameters.integer("limit", 1, 10));
    EXPECT_FALSE(parameters.number("min", 0, 1));
    EXPECT_FALSE(parameters.text("name"));
    EXPECT_FALSE(parameters.boolean("on"));
    EXPECT_FALSE(parameters.choice("kind", kinds));
    EXPECT_THAT(faulty_fields(parameters), testing::ElementsAre("limit", "min", "name", "on", "kind"));
    EXPECT_THAT(parameters.problem()->error.message, HasSubstr("limit must be an integer from 1 to 10"));
}

TEST(Parameters, RefusesIntegersThatAreNone) {
    for (const auto* text : {"", "1.5", "7x", " 7", "1e3", "99999999999999999999", "--1"}) {
        Parameters parameters(std::string("limit=") + percent_encode(text));
        EXPECT_FALSE(parameters.integer("limit", 1, 500)) << text;
        EXPECT_TRUE(parameters.problem()) << text;
    }
}

TEST(Parameters, NamesTheNearestOfAnUnknownOne) {
    Parameters parameters("databse_name=shop");
    EXPECT_FALSE(parameters.text("database_name"));
    const auto problem = parameters.problem();
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->fields.front().field, "databse_name");
    EXPECT_THAT(problem->fields.front().message, HasSubstr("database_name"));
}

TEST(Parameters, RefusesRepetitionLengthAndBrokenEscapes) {
    Parameters parameters("a=1&a=2&long=" + std::string(20, 'x') + "&bad=%ff");
    (void)parameters.text("a");
    (void)parameters.text("long", 10);
    (void)parameters.text("bad");
    EXPECT_THAT(faulty_fields(parameters), testing::ElementsAre("bad", "a", "long"));
}

TEST(Parameters, KeepsTheOthersInALinkToTheNextPage) {
    const Parameters parameters("limit=2&cursor=old&text=a%26b");
    EXPECT_EQ(parameters.with("cursor", "n/w"), "limit=2&text=a%26b&cursor=n%2Fw");
}

TEST(ParseQueryHash, TakesPositive63BitIntegers) {
    EXPECT_EQ(parse_query_hash("9223372036854775807", "query_hash").value(), base::QueryHash{9223372036854775807});
    for (const auto* text : {"0", "-1", "9223372036854775808", "12a", "", "1.0"}) {
        const auto parsed = parse_query_hash(text, "query_hash");
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().field, "query_hash");
    }
}

}  // namespace
}  // namespace pganalytics::http
