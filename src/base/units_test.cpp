#include "base/units.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace pganalytics::base {
namespace {

TEST(Words, TimesInTheLargestUnit) {
    EXPECT_EQ(to_words(Milliseconds{0.0123}), "0.0123 ms");
    EXPECT_EQ(to_words(Milliseconds{1.234}), "1.23 ms");
    EXPECT_EQ(to_words(Milliseconds{3400}), "3.40 s");
    EXPECT_EQ(to_words(Milliseconds{306'000}), "5 min 6 s");
    EXPECT_EQ(to_words(Milliseconds{7'380'000}), "2 h 3 min");
}

TEST(Words, SizesAsPostgresqlNamesThem) {
    EXPECT_EQ(to_words(Bytes{512}), "512 B");
    EXPECT_EQ(to_words(kibibytes(8)), "8.00 kB");
    EXPECT_EQ(to_words(mebibytes(1434)), "1.40 GB");
}

TEST(Words, Thousands) {
    EXPECT_EQ(with_thousands(0), "0");
    EXPECT_EQ(with_thousands(999), "999");
    EXPECT_EQ(with_thousands(-1234567), "-1,234,567");
}

TEST(Memory, PostgresqlNotation) {
    EXPECT_EQ(parse_memory("64MB").value(), mebibytes(64));
    EXPECT_EQ(parse_memory(" 65536 kB").value(), mebibytes(64));
    EXPECT_EQ(parse_memory("8192").value(), mebibytes(8));
    EXPECT_EQ(parse_memory("1.5GB").value(), mebibytes(1536));
    EXPECT_FALSE(parse_memory("64mb").has_value());
    EXPECT_FALSE(parse_memory("").has_value());
    EXPECT_EQ(to_memory_setting(mebibytes(6)), "6MB");
    EXPECT_EQ(to_memory_setting(kibibytes(6400)), "6400kB");
}

RC_GTEST_PROP(Memory, SettingsParseBack, ()) {
    const auto size = kibibytes(*rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 34));
    RC_ASSERT(parse_memory(to_memory_setting(size)).value() == size);
}

TEST(Time, Rfc3339) {
    EXPECT_EQ(to_rfc3339(parse_rfc3339("2026-11-22T08:30:00+01:00").value()), "2026-11-22T07:30:00Z");
    EXPECT_EQ(to_rfc3339(parse_rfc3339("2026-11-22T07:30:00.25Z").value()), "2026-11-22T07:30:00.250000Z");
    for (const auto* text :
         {"2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22", "2026-11-22T07:30:00", "", "x"}) {
        EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
    }
}

RC_GTEST_PROP(Time, RoundTrips, ()) {
    const Timestamp time{std::chrono::microseconds{*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000'000)}};
    RC_ASSERT(parse_rfc3339(to_rfc3339(time)).value() == time);
}

}  // namespace
}  // namespace pganalytics::base
