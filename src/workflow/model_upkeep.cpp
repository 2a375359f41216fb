#include "workflow/model_upkeep.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "store/history.hpp"
#include "store/jobs.hpp"
#include "workflow/model_monitor.hpp"
#include "workflow/training_job.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

using namespace std::chrono_literals;

/// Between trainings of one database, whatever asks for them.
constexpr auto least_pause = 6h;
/// A first model made of less would be replaced within the day.
constexpr std::int64_t samples_for_first = 2'000;

/// When a training of the database was last queued by anyone.
base::Result<std::optional<base::Timestamp>> last_attempt(store::Repository& repository, base::TargetId target,
                                                          const std::string& database_name) {
    store::JobFilter filter;
    filter.kind = std::string(training_job_kind);
    filter.limit = 200;
    PGANALYTICS_ASSIGN(const auto page, store::JobStore(repository).list(filter));
    for (const auto& job : page.items) {
        const auto request = read_training_request(job.payload_json);
        if (request && request->target == target && request->database_name == database_name)
            return std::optional(job.created_at);
    }
    return std::optional<base::Timestamp>();
}

}  // namespace

UpkeepOptions upkeep_options(const base::Config& config) {
    UpkeepOptions options;
    options.train_every = config.training_interval;
    options.train_on_drift = config.training_on_drift;
    options.lookback_days = config.training_lookback_days;
    // The loader has checked the name.
    options.type = prediction::parse_model_type(config.training_model_type).value_or(options.type);
    return options;
}

std::string reason_to_train(const ModelAge& age, const UpkeepOptions& options) {
    if (age.since_last_training < least_pause) return "";
    if (!age.any) return age.enough_for_first && options.train_every > 0h ? "first" : "";
    if (age.drifts && options.train_on_drift) return "drift";
    if (options.train_every > 0h && age.since_last_training >= options.train_every) return "age";
    return "";
}

base::Status ModelUpkeep::look_at(const store::Target& target, const std::string& database_name, bool drifts,
                                  base::Timestamp now) {
    store::ModelStore models(repository_);
    PGANALYTICS_ASSIGN(const auto active, models.active(target.id, database_name));
    PGANALYTICS_ASSIGN(const auto newest, models.list({target.id, database_name, {}, 1, {}}));
    PGANALYTICS_ASSIGN(const auto attempt, last_attempt(repository_, target.id, database_name));
    base::Timestamp last{};
    if (attempt) last = *attempt;
    if (!newest.items.empty()) last = std::max(last, newest.items.front().training_date);
    ModelAge age{active.has_value(), std::chrono::floor<std::chrono::seconds>(now - last), drifts, false};
    TrainingRequest request;
    request.target = target.id;
    request.database_name = database_name;
    request.lookback_days = options_.lookback_days;
    request.type = options_.type;
    if (!age.any && age.since_last_training >= least_pause) {
        const store::Window window{now - std::chrono::days(request.lookback_days), now};
        PGANALYTICS_ASSIGN(const auto outlook, sample_outlook(repository_, {target.id, database_name, window}, now));
        age.enough_for_first = outlook.available >= samples_for_first;
    }
    request.reason = reason_to_train(age, options_);
    if (request.reason.empty()) return {};
    auto queued = enqueue_training(repository_, request, now);
    if (!queued) {
        if (queued.error().code == base::ErrorCode::unprocessable) return {};
        return std::move(queued).error();
    }
    log_.info("training_queued",
              {{"database", database_name}, {"reason", request.reason}, {"job", base::to_integer(queued->id)}});
    return {};
}

base::Status ModelUpkeep::run(base::Timestamp now) {
    PGANALYTICS_ASSIGN(const auto reports, ModelMonitor(repository_).run(now));
    std::set<std::pair<base::TargetId, std::string>> drifting;
    for (const auto& report : reports) {
        if (report.drifts.empty()) continue;
        drifting.emplace(report.target, report.database_name);
        for (const auto& sentence : report.drifts) {
            log_.debug("model_drifts", {{"model", base::to_integer(report.model)}, {"what", sentence}});
        }
    }
    PGANALYTICS_ASSIGN(const auto targets, targets_.list());
    store::History history(repository_);
    for (const auto& target : targets) {
        if (!target.enabled || !target.last_collected_at) continue;
        PGANALYTICS_ASSIGN(const auto databases, history.databases(target.id, {now - 24h, now}));
        for (const auto& database : databases) {
            PGANALYTICS_RETURN_IF_ERROR(look_at(target, database, drifting.contains({target.id, database}), now));
        }
    }
    return {};
}

}  // namespace pganalytics::workflow
