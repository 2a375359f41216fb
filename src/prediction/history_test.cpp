#include "prediction/history.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {
namespace {

using namespace std::chrono_literals;

/// Statements with levels of their own, which a model knows up to 0.8.
struct Past {
    std::vector<PastRun> runs;
    std::map<std::string, double> level;
};
Past made_up(int templates, int statements, int runs, double noise, std::uint32_t seed, bool timed = false) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    Past past;
    for (int t = 0; t < templates; ++t) {
        const double of_template = normal(random);
        for (int s = 0; s < statements; ++s) {
            const std::string id = std::to_string(t) + "-" + std::to_string(s);
            const double level = past.level[id] = 3 + of_template + 0.3 * normal(random);
            const double model = level + 0.8 * normal(random);
            const LogPrediction said{model, model - 1.3, model + 1.3, 0.64, 0.3};
            for (int r = 0; r < runs; ++r) {
                past.runs.push_back({id, "t" + std::to_string(t), level + noise * normal(random), model, said,
                                     timed ? base::Timestamp(r * 1h) : base::Timestamp{}, false});
            }
        }
    }
    return past;
}

const LogPrediction unsure{3, 0, 6, 1.5, 0.1};

TEST(HistoryTest, WithoutAPastTheModelSpeaks) {
    const auto answer = History().answer("a", "t", unsure, {});
    EXPECT_EQ(answer.source, History::Source::model);
    EXPECT_EQ(answer.prediction.center, unsure.center);
    const auto unknown = History::learn(made_up(5, 3, 4, 0.1, 1).runs).answer("new", "new", unsure, {});
    EXPECT_EQ(unknown.source, History::Source::model);
    EXPECT_EQ(unknown.history_share, 0);
}

TEST(HistoryTest, AKnownStatementIsPredictedByItsMedian) {
    const auto past = made_up(10, 4, 12, 0.1, 2);
    const auto history = History::learn(past.runs);
    std::map<std::string, std::vector<double>> times;
    for (const auto& run : past.runs) times[run.statement].push_back(run.log_ms);
    for (const auto& [id, level] : past.level) {
        const auto answer = history.answer(id, "t" + id.substr(0, id.find('-')), unsure, {});
        EXPECT_EQ(answer.source, History::Source::statement_history);
        EXPECT_NEAR(answer.prediction.center, median(times.at(id)), 0.02);
        EXPECT_GT(answer.history_share, 0.95);
    }
}

TEST(HistoryTest, ANewStatementLearnsFromItsTemplate) {
    const auto past = made_up(15, 5, 5, 0.1, 3);
    const auto history = History::learn(past.runs);
    ASSERT_TRUE(history.found().between);
    EXPECT_NEAR(*history.found().between, 0.3, 0.12);
    EXPECT_NEAR(history.found().noise, 0.1, 0.03);
    const auto answer = history.answer("7-new", "t7", unsure, {});
    EXPECT_EQ(answer.source, History::Source::template_history);
    double mean = 0;
    for (int s = 0; s < 5; ++s) mean += past.level.at("7-" + std::to_string(s)) / 5;
    EXPECT_NEAR(answer.prediction.center, mean, 0.5);
}

TEST(HistoryTest, OneNoisyRunIsWeighedAgainstAGoodModel) {
    auto past = made_up(20, 1, 1, 0.0, 4);
    const auto many = made_up(20, 1, 8, 0.8, 5).runs;
    for (auto run : many) {
        run.statement = "m" + run.statement;
        run.group = "m" + run.group;
        past.runs.push_back(run);
    }
    past.runs.push_back({"once", "alone", 9, 3, {3, 2.7, 3.3, 0.15, 0.9}, {}});
    const auto answer = History::learn(past.runs).answer("once", "alone", {3, 2.7, 3.3, 0.15, 0.9}, {});
    EXPECT_LT(answer.prediction.center, 5) << "a model that is never far off outweighs one run of a noisy kind";
    EXPECT_GT(answer.prediction.center, 3);
}

