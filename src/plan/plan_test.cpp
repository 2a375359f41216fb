#include "plan/plan.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "plan/describe.hpp"
#include "plan/features.hpp"
#include "support/case_file.hpp"

namespace pganalytics::plan {
namespace {

using nlohmann::json;

json leaf(std::string type = "Seq Scan") {
    return {{"Node Type", std::move(type)},
            {"Startup Cost", 0.0},
            {"Total Cost", 10.0},
            {"Plan Rows", 5},
            {"Plan Width", 8}};
}

/// A plan of `levels` nodes, each the only child of the one above.
json chain(int levels) {
    json node = leaf();
    for (int i = 1; i < levels; ++i) {
        json above = leaf("Materialize");
        above["Plans"] = json::array({std::move(node)});
        node = std::move(above);
    }
    return node;
}

std::string fields_in_words(const Node& node) {
    std::string words = to_words(node);
    if (node.sort_space_kb) words += " | " + node.sort_method + ' ' + node.sort_space_type;
    if (node.hash_batches) words += " | batches " + std::to_string(*node.hash_batches);
    if (node.workers_planned > 0) words += " | workers " + std::to_string(node.workers_planned);
    for (const auto& [name, value] : node.other) words += " | other " + name;
    return words;
}

TEST(PlanCases, ReadAsPostgresqlPrintsThem) {
    test_support::run_case_folder(PGANALYTICS_SOURCE_DIR "/tests/cases/plan", [](const test_support::Case& one) {
        const auto plan = parse_explain_json(one.input);
        if (!plan) return plan.error().to_string();
        // Times differ from machine to machine; the case pins what the planner said.
        std::string text = to_text(without_actuals(*plan));
        for_each_node(plan->root, [&](const Node& node, int depth) {
            text += std::string(static_cast<std::size_t>(depth), '.') + fields_in_words(node) + '\n';
        });
        return text + "shape " + std::to_string(shape_hash(*plan));
    });
}

TEST(ParseExplain, TakesTheThreeFormsOfADocument) {
    const json node = leaf();
    for (const json& document : {json::array({{{"Plan", node}, {"Planning Time", 0.5}}}), json{{"Plan", node}}, node}) {
        const auto plan = parse_explain_json(document.dump());
        ASSERT_TRUE(plan) << document;
        EXPECT_EQ(plan->root.type, NodeType::seq_scan);
        EXPECT_DOUBLE_EQ(plan->total_cost().value, 10);
    }
}

TEST(ParseExplain, KeepsWhatItDoesNotKnow) {
    json node = leaf("Quantum Scan");
    node["Entanglement"] = {{"pairs", 3}};
    node["Plan Rows"] = "many";  // of the wrong type
    const auto plan = from_json(node);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->root.type, NodeType::unknown);
    EXPECT_EQ(plan->root.type_name, "Quantum Scan");
    EXPECT_EQ(plan->root.other.at("Entanglement"), R"({"pairs":3})");
    EXPECT_EQ(plan->root.other.at("Plan Rows"), R"("many")");
    EXPECT_EQ(to_words(plan->root), "Quantum Scan");
}

TEST(ParseExplain, ReadsFieldsOfNewerVersions) {
    const auto plan = parse_explain_json(R"json([{"Plan": {"Node Type": "Index Scan", "Parallel Aware": false,
        "Async Capable": false, "Disabled": true, "Scan Direction": "Forward", "Index Name": "i", "Relation Name": "t",
        "Alias": "t", "Startup Cost": 0.1, "Total Cost": 8.2, "Plan Rows": 1, "Plan Width": 4, "Actual Rows": 0.33,
        "Actual Loops": 3, "Index Cond": "(a = 1)", "Index Searches": 3}, "Planning": {"Memory Used": 21},
        "Query Identifier": -5}])json");
    ASSERT_TRUE(plan);
    EXPECT_TRUE(plan->root.disabled);
    EXPECT_DOUBLE_EQ(plan->root.actuals->rows, 0.33);
    EXPECT_EQ(plan->root.other.at("Index Searches"), "3");
    EXPECT_EQ(plan->planning_memory_kb, 21);
    EXPECT_EQ(plan->query_identifier, -5);
    EXPECT_TRUE(without_actuals(*plan).root.other.empty());
}

