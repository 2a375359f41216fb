// Training on a simulated history: versions, figures, activation, cancelling, and models that cannot be read.

#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "training_world.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {
namespace {

using store::expect_value;

TEST_F(TrainingTest, TrainsEveryTypeAndKeepsTheBestActive) {
    using prediction::ModelType;
    double best = std::numeric_limits<double>::infinity();
    base::ModelId active{};
    for (const auto type : {ModelType::linear_regression, ModelType::decision_tree, ModelType::random_forest,
                            ModelType::gradient_boosting}) {
        SCOPED_TRACE(prediction::to_string(type));
        const auto model = trained(request(type));
        EXPECT_EQ(model.stored.version, "1");
        EXPECT_GT(model.stored.training_samples, 1000);
        EXPECT_LT(*model.stored.figures.q_error_p50, 1.5);
        EXPECT_GT(*model.stored.figures.r_squared, 0.8);
        EXPECT_GT(*model.stored.figures.interval_coverage, 0.8);
        EXPECT_EQ(model.stored.feature_names.size(), prediction::feature_definitions().size());
        const auto contest = nlohmann::json::parse(model.stored.details_json)["contest"];
        const double error = contest["mean_log_error"];
        // Ties aside, what is active is what did best when it was its turn.
        EXPECT_EQ(model.activated, contest["won"].get<bool>());
        if (model.activated) {
            EXPECT_LT(error, best * 1.05);
            active = model.stored.id;
        }
        best = std::min(best, error);
    }
    EXPECT_EQ(number("select count(*) from pganalytics.query_performance_models where is_active"), 1);
    EXPECT_EQ(expect_value(store::ModelStore(filled()).active_models()).front().id, active);
}

TEST_F(TrainingTest, CountsVersionsAndGivesTheSameBytesForTheSameData) {
    // Time stands still: the window of samples is the same.
    const base::ManualClock standing(clock_.now());
    const auto first = expect_value(train_performance_model(filled(), standing, request(), {}, {}));
    const auto second = expect_value(train_performance_model(filled(), standing, request(), {}, {}));
    EXPECT_EQ(first.stored.version, "1");
    EXPECT_EQ(second.stored.version, "2");
    EXPECT_EQ(first.stored.content_sha256, second.stored.content_sha256);
    EXPECT_TRUE(first.activated) << "there was none before";
    store::ModelFilter filter;
    filter.limit = 1;
    const auto page = expect_value(store::ModelStore(filled()).list(filter));
    EXPECT_EQ(page.items.front().id, second.stored.id);
    filter.cursor = page.next_cursor;
    EXPECT_EQ(expect_value(store::ModelStore(filled()).list(filter)).items.front().id, first.stored.id);
}

TEST_F(TrainingTest, OneModelIsActiveAtEachMomentWhileTheySwitch) {
    const auto first = trained(request()).stored.id, second = trained(request()).stored.id;
    store::ModelStore models(filled());
    std::atomic<bool> done{false};
    std::atomic<int> looks{0}, wrong{0}, failed{0};
    std::vector<std::jthread> readers;
    for (int reader = 0; reader < 3; ++reader) {
        readers.emplace_back([&] {
            while (!done) {
                const auto active = models.active_models();
                if (!active || active->size() != 1) ++wrong;
                ++looks;
            }
        });
    }
    // Two that switch against each other, and readers all the while.
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 2; ++writer) {
        writers.emplace_back([&, writer] {
            for (int i = 0; i < 60; ++i)
                if (!models.activate((i + writer) % 2 == 0 ? first : second)) ++failed;
        });
    }
    writers.clear();
    done = true;
    readers.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(looks, 20);
    EXPECT_EQ(failed, 0);
}

TEST_F(TrainingTest, AnActivationIsRefusedWhenTheComparisonIsOutdated) {
    const auto first = trained(request()).stored.id, second = trained(request()).stored.id,
               third = trained(request()).stored.id;
    store::ModelStore models(filled());
    expect_value(models.activate(first));
    expect_value(models.activate(second, first));
    EXPECT_EQ(models.activate(third, first).error().code, base::ErrorCode::conflict);
    EXPECT_TRUE(expect_value(models.find(second)).is_active);
}

