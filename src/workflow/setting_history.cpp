#include "workflow/setting_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan/plan.hpp"
#include "workflow/measured_settings.hpp"

namespace pganalytics::workflow {

namespace {

using parameters::Reach;
using workload::ObservedStatement;

constexpr std::chrono::days most_days_a_side{14};
/// Statements beyond these carry next to nothing, and each one asked about costs a query.
constexpr std::size_t most_statements = 200;

class SettingHistory {
  public:
    SettingHistory(store::Repository& repository, const SettingHistoryRequest& request)
        : history_(repository), request_(request) {}

    base::Result<std::vector<SettingChangeEffects>> run() {
        PGANALYTICS_ASSIGN(auto changes, history_.setting_changes(request_.target, request_.window));
        std::erase_if(changes, [this](const store::SettingChange& change) {
            return !change.database_name.empty() && change.database_name != request_.database_name;
        });
        std::vector<SettingChangeEffects> all;
        if (changes.empty()) return all;
        PGANALYTICS_RETURN_IF_ERROR(read_statements());
        for (const auto& change : changes) {
            PGANALYTICS_ASSIGN(auto effects, effects_of(change, changes));
            all.push_back(std::move(effects));
        }
        return all;
    }

  private:
    base::Status read_statements() {
        PGANALYTICS_ASSIGN(auto workload, history_.workload(request_.target, request_.database_name, request_.window,
                                                            most_statements));
        statements_ = std::move(workload.statements);
        if (request_.query_hash) {
            std::erase_if(statements_, [this](const ObservedStatement& statement) {
                return statement.query_hash != *request_.query_hash;
            });
        }
        return {};
    }

    [[nodiscard]] store::StatementPlace place() const { return {request_.target, "", request_.database_name}; }

    /// From the last change of the same setting to the next one.
    [[nodiscard]] store::Window around(const store::SettingChange& change,
                                       const std::vector<store::SettingChange>& changes) const {
        store::Window window{std::max(request_.window.from, change.changed_at - most_days_a_side),
                             std::min(request_.window.to, change.changed_at + most_days_a_side)};
        for (const auto& other : changes) {
            if (other.name != change.name || other.database_name != change.database_name) continue;
            if (other.changed_at < change.changed_at) window.from = std::max(window.from, other.changed_at);
            if (other.changed_at > change.changed_at) window.to = std::min(window.to, other.changed_at);
        }
        return window;
    }

    base::Result<const plan::Plan*> plan_of(const ObservedStatement& statement) {
        const auto known = plans_.find(statement.query_hash);
        if (known != plans_.end()) return known->second ? &*known->second : nullptr;
        PGANALYTICS_ASSIGN(const auto stored, history_.plans(place(), statement.query_hash, 1));
        auto& kept = plans_[statement.query_hash];
        if (!stored.empty()) {
            // A plan that does not read is as good as none.
            if (auto plan = plan::parse_explain_json(stored.front().plan_json)) kept = std::move(*plan);
        }
        return kept ? &*kept : nullptr;
    }

    base::Result<SettingChangeEffects> effects_of(const store::SettingChange& change,
                                                  const std::vector<store::SettingChange>& changes) {
        SettingChangeEffects effects{change, parameters::reach_of(change.name), {}, 0};
        if (effects.reach == Reach::nothing) return effects;
        const auto window = around(change, changes);
        for (const auto& statement : statements_) {
            const plan::Plan* plan = nullptr;
            if (effects.reach == Reach::memory) {
                PGANALYTICS_ASSIGN(plan, plan_of(statement));
            }
            if (!parameters::touches(effects.reach, statement, plan)) continue;
            if (++effects.touched > request_.statements_per_change) continue;
            PGANALYTICS_ASSIGN(const auto points, history_.statement_history(place(), statement.query_hash, window,
                                                                             base::Seconds(std::chrono::hours(1))));
            std::vector<parameters::TimedCalls> timed;
            for (const auto& point : points) {
                timed.push_back({point.begins, static_cast<double>(point.sum.calls), point.sum.total_exec_time_ms});
            }
            effects.statements.push_back(
                {statement.query_hash, statement.text,
                 parameters::effect_of_setting(timed, window.from, change.changed_at, window.to)});
        }
        return effects;
    }

    store::History history_;
    const SettingHistoryRequest& request_;
    std::vector<ObservedStatement> statements_;
    std::map<base::QueryHash, std::optional<plan::Plan>> plans_;
};

}  // namespace

base::Result<std::vector<SettingChangeEffects>> setting_history(store::Repository& repository,
                                                                const SettingHistoryRequest& request) {
    return SettingHistory(repository, request).run();
}

base::Status add_setting_history(store::Repository& repository, base::TargetId target, const store::Window& window,
                                 Analysis& analysis) {
    for (auto& ranked : analysis.advice) {
        if (!is_setting_advice(ranked) || ranked.advice.served.empty()) continue;
        SettingHistoryRequest request{target, analysis.database_name, window, ranked.advice.served.front().query_hash};
        PGANALYTICS_ASSIGN(const auto changes, setting_history(repository, request));
        for (const auto& change : changes) {
            if (change.reach != Reach::memory) continue;
            for (const auto& statement : change.statements) {
                ranked.advice.evidence.facts.push_back(fmt::format(
                    "{}; {}. That proves no cause", to_words(change.change), parameters::to_words(statement.effect)));
            }
        }
    }
    return {};
}

std::string to_words(const store::SettingChange& change) {
    return fmt::format("{} was changed from {} to {} at {}", change.name, change.old_value.value_or("nothing"),
                       change.new_value, base::to_rfc3339(change.changed_at));
}

}  // namespace pganalytics::workflow
