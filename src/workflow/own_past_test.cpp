#include "workflow/own_past.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace pganalytics::workflow {
namespace {

using namespace std::chrono_literals;

store::HistoryPoint point(int hour, double mean_ms, std::int64_t calls = 10) {
    store::HistoryPoint made;
    made.begins = base::Timestamp(500'000h) + 1h * hour;
    made.length = 1h;
    made.sum.calls = calls;
    made.sum.total_exec_time_ms = mean_ms * static_cast<double>(calls);
    return made;
}

TEST(OwnPastTest, IsTheMedianWithAnIntervalThatCovers) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal(0, 0.3);
    int inside = 0;
    constexpr int statements = 600;
    for (int statement = 0; statement < statements; ++statement) {
        std::vector<store::HistoryPoint> past;
        for (int hour = 0; hour < 40; ++hour) past.push_back(point(hour, 2 * std::exp(normal(random))));
        const auto said = predict_from_own_past(past, 0.9).value();
        EXPECT_NEAR(std::exp(said.center), 2, 0.7);
        const double next = std::log(2) + normal(random);
        inside += next >= said.lower && next <= said.upper ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(inside) / statements, 0.9, 0.035);
}

TEST(OwnPastTest, ForgetsWhatWasBeforeALastingChange) {
    std::mt19937 random(4);
    std::normal_distribution<double> normal(0, 0.1);
    std::vector<store::HistoryPoint> past;
    for (int hour = 0; hour < 120; ++hour) past.push_back(point(hour, (hour < 100 ? 1 : 4) * std::exp(normal(random))));
    EXPECT_NEAR(std::exp(predict_from_own_past(past, 0.9)->center), 4, 0.5);
}

TEST(OwnPastTest, SaysNothingOfNothingAndPromisesNothingOfLittle) {
    EXPECT_FALSE(predict_from_own_past({}, 0.9));
    EXPECT_FALSE(predict_from_own_past({point(0, 0), point(1, 5, 0)}, 0.9));
    const auto few = predict_from_own_past({point(0, 3), point(1, 3)}, 0.9);
    ASSERT_TRUE(few);
    EXPECT_NEAR(std::exp(few->center), 3, 1e-9);
    EXPECT_TRUE(prediction::too_wide(*few));
}

}  // namespace
}  // namespace pganalytics::workflow
