#include "base/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace pganalytics::base {
namespace {

TEST(Statistics, MedianIsTheMiddleOrBetweenTheTwo) {
    EXPECT_DOUBLE_EQ(median({9, 1, 5}), 5);
    EXPECT_DOUBLE_EQ(median({9, 1, 5, 2}), 3.5);
    EXPECT_TRUE(std::isnan(median({})));
}

TEST(Statistics, QuantileLiesOnTheLineBetweenOrderStatistics) {
    EXPECT_DOUBLE_EQ(quantile({40, 10, 30, 20}, 0.25), 17.5);
    EXPECT_DOUBLE_EQ(quantile({40, 10, 30, 20}, -1), 10);
    EXPECT_DOUBLE_EQ(quantile({40, 10, 30, 20}, 2), 40);
}

}  // namespace
}  // namespace pganalytics::base
