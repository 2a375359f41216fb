#include "prediction/dataset.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace pganalytics::prediction {
namespace {

using nlohmann::json;

json plan() {
    return json::parse(R"json([{"Plan": {"Node Type": "Sort", "Startup Cost": 90.0, "Total Cost": 100.0,
      "Plan Rows": 500, "Plan Width": 40, "Sort Key": ["a"], "Plans": [
        {"Node Type": "Hash Join", "Parent Relationship": "Outer", "Join Type": "Inner", "Startup Cost": 1.0,
         "Total Cost": 80.0, "Plan Rows": 500, "Plan Width": 40, "Hash Cond": "(t.a = u.a)", "Workers Planned": 2,
         "Plans": [
          {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "t", "Alias": "t",
           "Startup Cost": 0.0, "Total Cost": 50.0, "Plan Rows": 5000, "Plan Width": 20, "Filter": "(b > 1)"},
          {"Node Type": "Hash", "Parent Relationship": "Inner", "Startup Cost": 9.0, "Total Cost": 9.0,
           "Plan Rows": 10, "Plan Width": 20, "Plans": [
            {"Node Type": "Index Scan", "Parent Relationship": "Outer", "Relation Name": "u", "Alias": "u",
             "Index Name": "u_pkey", "Startup Cost": 0.1, "Total Cost": 8.0, "Plan Rows": 10, "Plan Width": 20,
             "Index Cond": "(a < 9)"}]}]}]}}])json");
}

std::string line(const json& of_plan) {
    return json{{"id", "a"}, {"group", "g"}, {"plan", of_plan}, {"runtime_ms", 12.5}}.dump();
}

/// What EXPLAIN (ANALYZE, BUFFERS, WAL, SETTINGS) adds to a node.
void execute(json& node, double scale) {
    node["Actual Startup Time"] = 1.5 * scale;
    node["Actual Total Time"] = 77.0 * scale;
    node["Actual Rows"] = 123456.0 * scale;
    node["Actual Loops"] = 3 * scale;
    for (const char* counter : {"Shared Hit Blocks",
                                "Shared Read Blocks",
                                "Shared Dirtied Blocks",
                                "Shared Written Blocks",
                                "Local Hit Blocks",
                                "Local Read Blocks",
                                "Temp Read Blocks",
                                "Temp Written Blocks",
                                "I/O Read Time",
                                "I/O Write Time",
                                "WAL Records",
                                "WAL Bytes",
                                "Workers Launched",
                                "Rows Removed by Filter",
                                "Rows Removed by Index Recheck",
                                "Rows Removed by Join Filter",
                                "Heap Fetches",
                                "Sort Space Used",
                                "Hash Buckets",
                                "Original Hash Buckets",
                                "Hash Batches",
                                "Original Hash Batches",
                                "Peak Memory Usage",
                                "HashAgg Batches",
                                "Disk Usage",
                                "Cache Hits",
                                "Cache Misses",
                                "Cache Evictions",
                                "Cache Overflows",
                                "Exact Heap Blocks",
                                "Lossy Heap Blocks",
                                "Index Searches"}) {
        node[counter] = static_cast<int>(1000 * scale);
    }
    node["Sort Method"] = "external merge";
    node["Sort Space Type"] = "Disk";
    node["Workers"] = json::array({{{"Worker Number", 0}, {"Actual Rows", 5}, {"Actual Total Time", 9.0}}});
    if (node.contains("Plans")) {
        for (auto& child : node["Plans"]) execute(child, scale * 1.7);
    }
}

