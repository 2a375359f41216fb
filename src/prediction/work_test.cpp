// Kinds of work of a plan, their prices, the level of another server, and the scale of expected errors.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "prediction/features.hpp"
#include "prediction/level_fit.hpp"
#include "prediction/plan_work.hpp"
#include "prediction/spread_scale.hpp"
#include "prediction/work_fit.hpp"

namespace pganalytics::prediction {
namespace {

double unit(const std::vector<double>& work, std::string_view name) {
    for (std::size_t i = 0; i < work.size(); ++i) {
        if (work_units()[i].name == name) return work[i];
    }
    ADD_FAILURE() << name;
    return 0;
}

/// A hundred outer rows, each looked up in an index at a cost of 2; the filter of the outer side calls a function.
constexpr std::string_view looked_up = R"json({"Node Type": "Nested Loop", "Startup Cost": 0, "Total Cost": 251,
  "Plan Rows": 100, "Plan Width": 8, "Plans": [
    {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "t", "Startup Cost": 0,
     "Total Cost": 50, "Plan Rows": 100, "Plan Width": 8, "Filter": "(lower(name) = 'x->>y'::text)"},
    {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Relation Name": "u", "Startup Cost": 0.4,
     "Total Cost": 2, "Plan Rows": 1, "Plan Width": 8, "Index Cond": "(id = t.id)"}]})json";

TEST(PlanWorkTest, CountsHowOftenTheInnerSideRuns) {
    const auto work = work_of(plan::parse_explain_json(looked_up).value(), {});
    EXPECT_NEAR(unit(work, "work_index_probes"), 100, 1e-6);
    EXPECT_NEAR(unit(work, "work_index_cost"), 200, 1e-6);
    EXPECT_NEAR(unit(work, "work_sequential_cost"), 50, 1e-6);
    EXPECT_NEAR(unit(work, "work_loop_cost"), 1, 1e-6) << "the parts add up to the whole";
    EXPECT_GT(unit(work, "work_called_functions"), 100);
    EXPECT_EQ(unit(work, "work_searched_documents"), 0) << "what stands in quotes is no operator";
    EXPECT_TRUE(std::isnan(unit(work, "work_cold_random_cost"))) << "unknown is not zero";
    const auto cold = work_of(plan::parse_explain_json(looked_up).value(), {std::nullopt, 1.0});
    EXPECT_NEAR(unit(cold, "work_cold_random_cost"), 200, 1e-6);
    EXPECT_EQ(unit(cold, "work_cold_files"), 3) << "a table, and an index with its table, however often they are read";
}

TEST(PlanWorkTest, ALimitStopsWhatIsBelow) {
    const auto work = work_of(plan::parse_explain_json(
                                  R"json({"Node Type": "Limit", "Startup Cost": 0, "Total Cost": 10, "Plan Rows": 10,
        "Plan Width": 8, "Plans": [{"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "t",
        "Startup Cost": 0, "Total Cost": 1000, "Plan Rows": 1000, "Plan Width": 8}]})json")
                                  .value(),
                              {});
    EXPECT_NEAR(unit(work, "work_sequential_cost"), 10, 1e-6);
    EXPECT_NEAR(unit(work, "work_sequential_rows"), 10, 1e-6);
}

TEST(WorkFitTest, FindsThePricesThatMadeTheTimes) {
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    const std::size_t scanned = find_feature("work_sequential_cost").value(),
                      sorted = find_feature("work_sort_comparisons").value();
    Matrix rows(feature_definitions().size());
    std::vector<double> target, weight;
    const auto row_of = [&](double scan, double sort) {
        std::vector<double> row(feature_definitions().size(), 0.0);
        row[scanned] = scan;
        row[sorted] = sort;
        return row;
    };
    for (int i = 0; i < 300; ++i) {
        const double scan = std::exp(5 + 2 * normal(random)), sort = std::exp(8 + 2 * normal(random));
        rows.add_row(row_of(scan, sort));
        target.push_back(std::log(0.01 * scan + 0.0008 * sort) + 0.1 * normal(random));
        weight.push_back(1);
    }
    const auto fit = WorkFit::fit(rows, target, weight, 300);
    const auto says = [&](double scan, double sort) {
        const auto row = row_of(scan, sort);
        return fit.log_ms(std::vector<float>(row.begin(), row.end()));
    };
    EXPECT_NEAR(says(1e6, 0), std::log(0.01 * 1e6), 0.4) << "beyond what was seen";
    EXPECT_NEAR(says(100, 1e6), std::log(0.01 * 100 + 0.0008 * 1e6), 0.3);
    const auto again = WorkFit::from_json(fit.to_json(), rows.columns()).value();
    EXPECT_EQ(again.to_json(), fit.to_json());
    EXPECT_FALSE(WorkFit::from_json(fit.to_json(), 1));
    std::vector<double> parts(rows.columns(), 0.0);
    double sum = fit.contribute(rows.row(0), 0.5, parts);
    for (const double part : parts) sum += part;
    EXPECT_NEAR(sum, 0.5 * fit.log_ms(rows.row(0)), 1e-9);
}

TEST(LevelTest, IsTheMedianOfWhatIsCountedHeldBackWhereLittleIs) {
    EXPECT_EQ(level_shift({}), 0);
    std::vector<CountedStatement> statements(99, CountedStatement{20, 10});
    statements.push_back({1e6, 1});
    EXPECT_NEAR(level_shift(statements), std::log(2.0), 0.02);
    EXPECT_LT(level_shift(std::vector<CountedStatement>(1, {20, 10})), 0.7 * std::log(2.0));
}

TEST(LevelTest, AStatementNeverSetsItsOwnLevel) {
    std::vector<LevelledRun> runs;
    for (int i = 0; i < 6; ++i) runs.push_back({"far", std::string(1, static_cast<char>('a' + i)), 3.0, 1.0});
    runs.push_back({"few", "a", 9.0, 1.0});
    const auto before = shifts_of_other_half(runs, 1);
    EXPECT_NEAR(before[0], 2.0 * 3 / 4, 1e-9) << "three statements of the other half";
    EXPECT_EQ(before[6], 0) << "one statement tells no level";
    for (std::size_t i = 0; i < 6; ++i) {
        auto changed = runs;
        changed[i].log_ms = 50;
        EXPECT_EQ(shifts_of_other_half(changed, 1)[i], before[i]);
    }
}

TEST(SpreadScaleTest, RaisesWhatIsExpectedWhereErrorsAreLarger) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    std::vector<double> centers, ratios, weights;
    for (int i = 0; i < 2000; ++i) {
        centers.push_back(i * 0.005);
        ratios.push_back(normal(random) * (i < 400 ? 3 : 1));
        weights.push_back(1);
    }
    const auto scale = SpreadScale::fit(centers, ratios, weights, 2000, 0.9);
    EXPECT_GT(scale.at(0.5), 1.8 * scale.at(8));
    EXPECT_EQ(scale.at(-100), scale.at(-200));
    EXPECT_EQ(SpreadScale::fit(centers, ratios, weights, 10, 0.9).at(0.5), 1) << "too few to tell";
    const auto again = SpreadScale::from_json(scale.to_json()).value();
    EXPECT_EQ(again.at(1.234), scale.at(1.234));
    auto damaged = scale.to_json();
    damaged["factor"][0] = -1;
    EXPECT_FALSE(SpreadScale::from_json(damaged));
}

}  // namespace
}  // namespace pganalytics::prediction
