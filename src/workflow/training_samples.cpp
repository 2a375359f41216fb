#include "workflow/training_samples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "workflow/observation.hpp"

namespace pganalytics::workflow {

namespace {

using namespace std::chrono_literals;

/// A mean of more calls than its square is no surer for a model: what is left is not noise of single calls.
constexpr double most_weight = 30;
constexpr std::size_t least_of_each = 50;
constexpr auto before_first_capture = 24h;

/// Plans of a database as samples need them: parsed, by statement.
class Plans {
  public:
    explicit Plans(std::vector<store::StoredPlan> stored) : stored_(std::move(stored)) {
        for (const auto& plan : stored_) {
            // What does not parse here did not parse for the collector either; the statement has no plan then.
            auto parsed = plan::parse_explain_json(plan.plan_json);
            if (!parsed) continue;
            of_statement_[plan.query_hash].push_back(&plan);
            parsed_.emplace(&plan, plan::without_actuals(*parsed));
        }
    }
    [[nodiscard]] std::size_t statements() const { return of_statement_.size(); }
    [[nodiscard]] std::optional<std::pair<const store::StoredPlan*, const plan::Plan*>> at(base::QueryHash query_hash,
                                                                                           base::Timestamp time) const {
        const auto own = of_statement_.find(query_hash);
        if (own == of_statement_.end()) return std::nullopt;
        const auto* stored = plan_at(own->second, time);
        if (stored == nullptr) return std::nullopt;
        return std::pair(stored, &parsed_.at(stored));
    }

  private:
    std::vector<store::StoredPlan> stored_;
    std::unordered_map<base::QueryHash, std::vector<const store::StoredPlan*>> of_statement_;
    std::unordered_map<const store::StoredPlan*, plan::Plan> parsed_;
};

/// Every n-th, the newest among them.
void thin(std::vector<store::StatementRow>& rows, std::size_t most) {
    if (rows.size() <= most) return;
    const std::size_t stride = (rows.size() + most - 1) / most;
    std::vector<store::StatementRow> kept;
    for (std::size_t i = (rows.size() - 1) % stride; i < rows.size(); i += stride) kept.push_back(rows[i]);
    rows = std::move(kept);
}

base::Error never_collected(const std::string& database_name) {
    return {base::ErrorCode::not_found, fmt::format("Nothing was collected of database \"{}\"", database_name),
            "`pganalytics targets list` shows what is collected.", "database_name"};
}

}  // namespace

std::string statement_key(base::QueryHash query_hash, std::int64_t plan_shape) {
    return fmt::format("{}/{}", base::to_integer(query_hash), plan_shape);
}

std::string template_key(base::QueryHash query_hash, const std::optional<base::FingerprintHash>& fingerprint_hash) {
    return fingerprint_hash ? fmt::format("f{}", base::to_integer(*fingerprint_hash))
                            : fmt::format("q{}", base::to_integer(query_hash));
}

const store::StoredPlan* plan_at(const std::vector<const store::StoredPlan*>& plans, base::Timestamp at) {
    const store::StoredPlan* newest = nullptr;
    const store::StoredPlan* seen_later = nullptr;
    for (const auto* plan : plans) {
        if (plan->captured_at > at) break;
        newest = plan;
        if (plan->last_seen_at >= at) seen_later = plan;
    }
    if (seen_later != nullptr) return seen_later;
    if (newest != nullptr) return newest;
    return !plans.empty() && plans.front()->captured_at - at <= before_first_capture ? plans.front() : nullptr;
}

base::Result<TrainingSamples> collect_training_samples(store::Repository& repository, const SampleRequest& request) {
    store::TrainingHistory history(repository);
    PGANALYTICS_ASSIGN(const auto families, history.families(request.target, request.database_name));
    if (families.empty()) return never_collected(request.database_name);
    std::unordered_map<base::QueryHash, std::string> groups;
    for (const auto& family : families) {
        groups[family.query_hash] = template_key(family.query_hash, family.fingerprint_hash);
    }
    PGANALYTICS_ASSIGN(auto stored, history.plans(request.target, request.database_name));
    const Plans plans(std::move(stored));
    const std::size_t of_each = std::max(least_of_each, request.most / std::max<std::size_t>(1, plans.statements()));
    PGANALYTICS_ASSIGN(auto rows, history.rows(request.target, request.database_name, request.window,
                                               store::Grain::intervals, of_each));
    TrainingSamples samples;
    samples.statements = plans.statements();
    samples.without_plan =
        std::erase_if(rows, [&](const store::StatementRow& row) { return !plans.at(row.query_hash, row.begins); });
    thin(rows, request.most);
    PGANALYTICS_ASSIGN(const auto observations,
                       Observations::read(repository, request.target, request.database_name, request.window));
    for (const auto& row : rows) {
        const auto [stored_plan, plan] = *plans.at(row.query_hash, row.begins);
        const auto ends = row.begins + std::chrono::round<std::chrono::microseconds>(row.length);
        prediction::Sample sample;
        sample.id = statement_key(row.query_hash, stored_plan->shape_hash);
        sample.group = groups[row.query_hash];
        sample.features = prediction::make_features(*plan, observations.of(row.query_hash, *plan, row.begins, ends));
        sample.runtime_ms = row.time_ms / row.calls;
        sample.weight = std::min(std::sqrt(row.calls), most_weight);
        sample.at = row.begins;
        samples.data.push_back(std::move(sample));
        samples.query_hashes.push_back(row.query_hash);
    }
    return samples;
}

base::Result<SampleOutlook> sample_outlook(store::Repository& repository, const SampleRequest& request,
                                           base::Timestamp now) {
    store::TrainingHistory history(repository);
    PGANALYTICS_ASSIGN(const auto families, history.families(request.target, request.database_name));
    if (families.empty()) return never_collected(request.database_name);
    PGANALYTICS_ASSIGN(const auto count, history.count(request.target, request.database_name, request.window));
    SampleOutlook outlook;
    outlook.available = count.rows;
    const double hours = count.observed_of_last_day.count() / 3600;
    if (hours > 0) outlook.per_hour = static_cast<double>(count.rows_of_last_day) / hours;
    if (!outlook.enough() && outlook.per_hour > 0) {
        const double lacking = static_cast<double>(fewest_training_samples) - static_cast<double>(outlook.available);
        outlook.enough_at =
            now + std::chrono::ceil<std::chrono::minutes>(base::Seconds(3600 * lacking / outlook.per_hour));
    }
    return outlook;
}

base::Error too_few_samples(const SampleOutlook& outlook, const std::string& database_name) {
    const std::string when =
        outlook.enough_at
            ? fmt::format("At the present rate there will be enough at {}.", base::to_rfc3339(*outlook.enough_at))
            : "None were gained in the last day: check that the target is collected and its plans can be read "
              "(`pganalytics check`).";
    return {base::ErrorCode::unprocessable,
            fmt::format("database \"{}\" has {} samples of the {} that training needs", database_name,
                        outlook.available, fewest_training_samples),
            when, "database_name"};
}

}  // namespace pganalytics::workflow
