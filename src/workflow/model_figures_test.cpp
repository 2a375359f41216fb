#include "workflow/model_figures.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace pganalytics::workflow {
namespace {

AnsweredTime answered(double said_ms, double happened_ms, double factor = 2) {
    const double center = std::log(said_ms);
    return {{center, center - std::log(factor), center + std::log(factor), 0.1, 0.5}, std::log(happened_ms)};
}

TEST(ModelFiguresTest, AreThoseOfTheirDefinitions) {
    const std::vector<AnsweredTime> answers{answered(10, 10), answered(10, 30), answered(80, 40)};
    const auto figures = figures_of(answers);
    EXPECT_NEAR(*figures.mae, (0 + 20 + 40) / 3.0, 1e-9);
    EXPECT_NEAR(*figures.rmse, std::sqrt((400 + 1600) / 3.0), 1e-9);
    EXPECT_NEAR(*figures.q_error_p50, 2, 1e-9);
    EXPECT_NEAR(*figures.interval_coverage, 2 / 3.0, 1e-9);
    EXPECT_LT(*figures.r_squared, 1);
    EXPECT_NEAR(mean_log_error(answers), (std::log(3) + std::log(2)) / 3, 1e-9);
    EXPECT_NEAR(mean_accuracy(answers), (1 + 1 / 3.0 + 0) / 3, 1e-9);
}

TEST(ModelFiguresTest, NothingAnsweredHasNoFigures) {
    EXPECT_FALSE(figures_of({}).mae);
    EXPECT_TRUE(std::isinf(mean_log_error({})));
}

TEST(ModelFiguresTest, TimesThatAreAllTheSameHaveNoShareToExplain) {
    const std::vector<AnsweredTime> answers{answered(10, 10), answered(11, 10)};
    EXPECT_FALSE(figures_of(answers).r_squared);
}

}  // namespace
}  // namespace pganalytics::workflow
