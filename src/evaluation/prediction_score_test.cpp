#include "evaluation/prediction_score.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "evaluation/prediction_score_figures.hpp"

namespace pganalytics::evaluation {
namespace {

/// Groups of plans whose time follows cost, with a factor of the group and noise.
prediction::Dataset made_up(int groups, int a_group, std::string_view group_field = "group") {
    std::mt19937 random(7);
    std::normal_distribution<double> noise;
    std::string lines;
    int minute = 0;
    for (int g = 0; g < groups; ++g) {
        const double factor = 0.5 * noise(random);
        for (int i = 0; i < a_group; ++i, ++minute) {
            const double cost = std::exp(4 + 2 * noise(random));
            const double ms = std::exp(std::log(cost) - 3 + factor + 0.2 * noise(random));
            lines += fmt::format(
                R"({{"id": "{0}-{1}", "group": "g{0}", "schema": "s{2}", "template": "t{0}", "at": "2026-11-01T{3:02}:{4:02}:00Z", "runtime_ms": {5}, )"
                R"("plan": [{{"Plan": {{"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Startup Cost": 0, )"
                R"("Total Cost": {6}, "Plan Rows": {7}, "Plan Width": 8}}}}]}})",
                g, i % 3, g % 2, minute / 60, minute % 60, ms, cost, std::ceil(cost * 3));
            lines += '\n';
        }
    }
    return prediction::read_samples(lines, group_field).value();
}

PredictionScoreOptions quick(prediction::ModelType type = prediction::ModelType::linear_regression) {
    PredictionScoreOptions options;
    options.type = type;
    options.bootstraps = 100;
    return options;
}

TEST(PredictionScoreTest, GivesEachFigureWithAnInterval) {
    const auto score = score_predictions(made_up(12, 10), std::nullopt, quick()).value();
    EXPECT_EQ(score["samples"], 120);
    EXPECT_EQ(score["groups"], 12);
    EXPECT_EQ(score["folds"], "leave-group-out");
    for (const char* name :
         {"/q_error/p50", "/q_error/p90", "/q_error/p95", "/q_error/mean", "/r_squared", "/rmse", "/mae", "/coverage",
          "/width_p50", "/infinite_share", "/unknown_share", "/ranking_accuracy", "/calibration_error"}) {
        const nlohmann::json::json_pointer at(name);
        const auto& figure = score["overall"].at(at);
        const auto& interval = score["overall"]["interval"].at(at);
        ASSERT_TRUE(figure.is_number()) << name;
        ASSERT_EQ(interval.size(), 2U) << name;
        EXPECT_LE(interval[0].get<double>(), figure.get<double>() + 1e-9) << name;
        EXPECT_GE(interval[1].get<double>(), figure.get<double>() - 1e-9) << name;
    }
    for (const char* baseline : {"cost_fit", "template_median", "boosted_trees"}) {
        EXPECT_TRUE(score["baselines"][baseline]["q_error"]["p90"].is_number()) << baseline;
        EXPECT_TRUE(score["baselines"][baseline]["coverage"].is_null()) << baseline;
        EXPECT_TRUE(score["paired_log_error"][baseline]["difference"].is_number()) << baseline;
    }
    EXPECT_FALSE(score["baselines"]["planner_cost"].contains("q_error"));
    EXPECT_GT(score["baselines"]["planner_cost"]["ranking_accuracy"], 0.8);
}

TEST(PredictionScoreTest, IsTheSameTwice) {
    const auto data = made_up(6, 8);
    EXPECT_EQ(score_predictions(data, std::nullopt, quick()).value(),
              score_predictions(data, std::nullopt, quick()).value());
}

TEST(PredictionScoreTest, TheMedianKnowsRepeatedStatementsOnly) {
    const auto data = made_up(8, 12);
    auto options = quick();
    options.folds = parse_prediction_folds("4").value();
    const auto repeated = score_predictions(data, std::nullopt, options).value();
    const auto unseen = score_predictions(data, std::nullopt, quick()).value();
    // An unseen group's median is everyone's median, whose order says nothing.
    EXPECT_NE(repeated["baselines"]["template_median"]["ranking_accuracy"],
              unseen["baselines"]["template_median"]["ranking_accuracy"]);
    EXPECT_EQ(repeated["samples"], 96);
    EXPECT_NE(repeated["baselines"]["statement_median"]["q_error"],
              repeated["baselines"]["template_median"]["q_error"]);
    EXPECT_TRUE(repeated["baselines"]["statement_median"]["interval"]["q_error"]["p90"].is_array());
    EXPECT_TRUE(repeated["paired_log_error"]["statement_median"]["interval"].is_array());
    EXPECT_FALSE(unseen["baselines"].contains("statement_median")) << "nothing was ever repeated";
    options.folds = parse_prediction_folds("time").value();
    const auto later = score_predictions(data, std::nullopt, options).value();
    EXPECT_LT(later["samples"], 96) << "the first part has nothing before it";
}

TEST(PredictionScoreTest, ATestFileIsAllThatIsScored) {
    const auto score = score_predictions(made_up(6, 8), made_up(2, 5), quick()).value();
    EXPECT_EQ(score["samples"], 10);
    EXPECT_EQ(score["folds"], "test");
}

TEST(PredictionScoreTest, AFittedLevelIsFittedForEveryPredictor) {
    const auto data = made_up(16, 8, "schema");
    auto options = quick();
    options.level = parse_prediction_level("fitted").value();
    const auto score = score_predictions(data, std::nullopt, options).value();
    EXPECT_EQ(score["level"], "fitted");
    EXPECT_EQ(score["samples"], 128);
    EXPECT_EQ(score["groups"], 2);
    const auto unseen = score_predictions(data, std::nullopt, quick()).value();
    EXPECT_NE(score["baselines"]["cost_fit"]["q_error"], unseen["baselines"]["cost_fit"]["q_error"]);
    EXPECT_EQ(score_predictions(made_up(16, 2), std::nullopt, options).error().code, base::ErrorCode::fix_input)
        << "no group has templates to fit a level to";
    EXPECT_FALSE(parse_prediction_level("high"));
}

TEST(PredictionScoreTest, LeavesStatementsOutWhereThereIsOneGroup) {
    std::string line =
        R"({"id": "a", "group": "g", "runtime_ms": 3, "plan": {"Node Type": "Result", "Total Cost": 1, "Plan Rows": 1}})";
    EXPECT_EQ(score_predictions(prediction::read_samples(line).value(), std::nullopt, quick()).error().code,
              base::ErrorCode::fix_input);
    std::string lines;
    for (const char* id : {"a", "b", "c", "d"}) {
        line.replace(line.find("\"id\": \"") + 7, 1, id);
        lines += line + '\n';
    }
    const auto score = score_predictions(prediction::read_samples(lines).value(), std::nullopt, quick()).value();
    EXPECT_EQ(score["folds"], "leave-statement-out");
    EXPECT_EQ(score["overall"]["infinite_share"], 1) << "three samples promise nothing";
}

TEST(PredictionScoreTest, ManyGroupsShareFolds) {
    const auto score = score_predictions(made_up(60, 2), std::nullopt, quick()).value();
    EXPECT_EQ(score["samples"], 120);
    EXPECT_EQ(score["groups"], 60);
}

TEST(PredictionScoreTest, SaysWhatIsNoWayToSplit) {
    EXPECT_FALSE(parse_prediction_folds("1"));
    EXPECT_FALSE(parse_prediction_folds("2.5"));
    EXPECT_FALSE(parse_prediction_folds("random"));
}

TEST(PredictionFiguresTest, KnownValues) {
    const ScoredSamples truth{{std::log(10), std::log(20), std::log(40), std::log(80)}, {0, 0, 1, 1}, 2};
    Predictions said{"said", {std::log(20), std::log(10), std::log(40), std::log(40)}, {}, {}, {}, false};
    const auto figures = PredictionFigures(truth, 50, 1).of(said);
    EXPECT_NEAR(figures["q_error"]["p50"].get<double>(), 2, 1e-9);
    EXPECT_NEAR(figures["q_error"]["mean"].get<double>(), 1.75, 1e-9);
    EXPECT_NEAR(figures["mae"].get<double>(), 15, 1e-9);
    // Six pairs: (10, 20) is turned round, (40, 80) is predicted equal.
    EXPECT_NEAR(figures["ranking_accuracy"].get<double>(), 4.5 / 6, 1e-9);
    EXPECT_TRUE(figures["coverage"].is_null());

    said.lower = {std::log(5), std::log(1), std::log(30), 0};
    said.upper = {std::log(30), std::log(15), std::log(50), INFINITY};
    said.within_30_percent = {0, 0, 1, 0};
    const auto with_intervals = PredictionFigures(truth, 50, 1).of(said);
    EXPECT_NEAR(with_intervals["coverage"].get<double>(), 0.75, 1e-9);
    EXPECT_NEAR(with_intervals["infinite_share"].get<double>(), 0.25, 1e-9);
    EXPECT_NEAR(with_intervals["unknown_share"].get<double>(), 0.25, 1e-9);
    EXPECT_NEAR(with_intervals["calibration_error"].get<double>(), 0, 1e-9);
}

TEST(PredictionFiguresTest, PairedDifferenceIsBelowZeroWhereOursIsBetter) {
    ScoredSamples truth;
    Predictions ours, theirs;
    for (int i = 0; i < 40; ++i) {
        truth.log_ms.push_back(i);
        truth.group.push_back(i / 4);
        ours.center.push_back(i + 0.1);
        theirs.center.push_back(i - 0.5);
    }
    truth.groups = 10;
    const auto paired = PredictionFigures(truth, 100, 1).paired(ours, theirs);
    EXPECT_NEAR(paired["difference"].get<double>(), -0.4, 1e-9);
    EXPECT_TRUE(paired["better"].get<bool>());
}

}  // namespace
}  // namespace pganalytics::evaluation
