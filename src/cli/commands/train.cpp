// `train`: a prediction model of a database, by the worker that runs or, where none does, by this process.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "base/clock.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/model_view.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "workflow/job_runner.hpp"
#include "workflow/server_roles.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::cli {

namespace {

using namespace std::chrono_literals;

/// A worker that runs takes a job up within a second or two.
constexpr auto patience = 3s;
constexpr auto poll_period = 300ms;

struct TrainFlags {
    std::string target, database, type = "gradient_boosting";
    int lookback_days = workflow::default_training_days;
    bool force = false, no_wait = false;
};

class Training {
  public:
    Training(Invocation& invocation, workflow::RepositoryAccess& session)
        : invocation_(invocation), repository_(session.repository()), jobs_(repository_) {}

    /// Comes back when the job has ended, whoever did it.
    base::Result<store::Job> finish(store::Job job) {
        const auto begun = clock_.now();
        while (job.status == store::JobStatus::pending || job.status == store::JobStatus::running) {
            if (job.status == store::JobStatus::pending && clock_.now() - begun > patience) {
                PGANALYTICS_RETURN_IF_ERROR(work());
            }
            show(job.progress, job.stage.empty() ? "waiting" : job.stage);
            std::this_thread::sleep_for(poll_period);
            PGANALYTICS_ASSIGN(job, jobs_.find(job.id));
        }
        invocation_.terminal.clear_progress();
        return job;
    }

  private:
    void show(double progress, std::string_view stage) {
        invocation_.terminal.progress(fmt::format("{:3.0f} %  {}", 100 * progress, stage));
    }

    /// Nobody takes the job: this process does, as a worker would.
    base::Status work() {
        const std::array kinds{std::string(workflow::training_job_kind)};
        PGANALYTICS_ASSIGN(const auto job, jobs_.claim(workflow::worker_name(), kinds, workflow::job_lease));
        if (!job) return {};
        workflow::run_claimed_job(
            repository_, *job, {}, [&](const workflow::JobGoOn& go_on) { return train(*job, go_on); }, invocation_.log);
        return {};
    }

    base::Result<std::string> train(const store::Job& job, const workflow::JobGoOn& go_on) {
        PGANALYTICS_ASSIGN(const auto request, workflow::read_training_request(job.payload_json));
        PGANALYTICS_ASSIGN(const auto trained,
                           workflow::train_performance_model(repository_, clock_, request, job.id,
                                                             [&](double progress, std::string_view stage) {
                                                                 show(progress, stage);
                                                                 return go_on(progress, stage);
                                                             }));
        return workflow::to_json(trained).dump();
    }

    Invocation& invocation_;
    store::Repository& repository_;
    store::JobStore jobs_;
    base::SystemClock clock_;
};

base::Result<int> queued(Invocation& invocation, const store::Job& job, OutputFormat format) {
    if (format == OutputFormat::json) {
        invocation.terminal.out()
            << nlohmann::json{{"job_id", base::to_integer(job.id)}, {"status", store::to_string(job.status)}}.dump(2)
            << '\n';
    } else {
        invocation.terminal.out() << fmt::format("job {} is {}\n", base::to_integer(job.id),
                                                 store::to_string(job.status));
    }
    return 0;
}

base::Result<int> train(Invocation& invocation, const TrainFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    workflow::TrainingRequest request;
    PGANALYTICS_ASSIGN(request.type, prediction::parse_model_type(flags.type));
    request.database_name = flags.database;
    request.lookback_days = flags.lookback_days;
    request.force_retrain = flags.force;
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    std::optional<base::TargetId> named;
    if (!flags.target.empty()) {
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        named = target.id;
    }
    PGANALYTICS_ASSIGN(request.target,
                       workflow::target_of_database(session.repository(), named, request.database_name));
    PGANALYTICS_ASSIGN(auto job, workflow::enqueue_training(session.repository(), request, base::SystemClock().now()));
    if (flags.no_wait) return queued(invocation, job, format);
    PGANALYTICS_ASSIGN(job, Training(invocation, session).finish(std::move(job)));
    if (job.status != store::JobStatus::completed) {
        return base::Error{base::ErrorCode::unprocessable,
                           job.status == store::JobStatus::failed ? job.error : "The training was cancelled.",
                           {},
                           {}};
    }
    const auto result = nlohmann::json::parse(job.result_json, nullptr, false);
    const base::ModelId id{result.value("model_id", std::int64_t{0})};
    PGANALYTICS_ASSIGN(const auto model, store::ModelStore(session.repository()).find(id));
    invocation.terminal.note(fmt::format("model {} {}: {}", base::to_integer(id),
                                         result.value("activated", false) ? "is active" : "was stored, not activated",
                                         result.value("comparison", "")));
    show_model(invocation.terminal, model, format);
    return 0;
}

}  // namespace

void add_train(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<TrainFlags>();
    auto* command = tree.add_subcommand("train", "Train a model that predicts execution times");
    command->add_option("--database", flags->database, "The database to learn")->type_name("NAME")->required();
    command->add_option("--target", flags->target, "Where several targets have it (name or id)")->type_name("TARGET");
    command
        ->add_option("--model-type", flags->type,
                     "linear_regression, decision_tree, random_forest or gradient_boosting")
        ->type_name("TYPE");
    command->add_option("--lookback-days", flags->lookback_days, "How much history to learn from")
        ->type_name("N")
        ->check(CLI::Range(workflow::least_training_days, workflow::most_training_days));
    command->add_flag("--force-retrain", flags->force, "Train even while such a training is under way");
    command->add_flag("--no-wait,!--wait", flags->no_wait, "Queue it and come back");
    command->callback(
        [flags, &program] { program.choose([flags](Invocation& invocation) { return train(invocation, *flags); }); });
}

}  // namespace pganalytics::cli
