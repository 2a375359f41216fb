#include "workflow/quiet_window.hpp"

#include <gtest/gtest.h>

namespace pganalytics::workflow {
namespace {

patterns::Series hours(std::size_t days, double quiet) {
    patterns::Series series;
    series.begins = base::parse_rfc3339("2026-11-01T05:00:00Z").value();
    for (std::size_t i = 0; i < days * 24; ++i) {
        const std::size_t hour = (i + 5) % 24;
        series.values.push_back(hour == 23 || hour == 0 ? quiet : 100);
    }
    return series;
}

TEST(QuietWindow, IsFoundAcrossMidnight) {
    const auto window = quietest_hours(hours(14, 10));
    ASSERT_TRUE(window);
    EXPECT_EQ(window->begins_hour, 23);
    EXPECT_NEAR(window->share, 10 / (2210.0 / 24), 0.02);
    EXPECT_NE(to_words(*window).find("23:00 to 01:00 UTC"), std::string::npos) << to_words(*window);
}

TEST(QuietWindow, IsNotInventedWhereTheLoadIsEvenOrTooLittleIsKnown) {
    EXPECT_FALSE(quietest_hours(hours(14, 95)));
    EXPECT_FALSE(quietest_hours(hours(6, 10)));
    auto holes = hours(14, 10);
    for (std::size_t i = 0; i < holes.size(); ++i) {
        if ((i + 5) % 24 == 12) holes.values[i] = patterns::gap();
    }
    EXPECT_FALSE(quietest_hours(holes));
}

}  // namespace
}  // namespace pganalytics::workflow