TEST_F(TrainingTest, ACancelledTrainingLeavesNothing) {
    const auto job = claimed(request());
    store::JobStore jobs(filled());
    bool asked = false;
    run_claimed_job(
        filled(), job, {},
        [&](const JobGoOn& go_on) -> base::Result<std::string> {
            const auto result = train_performance_model(filled(), clock_, request(), job.id,
                                                        [&](double progress, std::string_view stage) {
                                                            if (!asked) expect_value(jobs.cancel(job.id));
                                                            asked = true;
                                                            // The wish arrives with the next beat of the lease.
                                                            std::this_thread::sleep_for(std::chrono::milliseconds(300));
                                                            return go_on(progress, stage);
                                                        });
            if (!result) return result.error();
            return to_json(*result).dump();
        },
        base::Log());
    EXPECT_EQ(expect_value(jobs.find(job.id)).status, store::JobStatus::cancelled);
    EXPECT_EQ(number("select count(*) from pganalytics.query_performance_models"), 0);
}

TEST_F(TrainingTest, AJobThatRunsAgainStoresItsModelOnce) {
    const auto job = claimed(request());
    const auto first = trained(request(), job.id);
    const auto again = trained(request(), job.id);
    EXPECT_EQ(again.stored.id, first.stored.id);
    EXPECT_TRUE(again.activated);
    EXPECT_EQ(number("select count(*) from pganalytics.query_performance_models"), 1);
}

TEST_F(TrainingTest, ADamagedModelIsRefusedAndThePreviousServes) {
    const auto first = trained(request()).stored, second = trained(request()).stored;
    store::ModelStore models(filled());
    expect_value(models.activate(second.id));
    run("update pganalytics.query_performance_models set content = set_byte(content, 100, 255 - get_byte(content, "
        "100)) where is_active");
    const auto serving = expect_value(load_serving_model(filled(), request().target, "shop"));
    ASSERT_TRUE(serving);
    EXPECT_EQ(serving->stored.id, first.id);
    ASSERT_EQ(serving->refused.size(), 1U);
    EXPECT_THAT(serving->refused.front(), testing::HasSubstr("damaged"));
    expect_value(models.activate(first.id));
    const auto refused = activate_model(filled(), second.id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::unprocessable);
    EXPECT_TRUE(expect_value(models.find(first.id)).is_active);
}

TEST_F(TrainingTest, ANewerModelIsRefusedAndThePreviousServes) {
    const auto first = trained(request()).stored, second = trained(request()).stored;
    expect_value(store::ModelStore(filled()).activate(second.id));
    run("update pganalytics.query_performance_models set format_version = 99 where is_active");
    const auto serving = expect_value(load_serving_model(filled(), request().target, "shop"));
    ASSERT_TRUE(serving);
    EXPECT_EQ(serving->stored.id, first.id);
    EXPECT_THAT(serving->refused.front(), testing::HasSubstr("format 99"));
    EXPECT_EQ(activate_model(filled(), second.id).error().code, base::ErrorCode::unprocessable);
}

TEST_F(TrainingTest, SaysHowManySamplesThereAreAndWhenThereWillBeEnough) {
    run("delete from pganalytics.explain_plans");
    const auto refused = enqueue_training(filled(), request(), clock_.now());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::unprocessable);
    EXPECT_THAT(refused.error().message, testing::HasSubstr("0 samples of the 100"));
    EXPECT_EQ(enqueue_training(filled(), request(), clock_.now()).error().code, base::ErrorCode::unprocessable);
    auto elsewhere = request();
    elsewhere.database_name = "nowhere";
    EXPECT_EQ(enqueue_training(filled(), elsewhere, clock_.now()).error().code, base::ErrorCode::not_found);
}

TEST_F(TrainingTest, JoinsATrainingThatIsUnderWayUnlessForced) {
    auto asked = request();
    asked.force_retrain = false;
    const auto first = expect_value(enqueue_training(filled(), asked, clock_.now()));
    EXPECT_EQ(expect_value(enqueue_training(filled(), asked, clock_.now())).id, first.id);
    asked.force_retrain = true;
    EXPECT_NE(expect_value(enqueue_training(filled(), asked, clock_.now())).id, first.id);
}

TEST_F(TrainingTest, LeavesOutIntervalsAtAResetOfTheCounters) {
    const SampleRequest samples_of{request().target, "shop", {clock_.now() - std::chrono::hours(3), clock_.now()}};
    const auto all = expect_value(collect_training_samples(filled(), samples_of));
    run("update pganalytics.collection_intervals set counters_reset = true where begins >= now() - interval '1 hour'");
    const auto fewer = expect_value(collect_training_samples(filled(), samples_of));
    EXPECT_LT(fewer.data.size(), all.data.size());
    for (const auto& sample : fewer.data) EXPECT_LT(sample.at, clock_.now() - std::chrono::minutes(58));
}

}  // namespace
}  // namespace pganalytics::workflow
