#include "simulation/history_plans.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "base/check.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "plan/plan.hpp"

namespace pganalytics::simulation {

namespace {

using Json = nlohmann::ordered_json;

/// Planner units a millisecond of a warm server, about.
constexpr double cost_of_a_millisecond = 110;
/// Standard deviation of log cost around log time.
constexpr double cost_spread = 0.35;
/// Statements over this read whole tables.
constexpr double slow_ms = 3;

std::vector<std::string> tables_of(const std::string& lower_text) {
    static const std::regex reference(R"(\b(?:from|join|update|into)\s+([a-z_][a-z0-9_]*))");
    std::vector<std::string> tables;
    for (auto found = std::sregex_iterator(lower_text.begin(), lower_text.end(), reference);
         found != std::sregex_iterator(); ++found) {
        const std::string name = (*found)[1];
        if (name != "select" && std::find(tables.begin(), tables.end(), name) == tables.end()) tables.push_back(name);
    }
    return tables;
}

class PlanWriter {
  public:
    PlanWriter(const SimulatedStatement& statement, std::uint64_t seed)
        : text_(base::to_lower(statement.text)), tables_(tables_of(text_)) {
        base::StableHash hash;
        hash.add(seed);
        hash.add("plan");
        hash.add(statement.name);
        random_.seed(hash.digest());
        spread_ = std::exp(cost_spread * normal_(random_));
        width_ = std::round(20 + 60 * std::exp(0.6 * normal_(random_)));
        rows_ = std::max(1.0, std::round(statement.rows_per_call * std::exp(0.5 * normal_(random_))));
    }

    /// As it is while the statement takes `mean_time_ms`; after a change it goes by an index of that change.
    [[nodiscard]] Json plan(double mean_time_ms, int changes) {
        index_suffix_ = changes == 0 ? "_pkey" : fmt::format("_v{}_idx", changes);
        const double cost = std::max(0.02, mean_time_ms * cost_of_a_millisecond * spread_);
        const bool slow = changes == 0 && mean_time_ms > slow_ms;
        Json node = source(0.9 * cost, slow);
        if (mentions("group by") || mentions("count(") || mentions("sum(")) {
            node = above(std::move(node), "Aggregate", 0.96 * cost, mentions("group by") ? rows_ : 1);
            node["Strategy"] = mentions("group by") ? "Hashed" : "Plain";
        }
        if (mentions("order by")) node = above(std::move(node), "Sort", 0.99 * cost, rows_);
        if (mentions("limit")) node = above(std::move(node), "Limit", cost, rows_);
        if (text_.starts_with("insert")) {
            node = above(std::move(node), "ModifyTable", cost, 0);
            node["Operation"] = "Insert";
        }
        return Json::array({Json{{"Plan", std::move(node)}}});
    }

  private:
    [[nodiscard]] bool mentions(std::string_view word) const { return text_.find(word) != std::string::npos; }

    [[nodiscard]] static Json costs(std::string_view type, double startup, double total, double rows, double width) {
        const auto cents = [](double value) { return std::round(value * 100) / 100; };
        return Json{{"Node Type", type},
                    {"Startup Cost", cents(startup)},
                    {"Total Cost", cents(total)},
                    {"Plan Rows", std::round(rows)},
                    {"Plan Width", width}};
    }

    [[nodiscard]] Json above(Json child, std::string_view type, double total, double rows) const {
        Json node = costs(type, child["Total Cost"], std::max(total, child["Total Cost"].get<double>()), rows, width_);
        child["Parent Relationship"] = "Outer";
        node["Plans"] = Json::array({std::move(child)});
        return node;
    }

    [[nodiscard]] Json scan(const std::string& table, double total, double rows, bool whole) const {
        Json node = whole ? costs("Seq Scan", 0, total, rows, width_)
                          : costs("Index Scan", std::min(0.29, total / 2), total, rows, width_);
        node["Relation Name"] = table;
        node["Alias"] = table;
        if (whole) {
            node["Filter"] = "(key = $1)";
        } else {
            node["Scan Direction"] = "Forward";
            node["Index Name"] = table + index_suffix_;
            node["Index Cond"] = "(key = $1)";
        }
        return node;
    }

    /// The tables, joined in the order of the text.
    [[nodiscard]] Json source(double total, bool slow) const {
        if (tables_.empty()) return costs("Result", 0, std::min(total, 0.01), 1, width_);
        const auto joins = static_cast<double>(tables_.size() - 1);
        const double share = total / (1 + 0.3 * joins);
        Json node = scan(tables_.front(), share, slow && joins > 0 ? 10 * rows_ : rows_, slow);
        for (std::size_t i = 1; i < tables_.size(); ++i) {
            const double reached = share * (1 + 0.3 * static_cast<double>(i));
            Json inner = scan(tables_[i], 0.2 * share, slow ? 5 * rows_ : 1, slow);
            inner["Parent Relationship"] = "Inner";
            node["Parent Relationship"] = "Outer";
            Json join = costs(slow ? "Hash Join" : "Nested Loop", slow ? 0.2 * share : 0.3, reached, rows_, 2 * width_);
            join["Join Type"] = "Inner";
            if (slow) {
                Json hash = costs("Hash", 0.2 * share, 0.2 * share, 5 * rows_, width_);
                hash["Parent Relationship"] = "Inner";
                inner["Parent Relationship"] = "Outer";
                hash["Plans"] = Json::array({std::move(inner)});
                inner = std::move(hash);
            }
            join["Plans"] = Json::array({std::move(node), std::move(inner)});
            node = std::move(join);
        }
        return node;
    }

    std::string text_, index_suffix_;
    std::vector<std::string> tables_;
    std::mt19937_64 random_;
    std::normal_distribution<double> normal_;
    double spread_ = 1, width_ = 8, rows_ = 1;
};

store::CapturedPlan captured(const SimulatedStatement& statement, const std::string& database_name, const Json& json,
                             base::Timestamp at) {
    store::CapturedPlan row;
    row.database_name = database_name;
    row.query_hash = statement.query_hash;
    row.captured_at = at;
    row.plan_json = json.dump();
    const auto parsed = plan::parse_explain_json(row.plan_json);
    base::check(parsed.has_value(), "a written plan reads as one");
    row.shape_hash = plan::shape_hash(*parsed);
    row.total_cost = parsed->total_cost().value;
    row.dml_as_select = false;
    return row;
}

}  // namespace

std::vector<store::CapturedPlan> captured_plans(const HistorySimulator& history) {
    const HistoryTruth& truth = history.truth();
    std::vector<store::CapturedPlan> plans;
    for (const SimulatedStatement& statement : history.statements()) {
        PlanWriter writer(statement, truth.seed);
        double factor = 1;
        int changes = 0;
        plans.push_back(captured(statement, truth.database_name, writer.plan(statement.mean_time_ms, 0), truth.begins));
        for (const PlantedSpan& change : truth.changes) {
            const auto& own = change.query_hashes;
            const bool meant = own.empty() || std::find(own.begin(), own.end(), statement.query_hash) != own.end();
            if (!meant || change.time_factor == 1) continue;
            factor *= change.time_factor;
            plans.push_back(captured(statement, truth.database_name,
                                     writer.plan(statement.mean_time_ms * factor, ++changes), change.begins));
        }
    }
    std::stable_sort(plans.begin(), plans.end(),
                     [](const auto& a, const auto& b) { return a.captured_at < b.captured_at; });
    return plans;
}

}  // namespace pganalytics::simulation
