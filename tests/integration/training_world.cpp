#include "training_world.hpp"

#include <array>
#include <atomic>

#include "postgres/our_sql.hpp"

namespace pganalytics::workflow {

using store::expect_done;
using store::expect_value;

std::string TrainingTest::template_database_;
base::TargetId TrainingTest::target_{};

void TrainingTest::SetUp() {
    auto server = connect(cluster().conninfo("postgres"));
    if (template_database_.empty()) {
        StoreTest::SetUp();
        const auto scenario = expect_value(simulation::parse_scenario(simulation::builtin_scenario("office"), 11));
        simulation::HistoryOptions options;
        options.days = 2;
        options.seed = 11;
        options.ends = clock_.now();
        auto history = expect_value(simulation::HistorySimulator::make(scenario, options));
        auto own_targets = targets();
        target_ = expect_value(simulation::write_history(repository(), own_targets, "simulated", history)).target_id;
        template_database_ = value("select current_database()");
    }
    static std::atomic<int> copies{0};
    const std::string name = template_database_ + "_copy" + std::to_string(++copies);
    // The template must be left alone by everybody while it is copied.
    expect_value(server.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                              {template_database_}));
    expect_done(server.execute_script(postgres::our_sql("create database {} template {}", postgres::identifier(name),
                                                        postgres::identifier(template_database_))));
    conninfo_ = cluster().conninfo(name);
    repository_ = std::make_unique<store::Repository>(conninfo_);
}

TrainingRequest TrainingTest::request(prediction::ModelType type) const {
    TrainingRequest asked;
    asked.target = target_;
    asked.database_name = "shop";
    asked.lookback_days = 7;
    asked.type = type;
    asked.force_retrain = true;
    return asked;
}

TrainedModel TrainingTest::trained(const TrainingRequest& asked, std::optional<base::JobId> job) {
    return expect_value(train_performance_model(filled(), clock_, asked, job, {}));
}

store::Job TrainingTest::claimed(const TrainingRequest& asked) {
    const auto queued = expect_value(enqueue_training(filled(), asked, clock_.now()));
    const std::array kinds{std::string(training_job_kind)};
    const auto job = expect_value(store::JobStore(filled()).claim("a test", kinds, job_lease));
    if (!job || job->id != queued.id) throw std::runtime_error("another job was claimed");
    return *job;
}

void TrainingTest::run(std::string_view statement) {
    auto connection = connect(conninfo_);
    (void)expect_value(connection.query(statement));
}

std::int64_t TrainingTest::number(std::string_view statement) {
    auto connection = connect(conninfo_);
    return expect_value(connection.query(statement)).integer(0, 0).value_or(-1);
}

}  // namespace pganalytics::workflow