TEST(ParseExplain, RefusesWhatIsNoPlan) {
    for (const char* text :
         {"", "null", "[]", "[1]", "{}", "{\"Plan\": 3}", "[{\"Plan\": {}}]", "[{},{}]", "{\"Node Type\": 7}",
          R"({"Node Type": "Sort", "Plans": {}})", R"({"Node Type": "Sort", "Plans": [null]})", "not json"}) {
        const auto plan = parse_explain_json(text);
        ASSERT_FALSE(plan) << text;
        EXPECT_EQ(plan.error().code, base::ErrorCode::fix_input) << text;
    }
}

TEST(ParseExplain, HoldsItsCapsAgainstHostileDocuments) {
    const auto code = [](const base::Result<Plan>& plan) { return plan.error().code; };
    EXPECT_TRUE(parse_explain_json(chain(2000).dump()));
    EXPECT_EQ(code(parse_explain_json(chain(2001).dump())), base::ErrorCode::too_large);
    EXPECT_EQ(code(parse_explain_json(std::string(2'000'000, '['))), base::ErrorCode::too_large);
    json wide = leaf("Append");
    wide["Plans"] = json::array();
    for (int i = 0; i < 50; ++i) wide["Plans"].push_back(leaf());
    EXPECT_TRUE(from_json(wide, 51));
    EXPECT_EQ(code(from_json(wide, 50)), base::ErrorCode::too_large);
    EXPECT_TRUE(parse_explain_json(R"({"Node Type": "Sort", "Workers Planned": 1e300, "Sort Space Used": -1e300})"));
}

RC_GTEST_PROP(ParseExplain, NeverCrashesOnDamagedText, ()) {
    std::string text = chain(4).dump();
    const int damages = *rc::gen::inRange(1, 6);
    for (int i = 0; i < damages; ++i) {
        text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
    }
    const auto plan = parse_explain_json(text);
    if (plan) RC_ASSERT(features(*plan).size() == feature_definitions().size());
}

/// A random tree of nodes with every kind of field.
json any_node(int depth) {
    json node = leaf(*rc::gen::element<std::string>("Seq Scan", "Hash Join", "Nested Loop", "Sort", "Aggregate"));
    node["Total Cost"] = *rc::gen::inRange(0, 100000) / 8.0;
    node["Plan Rows"] = *rc::gen::inRange(0, 100000);
    node["Relation Name"] = *rc::gen::element<std::string>("a", "b");
    node["Actual Total Time"] = *rc::gen::inRange(0, 1000);
    node["Actual Rows"] = 3;
    node["Shared Hit Blocks"] = 5;
    node["Rows Removed by Filter"] = 9;
    node["Sort Method"] = "quicksort";
    node["I/O Read Time"] = 0.1;
    const int children = depth > 0 ? *rc::gen::inRange(0, 3) : 0;
    for (int i = 0; i < children; ++i) {
        json child = any_node(depth - 1);
        child["Parent Relationship"] = i == 0 ? "Outer" : "Inner";
        node["Plans"].push_back(std::move(child));
    }
    return node;
}

void strip_actuals(json& node) {
    for (const char* name : {"Actual Total Time", "Actual Rows", "Shared Hit Blocks", "Rows Removed by Filter",
                             "Sort Method", "I/O Read Time"}) {
        node.erase(name);
    }
    if (node.contains("Plans")) {
        for (json& child : node["Plans"]) strip_actuals(child);
    }
}

RC_GTEST_PROP(WithoutActuals, EqualsAPlanThatNeverRan, ()) {
    const json ran = any_node(3);
    json planned = ran;
    strip_actuals(planned);
    const Plan a = without_actuals(*from_json(ran));
    const Plan b = *from_json(planned);
    RC_ASSERT(to_text(a) == to_text(b));
    RC_ASSERT(features(a) == features(b) || std::isnan(features(a)[27]));
    std::vector<const Node*> nodes;
    for_each_node(a.root, [&](const Node& node, int) { nodes.push_back(&node); });
    for (const Node* node : nodes) {
        RC_ASSERT(!node->actuals && !node->buffers && !node->rows_removed_by_filter && node->other.empty());
    }
}

