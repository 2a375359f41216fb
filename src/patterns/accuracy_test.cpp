#include "patterns/accuracy.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace pganalytics::patterns {
namespace {

TEST(Smape, is_in_percent_of_the_mean_size) {
    EXPECT_NEAR(*smape(std::vector<double>{100, 200}, std::vector<double>{110, 180}),
                (200 * 10.0 / 210 + 200 * 20.0 / 380) / 2, 1e-12);
    EXPECT_DOUBLE_EQ(*smape(std::vector<double>{0}, std::vector<double>{0}), 0);
    EXPECT_DOUBLE_EQ(*smape(std::vector<double>{0, std::nan("")}, std::vector<double>{5, 1}), 200);
    EXPECT_FALSE(smape(std::vector<double>{std::nan("")}, std::vector<double>{1}));
}

TEST(Mase, is_scaled_by_the_seasonal_naive_error_of_the_training_part) {
    EXPECT_DOUBLE_EQ(
        *mase(std::vector<double>{12, 14}, std::vector<double>{10, 10}, std::vector<double>{1, 5, 3, 9}, 2), 3 / 3.0);
    EXPECT_FALSE(mase(std::vector<double>{1}, std::vector<double>{1}, std::vector<double>{4, 4, 4}, 1));
}

// Expected values from a direct transcription of the competition's definition.
TEST(Naive2, adjusts_for_a_season_that_passes_the_test) {
    const std::vector<double> even{10, 20, 30, 15, 12, 23, 33, 16, 13, 25, 38, 19, 15, 27, 41, 20, 16, 30, 44};
    EXPECT_TRUE(is_seasonal(even, 4));
    const std::vector<double> expected{21.217808982155482, 16.437108882552337, 29.988888246046308, 44,
                                       21.217808982155482};
    const std::vector<double> made = naive2(even, 4, 5);
    for (std::size_t h = 0; h < expected.size(); ++h) EXPECT_NEAR(made[h], expected[h], 1e-9);

    const std::vector<double> odd{5, 9, 7, 6, 11, 8, 7, 12, 10, 8, 14, 11};
    const std::vector<double> odd_expected{8.707033886863776, 14.678271372905806, 11, 8.707033886863776};
    const std::vector<double> odd_made = naive2(odd, 3, 4);
    for (std::size_t h = 0; h < odd_expected.size(); ++h) EXPECT_NEAR(odd_made[h], odd_expected[h], 1e-9);
}

TEST(Naive2, is_naive_without_a_season) {
    const std::vector<double> values{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7};
    EXPECT_FALSE(is_seasonal(values, 4));
    EXPECT_EQ(naive2(values, 4, 2), (std::vector<double>{7, 7}));
}

TEST(M4Season, follows_the_sampling) {
    EXPECT_EQ(m4_season(3600), 24U);
    EXPECT_EQ(m4_season(300), 288U);
    EXPECT_EQ(m4_season(86400), 1U);
    EXPECT_EQ(m4_season(2629800), 12U);
    EXPECT_EQ(m4_season(7889400), 4U);
}

}  // namespace
}  // namespace pganalytics::patterns
