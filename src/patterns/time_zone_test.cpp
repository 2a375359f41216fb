#include "patterns/time_zone.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace pganalytics::patterns {
namespace {

base::Timestamp utc(int year, unsigned month, unsigned day, int hour) {
    return base::Timestamp{
               std::chrono::sys_days{std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day)}} +
           std::chrono::hours{hour};
}

TEST(TimeZone, reads_the_wall_clock_in_summer_and_winter) {
    const TimeZone zone = TimeZone::find("Europe/Berlin").value();
    const LocalTime summer = zone.local(utc(2026, 7, 6, 7));
    EXPECT_EQ(summer.hour, 9);
    EXPECT_EQ(summer.weekday, 0);
    EXPECT_EQ(summer.utc_offset_minutes, 120);
    EXPECT_EQ(zone.local(utc(2026, 1, 5, 7)).hour, 8);
}

TEST(TimeZone, knows_the_days_on_which_clocks_change) {
    const TimeZone zone = TimeZone::find("Europe/Berlin").value();
    EXPECT_DOUBLE_EQ(zone.hours_of_day(utc(2026, 3, 29, 12)), 23);
    EXPECT_DOUBLE_EQ(zone.hours_of_day(utc(2026, 10, 25, 12)), 25);
    EXPECT_DOUBLE_EQ(zone.hours_of_day(utc(2026, 6, 1, 12)), 24);
    EXPECT_TRUE(zone.changes_between(utc(2026, 3, 20, 0), utc(2026, 4, 2, 0)));
    EXPECT_FALSE(zone.changes_between(utc(2026, 4, 2, 0), utc(2026, 5, 2, 0)));
    EXPECT_FALSE(TimeZone().changes_between(utc(2026, 1, 1, 0), utc(2026, 12, 31, 0)));
}

TEST(TimeZone, says_what_to_do_about_an_unknown_name) {
    const auto found = TimeZone::find("Mars/Olympus");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, base::ErrorCode::fix_input);
    EXPECT_FALSE(found.error().hint.empty());
}

}  // namespace
}  // namespace pganalytics::patterns