RC_GTEST_PROP(ShapeHash, IgnoresNumbersAndSeesStructure, ()) {
    const json original = any_node(3);
    const auto hash = [](const json& node) { return shape_hash(*from_json(node)); };
    json numbers = original;
    numbers["Total Cost"] = 123456;
    numbers["Plan Rows"] = 1;
    numbers["Filter"] = "(a = 17)";
    RC_ASSERT(hash(numbers) == hash(original));
    json deeper = leaf("Limit");
    deeper["Plans"] = json::array({original});
    RC_ASSERT(hash(deeper) != hash(original));
    json elsewhere = original;
    elsewhere["Relation Name"] = "c";
    RC_ASSERT(hash(elsewhere) != hash(original));
}

TEST(ShapeHash, NamesAHypotheticalIndexLikeTheRealOne) {
    json node = leaf("Index Scan");
    node["Index Name"] = "<13447>btree_orders_customer_id";
    const auto hypothetical = shape_hash(*from_json(node));
    node["Index Name"] = "<99>btree_orders_customer_id";
    EXPECT_EQ(shape_hash(*from_json(node)), hypothetical);
}

TEST(Words, NameOperatorsAsExplainDoes) {
    Node node;
    node.type = NodeType::index_scan;
    node.type_name = "Index Scan";
    node.index_name = "<12>btree_orders_buyer";
    node.relation = "orders";
    node.alias = "o";
    EXPECT_EQ(to_words(node), "Index Scan using hypothetical index btree_orders_buyer on orders o");
    EXPECT_EQ(plain_index_name("<x>y"), "<x>y");
    EXPECT_FALSE(is_hypothetical_index("<>y"));
}

TEST(NodeTypes, GoThereAndBack) {
    for (int i = 0; i <= static_cast<int>(NodeType::hash); ++i) {
        const auto type = static_cast<NodeType>(i);
        EXPECT_EQ(parse_node_type(to_string(type)), type);
    }
    EXPECT_EQ(parse_node_type("Index Only Scan"), NodeType::index_only_scan);
    EXPECT_EQ(parse_node_type(""), NodeType::unknown);
}

double feature(const Plan& plan, std::string_view name) {
    const auto definitions = feature_definitions();
    for (std::size_t i = 0; i < definitions.size(); ++i) {
        if (definitions[i].name == name) return features(plan)[i];
    }
    ADD_FAILURE() << "no feature " << name;
    return -1;
}

TEST(Features, CountWorkTimesExecutions) {
    // Nested loop of 100 outer rows over an inner scan of 5 rows, itself one level down.
    json loop = leaf("Nested Loop");
    loop["Total Cost"] = 1200.0;
    loop["Plan Rows"] = 500;
    json outer = leaf();
    outer["Parent Relationship"] = "Outer";
    outer["Plan Rows"] = 100;
    outer["Relation Name"] = "a";
    json inner = leaf("Index Scan");
    inner["Parent Relationship"] = "Inner";
    inner["Relation Name"] = "b";
    inner["Index Cond"] = "(x = a.x)";
    loop["Plans"] = json::array({outer, inner});
    const Plan plan = *from_json(loop);
    EXPECT_DOUBLE_EQ(feature(plan, "nested_loop_pairs"), 500);
    EXPECT_DOUBLE_EQ(feature(plan, "max_executions"), 100);
    EXPECT_DOUBLE_EQ(feature(plan, "executed_rows"), 500 + 100 + 5 * 100);
    EXPECT_DOUBLE_EQ(feature(plan, "nested_loop_self_cost"), 1180);
    EXPECT_DOUBLE_EQ(feature(plan, "index_scan_rows"), 5);
    EXPECT_DOUBLE_EQ(feature(plan, "relation_count"), 2);
    EXPECT_DOUBLE_EQ(feature(plan, "depth"), 2);
    EXPECT_DOUBLE_EQ(feature(plan, "max_self_cost_share"), 1180.0 / 1200);
    EXPECT_TRUE(std::isnan(feature(*from_json(json{{"Node Type", "Result"}}), "max_self_cost_share")));
}

TEST(Features, HaveUniqueNames) {
    std::set<std::string> names;
    for (const auto& definition : feature_definitions())
        EXPECT_TRUE(names.insert(definition.name).second) << definition.name;
    EXPECT_GT(names.size(), 200u);
}

TEST(SelfCost, IsNeverNegative) {
    json limit = leaf("Limit");
    limit["Total Cost"] = 1.0;
    limit["Plans"] = json::array({leaf()});
    EXPECT_DOUBLE_EQ(from_json(limit)->root.self_cost().value, 0);
}

}  // namespace
}  // namespace pganalytics::plan
