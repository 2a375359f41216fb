#include "http_world_models.hpp"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/clock.hpp"
#include "plan/plan.hpp"
#include "store/ingest.hpp"
#include "workflow/job_runner.hpp"
#include "workflow/model_watch.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::test {

namespace {

constexpr std::string_view database = "trained";
constexpr int statements = 6;
constexpr int minutes = 30;

template <typename T>
T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(result).value();
}
void must(const base::Status& status) {
    if (!status) throw std::runtime_error(status.error().to_string());
}

store::KnownStatement statement(int number) {
    store::KnownStatement known;
    known.key.database = base::Oid{16385};
    known.key.user = base::Oid{10};
    known.key.query_id = base::QueryId{1000 + number};
    known.database_name = database;
    known.query_hash = base::QueryHash{500'000 + number};
    known.fingerprint_hash = base::FingerprintHash{600'000 + number};
    known.text = "SELECT * FROM t" + std::to_string(number) + " WHERE id = $1";
    return known;
}

store::CapturedPlan plan(int number, base::Timestamp at) {
    store::CapturedPlan plan;
    plan.database_name = database;
    plan.query_hash = base::QueryHash{500'000 + number};
    plan.captured_at = at;
    plan.total_cost = 10 * std::pow(3, number);
    plan.plan_json = nlohmann::json::array({{{"Plan",
                                              {{"Node Type", "Seq Scan"},
                                               {"Relation Name", "t" + std::to_string(number)},
                                               {"Startup Cost", 0.0},
                                               {"Total Cost", plan.total_cost},
                                               {"Plan Rows", 10},
                                               {"Plan Width", 40}}}}})
                         .dump();
    plan.shape_hash = plan::shape_hash(must(plan::parse_explain_json(plan.plan_json)));
    return plan;
}

/// Half an hour of six statements, each with a plan.
void add_history(store::Repository& repository, base::TargetId target, base::Timestamp now) {
    const auto begins = std::chrono::floor<std::chrono::minutes>(now) - std::chrono::minutes(minutes + 2);
    std::vector<store::KnownStatement> known;
    std::vector<store::CapturedPlan> plans;
    for (int number = 0; number < statements; ++number) {
        known.push_back(statement(number));
        plans.push_back(plan(number, begins));
    }
    store::Ingest ingest(repository);
    must(ingest.upsert_statements(target, known));
    must(ingest.plans(target, plans));
    for (int minute = 0; minute < minutes; ++minute) {
        std::vector<workload::StatementInterval> rows;
        const auto from = begins + std::chrono::minutes(minute);
        for (int number = 0; number < statements; ++number) {
            workload::StatementInterval row{
                known[static_cast<std::size_t>(number)].key, from, from + std::chrono::minutes(1), {}};
            row.delta.calls = 10;
            row.delta.total_exec_time_ms = 10 * std::pow(3, number) * (1 + 0.1 * std::sin(minute + number));
            row.delta.rows = 10;
            row.delta.shared_blks_hit = 100;
            rows.push_back(row);
        }
        const std::vector batch{store::IntervalBatch{from, from + std::chrono::minutes(1), rows}};
        (void)must(ingest.intervals(target, batch));
    }
}

/// What watching would have found, with every field there is.
std::string drift(base::Timestamp now) {
    workflow::ModelWatch watch;
    const auto shift = watch.observe("500000/1", {1, 0.5, 1.5, 0.2, 0.6}, 1.1, now);
    static_cast<void>(shift);
    watch.note(workflow::MovedErrors{"500000/1", base::QueryHash{500'000}, 2, now, {"root_total_cost"}});
    watch.note({workflow::MovedInput{"root_total_cost", 0.5, 0.3, 0.9}}, now);
    return watch.summary(now).dump();
}

}  // namespace

WorldModels add_models(store::Repository& repository, base::TargetId target) {
    const base::SystemClock clock;
    const auto now = clock.now();
    add_history(repository, target, now);
    workflow::TrainingRequest request;
    request.target = target;
    request.database_name = database;
    request.type = prediction::ModelType::linear_regression;
    request.force_retrain = true;
    WorldModels world;
    store::JobStore jobs(repository);
    const std::array kinds{std::string(workflow::training_job_kind)};
    const auto claimed = [&] {
        const auto queued = must(workflow::enqueue_training(repository, request, now));
        const auto job = must(jobs.claim("a test", kinds, std::chrono::hours(1)));
        if (!job || job->id != queued.id) throw std::runtime_error("another job was claimed");
        return *job;
    };
    store::ModelStore models(repository);
    const auto damaged = must(workflow::train_performance_model(repository, clock, request, {}, {}));
    world.damaged_model = damaged.stored.id;

    const auto completed = claimed();
    const auto trained = must(workflow::train_performance_model(repository, clock, request, completed.id, {}));
    must(jobs.complete(completed, workflow::to_json(trained).dump()));
    world.completed_training = completed.id;
    world.model = trained.stored.id;
    (void)must(models.activate(world.model));
    must(models.set_drift(world.model, drift(now)));
    (void)must(repository.with_connection([&](postgres::Connection& connection) {
        return connection.query(
            "update pganalytics.query_performance_models set content = content || '\\x00' where model_id = $1",
            {std::to_string(base::to_integer(world.damaged_model))});
    }));

    const auto failed = claimed();
    must(jobs.fail(failed, "the disk is full", false));
    world.failed_training = failed.id;
    world.running_training = claimed().id;
    store::NewJob other;
    other.kind = "analyze";
    world.other_job = must(jobs.enqueue(other)).id;
    return world;
}

}  // namespace pganalytics::test
