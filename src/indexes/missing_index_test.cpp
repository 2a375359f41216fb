#include "indexes/missing_index.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "sql/identity.hpp"
#include "support/case_file.hpp"

namespace pganalytics::indexes {
namespace {

using test_support::Case;

/// "public.orders (customer_id, placed)" of a CREATE INDEX statement.
std::string key_part(const std::string& statement) {
    const auto on = statement.find(" ON ");
    return on == std::string::npos ? statement : statement.substr(on + 4);
}

/// A planner with a price list: what each statement costs now, and under which indexes it costs less. An index also
/// does what its prefixes do. Nothing is computed that the selection under test computes too.
class PriceListPlanner final : public plan::Planner {
  public:
    struct Price {
        std::string statement;             ///< a part of its text
        std::vector<std::string> indexes;  ///< all needed; empty: as it is
        double cost = 0;
    };

    std::vector<Price> prices;
    std::string table = "orders";
    bool hypothetical = true;
    int calls = 0;

    base::Result<plan::PlannedStatement> plan(std::string_view statement, const plan::WhatIf& what_if) override {
        ++calls;
        plan::PlannedStatement planned;
        for (const std::string& definition : what_if.hypothetical_indexes) {
            planned.hypothetical.push_back({definition, fmt::format("<{}>x", 100 + planned.hypothetical.size()), {}});
        }
        const Price* best = nullptr;
        for (const Price& price : prices) {
            if (statement.find(price.statement) == std::string_view::npos || !available(price, what_if)) continue;
            if (best == nullptr || price.cost < best->cost) best = &price;
        }
        if (best == nullptr) {
            return base::Error{.code = base::ErrorCode::grant_access,
                               .message = "permission denied.",
                               .hint = "GRANT SELECT.",
                               .field = {}};
        }
        plan::Node& root = planned.plan.root;
        root.type = best->indexes.empty() ? plan::NodeType::seq_scan : plan::NodeType::bitmap_or;
        root.type_name = std::string(to_string(root.type));
        root.relation = table;
        root.total_cost = {best->cost};
        for (const std::string& index : best->indexes) {
            plan::Node& scan = root.children.emplace_back();
            scan.type = plan::NodeType::index_scan;
            scan.type_name = "Index Scan";
            scan.relation = table;
            scan.index_name = planned.hypothetical[position(index, what_if)].name;
        }
        planned.source =
            statement.find('$') == std::string_view::npos ? plan::PlanSource::literals : plan::PlanSource::generic;
        return planned;
    }

    base::Status can_hypothesize() override {
        if (hypothetical) return {};
        return base::Error{.code = base::ErrorCode::install_extension,
                           .message = "HypoPG is not installed.",
                           .hint = "CREATE EXTENSION hypopg.",
                           .field = {}};
    }

  private:
    /// The shortest supposed index that has the wanted keys in front.
    static std::size_t position(const std::string& index, const plan::WhatIf& what_if) {
        std::size_t best = what_if.hypothetical_indexes.size();
        for (std::size_t i = 0; i < what_if.hypothetical_indexes.size(); ++i) {
            const std::string keys = key_part(what_if.hypothetical_indexes[i]);
            const std::string prefix = index.substr(0, index.size() - 1);
            if (keys != index && !keys.starts_with(prefix + ',')) continue;
            const bool shorter = best == what_if.hypothetical_indexes.size() ||
                                 keys.size() < key_part(what_if.hypothetical_indexes[best]).size();
            if (shorter) best = i;
        }
        return best;
    }