TEST(DatasetTest, NothingThatOnlyExecutionKnowsChangesAFeature) {
    const auto before = read_samples(line(plan())).value();
    for (const double scale : {0.001, 1.0, 1000.0}) {
        json executed = plan();
        execute(executed[0]["Plan"], scale);
        executed[0]["Execution Time"] = 4711.0 * scale;
        executed[0]["Planning Time"] = 47.0 * scale;
        executed[0]["Planning"] = {{"Shared Hit Blocks", 99}};
        executed[0]["Triggers"] = json::array({{{"Trigger Name", "x"}, {"Time", 5.0}, {"Calls", 7}}});
        executed[0]["JIT"] = {{"Functions", 3}, {"Timing", {{"Total", 55.0 * scale}}}};
        json without_jit = plan();
        without_jit[0]["JIT"] = {{"Functions", 3}};
        const auto after = read_samples(line(executed)).value();
        const auto estimates = read_samples(line(without_jit)).value();
        for (std::size_t i = 0; i < before[0].features.size(); ++i) {
            const auto& name = feature_definitions()[i].name;
            const double expected = estimates[0].features[i], actual = after[0].features[i];
            EXPECT_TRUE(expected == actual || (std::isnan(expected) && std::isnan(actual))) << name;
            if (name.starts_with("jit")) continue;
            EXPECT_TRUE(before[0].features[i] == actual || (std::isnan(actual) && std::isnan(before[0].features[i])))
                << name;
        }
    }
}

TEST(DatasetTest, AnotherEstimateDoesChangeFeatures) {
    json other = plan();
    other[0]["Plan"]["Plans"][0]["Plans"][0]["Plan Rows"] = 9;
    const auto before = read_samples(line(plan())).value(), after = read_samples(line(other)).value();
    int changed = 0;
    for (std::size_t i = 0; i < before[0].features.size(); ++i)
        changed += before[0].features[i] != after[0].features[i] && !std::isnan(after[0].features[i]) ? 1 : 0;
    EXPECT_GT(changed, 5);
}

TEST(DatasetTest, GroupsByTheFieldAskedFor) {
    json of_line = json::parse(line(plan()));
    of_line["schema"] = "shop";
    EXPECT_EQ(read_samples(of_line.dump(), "schema").value()[0].group, "shop");
    EXPECT_EQ(read_samples(of_line.dump()).value()[0].group, "g");
    const auto missing = read_samples(of_line.dump(), "template");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, base::ErrorCode::fix_input);
    EXPECT_EQ(missing.error().message, "Line 1: \"template\" is missing");
}

TEST(DatasetTest, WithoutAnyGroupEachIdIsOne) {
    json grouped = json::parse(line(plan())), ungrouped = grouped;
    ungrouped.erase("group");
    const std::string none = ungrouped.dump();
    EXPECT_EQ(read_samples(none).value()[0].group, "a");
    EXPECT_FALSE(read_samples(none, "group")) << "asked for by name";
    const auto some = read_samples(grouped.dump() + "\n" + none);
    ASSERT_FALSE(some);
    EXPECT_EQ(some.error().message, "Line 2: \"group\" is missing");
    ungrouped["group"] = nullptr;
    EXPECT_FALSE(read_samples(grouped.dump() + "\n" + ungrouped.dump())) << "null is no group";
}

TEST(DatasetTest, ReadsObservationWeightAndTime) {
    json of_line = json::parse(line(plan()));
    of_line["observation"] = {{"cache_hit_ratio", 0.25}, {"index_count", 4}};
    of_line["weight"] = 3;
    of_line["at"] = "2026-11-01T12:00:00Z";
    const auto sample = read_samples(of_line.dump()).value().front();
    EXPECT_EQ(sample.features[find_feature("cache_hit_ratio").value()], 0.25);
    EXPECT_EQ(sample.features[find_feature("index_count").value()], 4);
    EXPECT_TRUE(std::isnan(sample.features[find_feature("query_calls_per_hour").value()])) << "missing is missing";
    EXPECT_EQ(sample.weight, 3);
    EXPECT_EQ(base::to_rfc3339(sample.at), "2026-11-01T12:00:00Z");
}

TEST(DatasetTest, NamesTheLineThatCannotBeRead) {
    const auto refused = [](const std::string& text) { return read_samples(text).error(); };
    EXPECT_EQ(refused("").code, base::ErrorCode::fix_input);
    EXPECT_NE(refused(line(plan()) + "\n{\"id\": 3}").message.find("Line 2"), std::string::npos);
    json of_line = json::parse(line(plan()));
    for (const json& runtime : {json(0), json(-3), json("12"), json()}) {
        of_line["runtime_ms"] = runtime;
        EXPECT_EQ(refused(of_line.dump()).code, base::ErrorCode::fix_input) << runtime;
    }
    EXPECT_FALSE(read_samples("[1, 2]"));
    EXPECT_FALSE(read_samples("not json"));
}

}  // namespace
}  // namespace pganalytics::prediction
