#include "collector/plan_capture.hpp"

#include <algorithm>

namespace pganalytics::collector {

namespace {

/// Weight of the newest interval in the lately-seen mean: about the last ten count.
constexpr double smoothing = 0.2;

}  // namespace

void TimeBudget::elapse(std::chrono::duration<double, std::milli> wall) {
    left_ = std::min(burst_, left_ + wall * share_);
}

void PlanSchedule::saw_text(std::string_view database_name, base::QueryHash query_hash, std::string_view text) {
    auto& database = databases_.try_emplace(std::string(database_name)).first->second;
    if (text.size() > options_.max_text_bytes || text_bytes_ + text.size() > options_.max_memory_bytes) return;
    if (database.statements.size() >= options_.max_statements) return;
    const auto [place, added] = database.statements.try_emplace(base::to_integer(query_hash));
    if (!added) return;
    place->second.text = text;
    text_bytes_ += text.size();
}

void PlanSchedule::saw_example(std::string_view database_name, base::QueryHash query_hash, std::string_view text) {
    const auto database = databases_.find(database_name);
    if (database == databases_.end()) return;
    const auto found = database->second.statements.find(base::to_integer(query_hash));
    if (found == database->second.statements.end() || !found->second.example.empty()) return;
    if (text.size() > options_.max_text_bytes || text_bytes_ + text.size() > options_.max_memory_bytes) return;
    found->second.example = text;
    found->second.example_wanted = true;
    text_bytes_ += text.size();
}

void PlanSchedule::ran(std::string_view database_name, base::QueryHash query_hash, const workload::Counters& delta) {
    const auto database = databases_.find(database_name);
    if (database == databases_.end()) return;
    const auto found = database->second.statements.find(base::to_integer(query_hash));
    if (found == database->second.statements.end() || delta.calls <= 0) return;
    Statement& statement = found->second;
    const double mean = delta.mean_exec_time().count();
    statement.weight = (1 - smoothing) * statement.weight + smoothing * delta.total_exec_time_ms;
    statement.mean_lately =
        statement.mean_lately > 0 ? (1 - smoothing) * statement.mean_lately + smoothing * mean : mean;
    if (statement.wanted) return;
    if (statement.mean_at_plan <= 0) {
        statement.mean_at_plan = statement.mean_lately;
        return;
    }
    const double shift = statement.mean_lately / statement.mean_at_plan;
    if (shift >= options_.mean_shift || shift <= 1 / options_.mean_shift) {
        statement.wanted = true;
        statement.example_wanted = !statement.example.empty();
    }
}

void PlanSchedule::database_changed(std::string_view database_name) {
    const auto database = databases_.find(database_name);
    if (database == databases_.end()) return;
    for (auto& [hash, statement] : database->second.statements) {
        statement.wanted = true;
        statement.example_wanted = !statement.example.empty();
        statement.not_before.reset();
    }
}

bool PlanSchedule::is_waiting(const Statement& statement, base::Timestamp now) {
    return (statement.wanted || statement.example_wanted) && (!statement.not_before || *statement.not_before <= now);
}

std::optional<WantedPlan> PlanSchedule::next(std::string_view database_name, base::Timestamp now) {
    const auto database = databases_.find(database_name);
    if (database == databases_.end()) return std::nullopt;
    const std::pair<const std::int64_t, Statement>* heaviest = nullptr;
    for (const auto& candidate : database->second.statements) {
        if (is_waiting(candidate.second, now) && (!heaviest || candidate.second.weight > heaviest->second.weight))
            heaviest = &candidate;
    }
    if (!heaviest) return std::nullopt;
    const auto& [hash, statement] = *heaviest;
    return WantedPlan{std::string(database_name), base::QueryHash{hash},
                      statement.wanted ? statement.text : statement.example, !statement.wanted};
}

std::vector<std::string> PlanSchedule::databases_waiting(base::Timestamp now) const {
    std::vector<std::pair<double, std::string>> found;
    for (const auto& [name, database] : databases_) {
        double weight = -1;
        for (const auto& [hash, statement] : database.statements)
            if (is_waiting(statement, now)) weight = std::max(weight, 0.0) + statement.weight;
        if (weight >= 0) found.emplace_back(weight, name);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::string> names;
    for (auto& [weight, name] : found) names.push_back(std::move(name));
    return names;
}

void PlanSchedule::planned(const WantedPlan& wanted, bool succeeded, base::Timestamp at) {
    const auto database = databases_.find(wanted.database_name);
    if (database == databases_.end()) return;
    const auto found = database->second.statements.find(base::to_integer(wanted.query_hash));
    if (found == database->second.statements.end()) return;
    Statement& statement = found->second;
    if (wanted.example) {
        statement.example_wanted = false;
        return;
    }
    statement.wanted = !succeeded;
    statement.mean_at_plan = statement.mean_lately;
    statement.not_before.reset();
    if (!succeeded) statement.not_before = at + options_.retry_failed;
}

void PlanSchedule::forget(std::string_view database_name, base::QueryHash query_hash) {
    const auto database = databases_.find(database_name);
    if (database == databases_.end()) return;
    const auto found = database->second.statements.find(base::to_integer(query_hash));
    if (found == database->second.statements.end()) return;
    text_bytes_ -= found->second.text.size() + found->second.example.size();
    database->second.statements.erase(found);
}

std::size_t PlanSchedule::size() const {
    std::size_t count = 0;
    for (const auto& [name, database] : databases_) count += database.statements.size();
    return count;
}

store::CapturedPlan to_captured_plan(const WantedPlan& wanted, const plan::PlannedStatement& planned,
                                     base::Timestamp at) {
    store::CapturedPlan captured;
    captured.database_name = wanted.database_name;
    captured.query_hash = wanted.query_hash;
    captured.shape_hash = plan::shape_hash(planned.plan);
    captured.captured_at = at;
    captured.source = planned.source;
    captured.total_cost = planned.plan.total_cost().value;
    captured.plan_json = planned.explain_json;
    if (wanted.example || planned.planned_text != wanted.text) captured.planned_text = planned.planned_text;
    captured.repairs = planned.repairs;
    captured.dml_as_select = planned.dml_as_select;
    return captured;
}

}  // namespace pganalytics::collector
