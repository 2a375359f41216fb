#include "workflow/peak_ahead.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace pganalytics::workflow {
namespace {

/// Four weeks of a daily wave that grows by `growth` an hour.
patterns::Series wave(double growth) {
    std::mt19937_64 engine(3);
    std::normal_distribution<> noise;
    patterns::Series series;
    series.begins = base::parse_rfc3339("2026-11-02T00:00:00Z").value();
    for (int hour = 0; hour < 28 * 24; ++hour) {
        series.values.push_back(1000 + growth * hour + 400 * std::sin(2 * std::numbers::pi * hour / 24) +
                                20 * noise(engine));
    }
    return series;
}

TEST(PeakAhead, IsSaidWhereTheLoadGrows) {
    const auto peak = peak_ahead(wave(1.5));
    ASSERT_TRUE(peak);
    EXPECT_GT(peak->upper_80, peak->most_seen);
    EXPECT_GE(peak->at, wave(1.5).ends());
    EXPECT_NE(to_words(*peak).find("more than any hour seen"), std::string::npos);
}

TEST(PeakAhead, IsNotSaidOfALoadThatStaysOrOfWhichTooLittleIsKnown) {
    EXPECT_FALSE(peak_ahead(wave(0)));
    auto young = wave(1.5);
    young.values.resize(300);
    EXPECT_FALSE(peak_ahead(young));
}

}  // namespace
}  // namespace pganalytics::workflow