TEST(HistoryTest, TellsWhichStatementsAModelMisjudges) {
    std::vector<PastRun> past;
    for (const double run : {6.9, 7.0, 7.1}) {
        past.push_back({"as promised", "a", run, 7, {7.1, 6.7, 7.5, 0.2, 0.6}, {}, false});
        past.push_back({"misjudged", "b", run, 7, {6, 5.5, 6.5, 0.25, 0.6}, {}, false});
        past.push_back({"unknown", "c", run, 7, {6, -INFINITY, INFINITY, 0.25, 0.6}, {}, false});
    }
    const auto history = History::learn(past);
    EXPECT_LT(history.misjudged("as promised"), 1);
    EXPECT_NEAR(history.misjudged("misjudged"), 2, 1e-9);
    EXPECT_EQ(history.misjudged("unknown"), 0) << "what promises nothing is not contradicted";
    EXPECT_EQ(history.misjudged("never ran"), 0);
}

TEST(HistoryTest, IntervalsOfRepeatedStatementsCover) {
    for (const bool timed : {false, true}) {
        double inside = 0, count = 0;
        for (std::uint32_t seed = 0; seed < 6; ++seed) {
            const auto past = made_up(12, 3, 10, 0.2, 10 + seed, timed);
            const auto history = History::learn(past.runs);
            std::mt19937 random(seed);
            std::normal_distribution<double> normal;
            for (const auto& [id, level] : past.level) {
                for (int again = 0; again < 10; ++again) {
                    const auto said =
                        history.answer(id, "t" + id.substr(0, id.find('-')), unsure, base::Timestamp(11h)).prediction;
                    const double actual = level + 0.2 * normal(random);
                    inside += actual >= said.lower && actual <= said.upper ? 1 : 0;
                    ++count;
                }
            }
        }
        EXPECT_NEAR(inside / count, 0.9, 0.03) << (timed ? "timed" : "untimed");
    }
}

TEST(HistoryTest, NewerRunsCountMoreWhereTimesMove) {
    std::mt19937 random(6);
    std::normal_distribution<double> normal;
    std::vector<PastRun> past;
    for (int s = 0; s < 10; ++s) {
        for (int day = 0; day < 40; ++day) {
            const double log_ms = 2 + day * 0.1 + 0.05 * normal(random);
            past.push_back({std::to_string(s), "t", log_ms, 3, unsure, base::Timestamp(day * 24h)});
        }
    }
    const auto history = History::learn(past);
    ASSERT_TRUE(history.found().half_life_days);
    EXPECT_NEAR(history.answer("3", "t", unsure, base::Timestamp(40 * 24h)).prediction.center, 6, 0.4);
    const auto steady = History::learn(made_up(5, 4, 20, 0.1, 7, true).runs);
    EXPECT_FALSE(steady.found().half_life_days) << "where nothing moves all runs are worth the same";
}

TEST(HistoryTest, BelievesTheModelsDifferencesWithinAStatementWhereTheyHold) {
    std::mt19937 random(8);
    std::normal_distribution<double> normal;
    std::vector<PastRun> past;
    for (int s = 0; s < 10; ++s) {
        for (int r = 0; r < 12; ++r) {
            const double model = 3 + (r % 2 == 0 ? 0 : 2);  // warm and cold
            const LogPrediction said{model, model - 1, model + 1, 0.6, 0.3};
            past.push_back({std::to_string(s), "t", model + 0.5 + 0.05 * normal(random), model, said, {}});
        }
    }
    const auto history = History::learn(past);
    EXPECT_EQ(history.found().statement_slope, 1);
    EXPECT_NEAR(history.answer("1", "t", {5, 4, 6, 0.6, 0.3}, {}).prediction.center, 5.5, 0.1);
    EXPECT_NEAR(history.answer("1", "t", {3, 2, 4, 0.6, 0.3}, {}).prediction.center, 3.5, 0.1);
}

}  // namespace
}  // namespace pganalytics::prediction
