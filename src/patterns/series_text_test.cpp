#include "patterns/series_text.hpp"

#include <gtest/gtest.h>

namespace pganalytics::patterns {
namespace {

TEST(ReadSeriesCsv, takes_the_usual_timestamps) {
    for (const char* text :
         {"timestamp,value\n2014-02-14 14:00:00,1\n2014-02-14 15:00:00,2\n2014-02-14 17:00:00,4\n",
          "2014-02-14T14:00:00Z,1\n2014-02-14T15:00:00Z,2\n2014-02-14T17:00:00Z,4\n",
          "2014/02/14 14:00;1\n2014/02/14 15:00;2\n2014/02/14 17:00;4\n",
          "2014-02-14 15:00:00+01:00,1\n2014-02-14 16:00:00+01:00,2\n2014-02-14 18:00:00+01:00,4\n",
          "1392386400,1\n1392390000,2\n1392397200,4\n", "1392386400000\t1\r\n1392390000000\t2\r\n1392397200000\t4"}) {
        const auto read = read_series_csv(text);
        ASSERT_TRUE(read) << text;
        EXPECT_TRUE(read->has_clock);
        EXPECT_EQ(base::to_rfc3339(read->series.begins), "2014-02-14T14:00:00Z") << text;
        ASSERT_EQ(read->series.size(), 4U) << text;
        EXPECT_DOUBLE_EQ(read->series.values[1], 2);
        EXPECT_TRUE(is_gap(read->series.values[2]));
    }
}

TEST(ReadSeriesCsv, takes_clocks_that_jitter_for_the_hours_they_mean) {
    std::string text;
    for (int hour = 0; hour < 48; ++hour)
        text += std::to_string(1392386400 + 3600 * hour + hour * hour % 41) + "," + std::to_string(hour) + "\n";
    const auto read = read_series_csv(text);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->series.step, base::Seconds{3600});
    ASSERT_EQ(read->series.size(), 48U);
    EXPECT_EQ(read->series.observed(), 48U);
    EXPECT_DOUBLE_EQ(read->series.values[47], 47);
}

TEST(ReadSeriesCsv, takes_days) {
    const auto read =
        read_series_csv("ds,y\n2007-12-10,9.5\n2007-12-11,8.5\n2007-12-12,\n2007-12-13,NaN\n2007-12-14,7\n");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->series.step, base::Seconds{86400});
    EXPECT_EQ(read->series.observed(), 3U);
    EXPECT_EQ(read->series.size(), 5U);
}

TEST(ReadSeriesCsv, takes_values_without_times) {
    for (const char* text : {"1.5\n2\n-3\n", "index,value\n0,1.5\n1,2\n2,-3\n", "value\n1.5\n2\n-3\n"}) {
        const auto read = read_series_csv(text);
        ASSERT_TRUE(read) << text;
        EXPECT_FALSE(read->has_clock);
        EXPECT_EQ(read->series.step, base::Seconds{3600});
        EXPECT_EQ(read->series.values, (std::vector<double>{1.5, 2, -3})) << text;
    }
}

TEST(ReadSeriesCsv, names_the_line_at_fault) {
    const auto read = read_series_csv("timestamp,value\n2014-02-14 14:00:00,1\n2014-02-14 15:00:00,abc\n");
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find("Line 3"), std::string::npos);
    EXPECT_FALSE(read_series_csv(""));
    EXPECT_FALSE(read_series_csv("timestamp,value\nyesterday,1\n"));
}

}  // namespace
}  // namespace pganalytics::patterns
