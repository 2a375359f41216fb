#include "simulation/history_statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "simulation/shop_names.hpp"
#include "simulation/shop_workload.hpp"
#include "sql/identity.hpp"

namespace pganalytics::simulation {

namespace {

constexpr base::Oid database_oid{16384};
constexpr base::Oid user_oid{10};
/// A statement that runs once for each row of another one.
constexpr double rows_followed = 25;

class Chooser {
  public:
    Chooser(const Scenario& scenario, std::uint64_t seed, const ShopNames& names, std::vector<StatementPlan> plans)
        : scenario_(scenario), seed_(seed), names_(names), plans_(std::move(plans)) {}

    base::Result<HistoryStatements> run() {
        PGANALYTICS_RETURN_IF_ERROR(check_names(scenario_.traffic, "traffic"));
        for (const StatementPlan& plan : plans_) {
            const bool wanted = scenario_.traffic.empty() || contains(scenario_.traffic, plan.name);
            const double rate = rate_of(plan);
            if (wanted && rate > 0) add_traffic(plan, rate);
        }
        for (const PlannedBatch& batch : scenario_.batches) PGANALYTICS_RETURN_IF_ERROR(add_batch(batch));
        for (const auto& incident : scenario_.incidents) {
            PGANALYTICS_ASSIGN(auto chosen, indexes_of(incident.statements, "incident.statements"));
            result_.of_incident.push_back(std::move(chosen));
        }
        for (const auto& change : scenario_.changes) {
            PGANALYTICS_ASSIGN(auto chosen, indexes_of(change.statements, "change.statements"));
            result_.of_change.push_back(std::move(chosen));
        }
        return std::move(result_);
    }

  private:
    static bool contains(const std::vector<std::string>& list, const std::string& name) {
        return std::find(list.begin(), list.end(), name) != list.end();
    }

    [[nodiscard]] const StatementPlan* find_plan(const std::string& name) const {
        const auto found =
            std::find_if(plans_.begin(), plans_.end(), [&](const auto& plan) { return plan.name == name; });
        return found == plans_.end() ? nullptr : &*found;
    }

    [[nodiscard]] base::Error unknown(const std::string& name, std::string_view field) const {
        std::vector<std::string> known;
        for (const StatementPlan& plan : plans_) known.push_back(plan.name);
        const auto nearest = base::nearest_name(name, known);
        return {base::ErrorCode::fix_input, fmt::format("{}: the shop has no statement \"{}\"", field, name),
                nearest ? fmt::format("Did you mean \"{}\"?", *nearest)
                        : "samples/shop/workload.sql lists the statements that run on their own.",
                std::string(field)};
    }

    [[nodiscard]] base::Status check_names(const std::vector<std::string>& names, std::string_view field) const {
        for (const std::string& name : names) {
            if (find_plan(name) == nullptr) return unknown(name, field);
        }
        return {};
    }

    /// Calls a second at a load of 1.
    [[nodiscard]] double rate_of(const StatementPlan& plan) const {
        if (plan.follows.empty()) return plan.rate * plan.repeat;
        const StatementPlan* parent = find_plan(plan.follows);
        return parent == nullptr ? 0 : rate_of(*parent) * rows_followed;
    }

    [[nodiscard]] std::mt19937_64 random_of(std::string_view name) const {
        base::StableHash hash;
        hash.add(seed_);
        hash.add("statement");
        hash.add(name);
        return std::mt19937_64(hash.digest());
    }

    std::size_t add(std::string name, std::string text, double rate, bool healthy) {
        auto random = random_of(name);
        std::normal_distribution<double> normal;
        SimulatedStatement statement;
        statement.name = std::move(name);
        statement.query_hash = sql::query_hash(text);
        statement.text = std::move(text);
        statement.key = {database_oid, user_oid,
                         base::QueryId{base::to_integer(statement.query_hash) ^ static_cast<std::int64_t>(0x5a5a5a5a)},
                         true};
        statement.rate_per_minute = 60 * rate * scenario_.load;
        // Healthy lookups take a fraction of a millisecond, the others tens of them.
        statement.mean_time_ms = healthy ? 0.4 * std::exp(0.8 * normal(random)) : 12 * std::exp(0.7 * normal(random));
        statement.rows_per_call = std::round(std::exp(1.2 + normal(random)));
        statement.blocks_per_call = std::ceil(statement.mean_time_ms * 40 + 3);
        result_.all.push_back(std::move(statement));
        return result_.all.size() - 1;
    }

    void add_traffic(const StatementPlan& plan, double rate) {
        if (!plan.list) {
            by_name_[plan.name].push_back(add(plan.name, plan.text, rate, plan.healthy));
            return;
        }
        // A list of varying length is one entry for each length; the middle ones are the most frequent.
        const int lengths = plan.list->longest - plan.list->shortest + 1;
        for (int length = plan.list->shortest; length <= plan.list->longest; ++length) {
            const double share = 1.0 / lengths;
            by_name_[plan.name].push_back(add(plan.name, plan.text_of_length(length), rate * share, plan.healthy));
        }
    }

    base::Status add_batch(const PlannedBatch& batch) {
        PGANALYTICS_RETURN_IF_ERROR(check_names(batch.statements, "batch.statements"));
        std::vector<std::size_t> own;
        for (const std::string& name : batch.statements) {
            if (const auto there = by_name_.find(name); there != by_name_.end()) {
                own.insert(own.end(), there->second.begin(), there->second.end());
            } else {
                const StatementPlan& plan = *find_plan(name);
                own.push_back(add(name, plan.text, 0, plan.healthy));
                by_name_[name].push_back(own.back());
            }
        }
        for (std::size_t i = 0; i < batch.sql.size(); ++i) {
            PGANALYTICS_ASSIGN(auto text, names_.render(batch.sql[i]));
            const std::string name = fmt::format("{}/{}", batch.name, i + 1);
            own.push_back(add(name, std::move(text), 0, false));
            by_name_[name].push_back(own.back());
        }
        for (const std::size_t each : own) {
            // A run's calls take its duration, or the part of it that its statements are busy.
            auto& statement = result_.all[each];
            if (statement.rate_per_minute > 0) continue;
            statement.mean_time_ms =
                batch.duration_minutes * 60'000 * batch.busy / (batch.calls * static_cast<double>(own.size()));
            statement.blocks_per_call = std::ceil(statement.mean_time_ms * 20 + 3);
        }
        result_.of_batch.push_back(std::move(own));
        return {};
    }

    base::Result<std::vector<std::size_t>> indexes_of(const std::vector<std::string>& names, std::string_view field) {
        std::vector<std::size_t> chosen;
        for (const std::string& name : names) {
            const auto found = by_name_.find(name);
            if (found == by_name_.end()) return unknown(name, field);
            chosen.insert(chosen.end(), found->second.begin(), found->second.end());
        }
        return chosen;
    }

    const Scenario& scenario_;
    std::uint64_t seed_;
    const ShopNames& names_;
    std::vector<StatementPlan> plans_;
    HistoryStatements result_;
    std::map<std::string, std::vector<std::size_t>> by_name_;
};

}  // namespace

base::Result<HistoryStatements> choose_statements(const Scenario& scenario, std::uint64_t seed) {
    PGANALYTICS_ASSIGN(const auto names, ShopNames::make(seed, 1));
    PGANALYTICS_ASSIGN(auto plans, shop_workload(names));
    return Chooser(scenario, seed, names, std::move(plans)).run();
}

}  // namespace pganalytics::simulation