    static bool available(const Price& price, const plan::WhatIf& what_if) {
        return std::ranges::all_of(price.indexes, [&](const std::string& index) {
            return position(index, what_if) < what_if.hypothetical_indexes.size();
        });
    }
};

std::vector<std::string> words(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> result;
    for (std::string word; stream >> word;) result.push_back(word);
    return result;
}

/// "id:int4:unique": name, type, number of different values (or "unique").
catalog::Column column_of(const std::string& text, int number, catalog::Relation& relation) {
    const auto parts = base::split(text, ':');
    catalog::Column column;
    column.number = number;
    column.name = parts.at(0);
    column.type = column.base_type = parts.at(1);
    column.type_category = column.type == "text"          ? "S"
                           : column.type == "bool"        ? "B"
                           : column.type == "timestamptz" ? "D"
                                                          : "N";
    column.has_btree_operator_class = column.type != "json";
    column.collation = column.type == "text" ? "default" : "";
    catalog::ColumnStatistics statistics;
    statistics.average_width = column.type == "int4" ? 4 : 8;
    statistics.distinct = parts.at(2) == "unique" ? -1 : std::stod(parts.at(2));
    column.statistics = statistics;
    if (parts.at(2) == "unique") relation.unique_keys.push_back({column.name});
    return column;
}

catalog::Index index_of(const catalog::Relation& relation, const std::string& name,
                        const std::vector<std::string>& columns) {
    catalog::Index index;
    index.schema = relation.schema;
    index.name = name;
    index.method = "btree";
    for (const std::string& column : columns) {
        const catalog::Column* found = relation.find_column(column);
        if (found == nullptr) continue;
        catalog::IndexKey key;
        key.column = column;
        key.column_number = found->number;
        index.keys.push_back(key);
    }
    index.valid = std::ranges::find(columns, "invalid") == columns.end();
    return index;
}

/// "orders 200000 2000 id:int4:unique …": name, rows, pages, columns.
catalog::Relation relation_of(const std::string& text, int number) {
    const auto parts = words(text);
    catalog::Relation relation;
    relation.oid = base::Oid{static_cast<std::uint32_t>(number)};
    relation.schema = "public";
    relation.name = parts.at(0);
    relation.rows = std::stod(parts.at(1));
    relation.pages = std::stod(parts.at(2));
    for (std::size_t i = 3; i < parts.size(); ++i) {
        relation.columns.push_back(column_of(parts[i], static_cast<int>(i) - 2, relation));
    }
    for (const auto& key : relation.unique_keys) {
        relation.indexes.push_back(index_of(relation, relation.name + '_' + key.front() + "_key", key));
        relation.indexes.back().unique = true;
    }
    return relation;
}

struct Scene {
    catalog::Database database;
    workload::Workload workload;
    PriceListPlanner planner;
    MissingIndexOptions options;
};

void add_relations(const std::map<std::string, std::string>& fields, catalog::Database& database) {
    database.search_path = {"public"};
    for (const std::string& line : base::split(fields.at("table"), '\n')) {
        database.relations.push_back(relation_of(line, static_cast<int>(database.relations.size()) + 1));
    }
    if (const auto partitions = fields.find("partition"); partitions != fields.end()) {
        for (const std::string& line : base::split(partitions->second, '\n')) {
            catalog::Relation& parent = database.relations.front();
            catalog::Relation part = parent;
            part.name = line;
            part.oid = base::Oid{static_cast<std::uint32_t>(database.relations.size()) + 1};
            part.partition_parent = parent.oid;
            part.kind = catalog::RelationKind::table;
            part.indexes.clear();
            parent.kind = catalog::RelationKind::partitioned_table;
            database.relations.push_back(std::move(part));
        }
    }
    if (const auto views = fields.find("view"); views != fields.end()) {
        for (const std::string& line : base::split(views->second, '\n')) {
            catalog::Relation view;
            view.schema = "public";
            view.name = line.substr(0, line.find(' '));
            view.kind = catalog::RelationKind::view;
            view.view_definition = line.substr(line.find(' ') + 1);
            view.columns = database.relations.front().columns;
            database.relations.push_back(std::move(view));
        }
    }
    if (const auto indexes = fields.find("index"); indexes != fields.end()) {
        for (const std::string& line : base::split(indexes->second, '\n')) {
            const auto parts = words(line);
            catalog::Relation& relation = database.relations.front();
            relation.indexes.push_back(index_of(relation, parts.front(), {parts.begin() + 1, parts.end()}));
        }
    }
}

/// "100 calls 2000 ms 100 rows | SELECT …"; without the part before the bar nothing is known but the text.
workload::ObservedStatement statement_of(const std::string& line) {
    workload::ObservedStatement statement;
    const auto bar = line.find(" | ");
    statement.text = bar == std::string::npos ? line : line.substr(bar + 3);
    statement.query_hash = sql::query_hash(statement.text);
    if (bar != std::string::npos) {
        const auto parts = words(line.substr(0, bar));
        statement.sum.calls = std::stoll(parts.at(0));
        statement.sum.total_exec_time_ms = std::stod(parts.at(2));
        statement.sum.rows = std::stoll(parts.at(4));
    }
    return statement;
}

/// "customer_id = $1: 40 public.orders (customer_id) + public.orders (total)"
PriceListPlanner::Price price_of(const std::string& line) {
    const auto colon = line.find(" : ");
    PriceListPlanner::Price price;
    price.statement = line.substr(0, colon);
    const std::string rest = line.substr(colon + 3);
    const auto blank = rest.find(' ');
    price.cost = std::stod(rest.substr(0, blank));
    if (blank == std::string::npos) return price;
    for (std::string text = rest.substr(blank + 1); !text.empty();) {
        const auto plus = text.find(" + ");
        price.indexes.push_back(text.substr(0, plus));
        text = plus == std::string::npos ? "" : text.substr(plus + 3);
    }
    return price;
}

Scene scene_of(const Case& one) {
    Scene scene;
    const auto fields = one.fields();
    add_relations(fields, scene.database);
    scene.planner.table = scene.database.relations.front().name;
    for (const std::string& line : base::split(fields.at("sql"), '\n')) {
        scene.workload.statements.push_back(statement_of(line));
        if (scene.workload.statements.back().sum.calls > 0) scene.workload.window = base::Minutes{10};
    }
    for (const std::string& line : base::split(fields.at("cost"), '\n')) scene.planner.prices.push_back(price_of(line));
    if (const auto lock = fields.find("lock_wait_share"); lock != fields.end()) {
        scene.options.lock_wait_share[scene.workload.statements.front().query_hash] = std::stod(lock->second);
    }
    if (const auto examples = fields.find("example"); examples != fields.end()) {
        scene.workload.statements.front().example_texts = base::split(examples->second, '\n');
    }
    scene.workload.database_name = "shop";
    return scene;
}

TEST(MissingIndexCases, AdviseWhatThePricesSay) {
    test_support::run_case_folder(PGANALYTICS_SOURCE_DIR "/tests/cases/indexes", [](const Case& one) {
        Scene scene = scene_of(one);
        const auto findings = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
        std::string text;
        for (const advice::Advice& advice : findings.advice) {
            text += fmt::format("{}\nundo: {}\nserves: {}, {:.1f} % less\n", advice.statement,
                                advice.rollback_statement, advice.served.size(), advice.estimated_improvement_percent);
            for (const auto& fact : advice.evidence.facts) {
                if (fact.find("redundant") != std::string::npos) text += "fact: " + fact + '\n';
            }
        }
        for (const Note& note : findings.notes) text += "note: " + note.text + '\n';
        return text.empty() ? std::string("nothing") : text;
    });
}

Scene simple_scene() {
    Case one;
    one.input =
        "table: orders 200000 2000 id:int4:unique customer_id:int4:20000 total:int4:1000\n"
        "sql: 600 calls 12000 ms 6000 rows | SELECT * FROM orders WHERE customer_id = $1\n"
        "  600 calls 12 ms 600 rows | INSERT INTO orders VALUES ($1, $2, $3)\n"
        "cost: customer_id = $1 : 4000\n"
        "  customer_id = $1 : 40 public.orders (customer_id)\n"
        "  INSERT : 0.01";
    return scene_of(one);
}

TEST(MissingIndex, FillsTheEvidence) {
    Scene scene = simple_scene();
    const auto findings = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
    ASSERT_EQ(findings.advice.size(), 1u);
    const advice::Advice& advice = findings.advice.front();
    EXPECT_EQ(advice.rule, "missing_index_detected");
    EXPECT_EQ(advice.source, advice::SourceType::index);
    EXPECT_EQ(advice.identity, "missing_index_detected:public.orders (customer_id)");
    EXPECT_EQ(advice.statement, "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id)");
    EXPECT_DOUBLE_EQ(advice.confidence.mean(), 0.9);
    EXPECT_DOUBLE_EQ(advice.estimated_improvement_percent, 99);
    ASSERT_EQ(advice.served.size(), 1u);
    EXPECT_DOUBLE_EQ(advice.served.front().calls_per_minute, 60);
    EXPECT_DOUBLE_EQ(advice.served.front().share_of_benefit, 1);
    ASSERT_EQ(advice.evidence.costs.size(), 1u);
    EXPECT_EQ(advice.evidence.costs.front().before_shape, "Seq Scan on orders");
    EXPECT_EQ(advice.evidence.costs.front().after_shape, "Index Scan using orders_customer_id_idx on orders");
    EXPECT_TRUE(advice.evidence.costs.front().generic_plan);
    // 60 rows a minute, one entry each, at 12 ms / 600 rows / (1 index + 2), which is under the least.
    EXPECT_NEAR(*advice.evidence.write_cost_ms_per_minute, 60 * 0.02 / 3, 1e-9);
    EXPECT_GT(advice.evidence.storage->value, 1'000'000);
    EXPECT_FALSE(advice.evidence.not_checked.empty());
}

TEST(MissingIndex, IsTheSameFromRunToRun) {
    Scene scene = simple_scene();
    const auto first = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
    const auto second = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
    ASSERT_EQ(first.advice.size(), second.advice.size());
    EXPECT_EQ(first.advice.front().statement, second.advice.front().statement);
    EXPECT_EQ(first.advice.front().reasoning, second.advice.front().reasoning);
}

TEST(MissingIndex, SaysWhenThePlannerCouldNotBeAsked) {
    Scene scene = simple_scene();
    scene.planner.hypothetical = false;
    // The present plan is all that the model is given: the scan with its filter.
    const auto findings = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
    EXPECT_TRUE(findings.advice.empty()) << "the fake's plan has no filter, so nothing may be claimed";
    ASSERT_FALSE(findings.notes.empty());
    EXPECT_NE(findings.notes.front().text.find("HypoPG is not installed"), std::string::npos);
}

TEST(MissingIndex, LooksAtTheHeaviestStatementsOnlyAndSaysSo) {
    Scene scene = simple_scene();
    scene.options.maximum_statements = 1;
    const auto findings = find_missing_indexes(scene.workload, scene.database, scene.planner, scene.options);
    EXPECT_EQ(findings.advice.size(), 1u);
    ASSERT_EQ(findings.notes.size(), 1u);
    EXPECT_EQ(findings.notes.front().text, "Only the 1 heaviest of 2 statements were looked at.");
}

}  // namespace
}  // namespace pganalytics::indexes
