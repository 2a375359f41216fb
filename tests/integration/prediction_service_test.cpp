// Predictions on a real repository and target: what each answer rests on, activations under load, models that cannot be
// read, the scenario `optimized`, and a target that is away.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "postgres/server_planner.hpp"
#include "prediction_world.hpp"
#include "store/recommendations.hpp"
#include "workflow/advice_predictions.hpp"
#include "workflow/parameter_values.hpp"

namespace pganalytics {
namespace {

using namespace std::chrono_literals;
using prediction::PredictionSource;
using test::must;
using test::PredictionWorld;

/// One server for all; each test leaves it with no active model of its own making that others would mind.
class PredictionServiceTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { world_ = std::make_unique<PredictionWorld>(); }
    static void TearDownTestSuite() { world_.reset(); }
    static PredictionWorld& world() { return *world_; }

    static void advise_index() {
        advice::Advice advice;
        advice.rule = "missing_index_detected";
        advice.source = advice::SourceType::index;
        advice.database_name = PredictionWorld::database;
        advice.title = "Index orders by customer";
        advice.statement = "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);";
        advice.served.push_back({world().statement("by_customer").query_hash, 90, 20, base::Milliseconds{5}, 1.0});
        advice.estimated_improvement_percent = 90;
        advice.confidence = advice::Confidence::prior(0.9);
        advice.identity = "orders by customer";
        (void)must(store::RecommendationStore(*world().repository)
                       .save(world().target,
                             {std::string(PredictionWorld::database), {"missing_index_detected"}, {}, 0},
                             std::vector<store::AdviceToSave>{{advice, {}}}));
    }

  private:
    static inline std::unique_ptr<PredictionWorld> world_;
};

TEST_F(PredictionServiceTest, WithoutAModelHistoryAndThisServersOwnTimesAnswer) {
    const auto service = world().service();
    for (const auto& statement : world().statements) {
        const auto prediction = must(service->predict(world().request(statement.name)));
        EXPECT_EQ(prediction.source, PredictionSource::history) << statement.name;
        EXPECT_FALSE(prediction.model_id);
        EXPECT_NEAR(std::log(prediction.predicted_ms), std::log(statement.median_ms), 0.3) << statement.name;
        double sum = 0;
        for (const auto& part : prediction.parts) sum += part.contribution_ms;
        EXPECT_NEAR(sum, prediction.predicted_ms, 1e-6 * prediction.predicted_ms + 1e-6);
        EXPECT_FALSE(prediction.why.empty());
    }
    prediction::PredictionRequest never_run;
    never_run.query_text = "select max(amount) from orders where customer between 10 and 500";
    never_run.database_name = PredictionWorld::database;
    const auto fresh = must(service->predict(never_run));
    EXPECT_TRUE(fresh.source == PredictionSource::fallback || fresh.source == PredictionSource::unknown);
    EXPECT_EQ(fresh.model_version, "cost line");
}

TEST_F(PredictionServiceTest, WhatHasNoPlanIsAnsweredFromItsOwnPast) {
    const auto service = world().service();
    prediction::PredictionRequest request;
    request.query_hash = world().ingest_without_plan("commit", 0.3, 30);
    const auto known = must(service->predict(request));
    EXPECT_EQ(known.source, PredictionSource::history);
    EXPECT_EQ(known.model_version, "own past");
    EXPECT_FALSE(known.model_id);
    EXPECT_NEAR(known.predicted_ms, 0.3, 0.06);
    ASSERT_TRUE(known.lower_ms && known.upper_ms);
    EXPECT_GT(*known.lower_ms, 0.15);
    EXPECT_LT(*known.upper_ms, 0.6);
    ASSERT_EQ(known.parts.size(), 1U);
    EXPECT_NEAR(known.parts.front().contribution_ms, known.predicted_ms, 1e-9);
    ASSERT_FALSE(known.notes.empty());
    EXPECT_TRUE(must(service->validate(known.prediction_id, known.query_hash, 0.3)).result.within_interval);

    request.query_hash = world().ingest_without_plan("rollback", 0.2, 2);
    EXPECT_EQ(must(service->predict(request)).source, PredictionSource::unknown) << "two intervals promise nothing";
    request.query_hash = world().ingest_without_plan("checkpoint", 0.2, 0);
    EXPECT_FALSE(service->predict(request)) << "nothing is known of it at all";
}

TEST_F(PredictionServiceTest, AdviceCarriesTheTimesThatAreExpectedOfIt) {
    (void)must(store::ModelStore(*world().repository).activate(world().train()));
    const auto& statement = world().statement("by_customer");
    workflow::Analysis analysis;
    const auto advise = [&](const std::string& ddl) {
        advice::Advice advice;
        advice.rule = "missing_index_detected";
        advice.source = advice::SourceType::index;
        advice.title = ddl;
        advice.statement = ddl;
        advice.served.push_back({statement.query_hash, 90, 20, base::Milliseconds{5}, 1.0});
        advice.estimated_improvement_percent = 12.5;
        advice.confidence = advice::Confidence::prior(0.9);
        advice.evidence.basis = advice::Basis::planner_cost;
        analysis.advice.push_back(workflow::rank(std::move(advice)));
    };
    advise("VACUUM orders;");  // no plan shows what it does
    advise("CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);");
    workload::Workload workload{std::string(PredictionWorld::database), base::Minutes{60}, {}};
    workload::ObservedStatement observed;
    observed.query_hash = statement.query_hash;
    observed.text = statement.text;
    workload.statements.push_back(observed);
    auto connection = world().cluster.connect(PredictionWorld::database);
    postgres::ServerPlanner planner(connection);
    const auto now = world().clock.now();
    const auto predictor = must(workflow::DatabasePredictor::read(*world().repository, world().target,
                                                                  std::string(PredictionWorld::database), now));
    workflow::add_predicted_times(analysis, workload, planner, *predictor, now);
    ASSERT_EQ(analysis.advice.size(), 2U);
    const auto& index = analysis.advice.front().advice;
    ASSERT_EQ(index.source, advice::SourceType::index);
    ASSERT_TRUE(index.title.starts_with("CREATE INDEX")) << "what helps most comes first";
    ASSERT_TRUE(index.evidence.predicted_ms_before && index.evidence.predicted_ms_after);
    EXPECT_NEAR(std::log(*index.evidence.predicted_ms_before), std::log(statement.median_ms), 0.5);
    EXPECT_LT(*index.evidence.predicted_ms_after, *index.evidence.predicted_ms_before);
    EXPECT_EQ(index.evidence.basis, advice::Basis::predicted_time);
    EXPECT_NEAR(index.estimated_improvement_percent,
                100 * (1 - *index.evidence.predicted_ms_after / *index.evidence.predicted_ms_before), 1e-6);
    const auto& other = analysis.advice.back().advice;
    EXPECT_FALSE(other.evidence.predicted_ms_before);
    EXPECT_EQ(other.estimated_improvement_percent, 12.5);
}

TEST_F(PredictionServiceTest, RefusesWhatItCannotKnow) {
    const auto service = world().service();
    const auto code = [&](const prediction::PredictionRequest& request) {
        const auto prediction = service->predict(request);
        return prediction ? base::ErrorCode::internal : prediction.error().code;
    };
    prediction::PredictionRequest request;
    EXPECT_EQ(code(request), base::ErrorCode::fix_input);
    request.query_hash = base::QueryHash{12345};
    EXPECT_EQ(code(request), base::ErrorCode::not_found);
    request = {};
    request.query_text = "select 1";
    EXPECT_EQ(code(request), base::ErrorCode::fix_input);
    request.database_name = "nowhere";
    EXPECT_EQ(code(request), base::ErrorCode::not_found);
    request.database_name = PredictionWorld::database;
    request.query_text = "select from from";
    EXPECT_EQ(code(request), base::ErrorCode::fix_input);
    request.query_text = "select * from no_such_table";
    EXPECT_NE(code(request), base::ErrorCode::internal);
    request = world().request("by_key");
    request.model_id = base::ModelId{424242};
    EXPECT_EQ(code(request), base::ErrorCode::not_found);
    request.model_id.reset();
    request.level = 1.5;
    EXPECT_EQ(code(request), base::ErrorCode::fix_input);
    EXPECT_GE(service->counters().failed, 8U);
}

TEST_F(PredictionServiceTest, ActivationsUnderLoadLoseNoRequest) {
    const auto first = world().train(prediction::ModelType::linear_regression);
    const auto second = world().train(prediction::ModelType::decision_tree);
    store::ModelStore models(*world().repository);
    (void)must(models.activate(first));
    const auto service = world().service(nullptr, false);
    std::atomic<bool> stop = false;
    std::atomic<int> failed = 0, answered = 0;
    std::mutex mutex;
    std::set<std::int64_t> seen;
    std::vector<std::jthread> askers;
    for (int thread = 0; thread < 4; ++thread) {
        askers.emplace_back([&, thread] {
            for (std::size_t i = static_cast<std::size_t>(thread); !stop; ++i) {
                const auto& statement = world().statements[i % world().statements.size()];
                const auto prediction = service->predict(world().request(statement.name));
                if (!prediction || !prediction->model_id) {
                    ++failed;
                    continue;
                }
                ++answered;
                const std::lock_guard lock(mutex);
                seen.insert(base::to_integer(*prediction->model_id));
            }
        });
    }
    for (int i = 0; i < 6; ++i) {
        const auto now_active = i % 2 == 0 ? second : first;
        (void)must(models.activate(now_active));
        // Noticed within a second or so.
        const auto patience = std::chrono::steady_clock::now() + 5s;
        while (std::chrono::steady_clock::now() < patience) {
            const auto prediction = must(service->predict(world().request("by_key")));
            if (prediction.model_id == now_active) break;
            std::this_thread::sleep_for(20ms);
        }
        EXPECT_EQ(must(service->predict(world().request("by_key"))).model_id, now_active);
    }
    stop = true;
    askers.clear();
    EXPECT_EQ(failed, 0);
    EXPECT_GT(answered, 100);
    EXPECT_EQ(seen.size(), 2U);
}

TEST_F(PredictionServiceTest, AModelThatCannotBeReadLeavesThePreviousOneServing) {
    const auto good = world().train(prediction::ModelType::linear_regression);
    store::ModelStore models(*world().repository);
    (void)must(models.activate(good));
    const auto service = world().service(nullptr, false);
    EXPECT_EQ(must(service->predict(world().request("by_key"))).model_id, good);
    store::NewModel damaged;
    damaged.target_id = world().target;
    damaged.database_name = PredictionWorld::database;
    damaged.model_type = "linear_regression";
    damaged.content = "these bytes are no model";
    const auto bad = must(models.save(damaged)).id;
    (void)must(models.activate(bad));
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(must(service->predict(world().request("by_key"))).model_id, good);
    // A process that starts now says so, too.
    const auto later = must(world().service()->predict(world().request("by_key")));
    EXPECT_EQ(later.model_id, good);
    EXPECT_FALSE(later.notes.empty());
    (void)must(models.activate(good));
}

TEST_F(PredictionServiceTest, OptimizedIsThePlanWithTheRecommendations) {
    (void)must(store::ModelStore(*world().repository).activate(world().train()));
    auto request = world().request("by_customer");
    {
        const auto service = world().service();
        request.scenario = prediction::Scenario::optimized;
        const auto before_advice = must(service->predict(request));
        EXPECT_FALSE(before_advice.notes.empty());
    }
    advise_index();
    const auto service = world().service();
    request.scenario = prediction::Scenario::current;
    const auto current = must(service->predict(request));
    request.scenario = prediction::Scenario::optimized;
    const auto optimized = must(service->predict(request));
    EXPECT_LT(optimized.predicted_ms, current.predicted_ms);
    ASSERT_TRUE(optimized.upper_ms);
    EXPECT_LE(optimized.predicted_ms, *optimized.upper_ms);
    EXPECT_NE(optimized.prediction_id, current.prediction_id);
    EXPECT_NE(optimized.notes.front().find("Index orders by customer"), std::string::npos);
}

TEST_F(PredictionServiceTest, ParametersArePlannedFor) {
    const auto service = world().service();
    auto rare = world().request("by_state");
    rare.parameters = must(workflow::parameter_literals({{"1", "open"}}));
    auto common = world().request("by_state");
    common.parameters = must(workflow::parameter_literals({{"state", "done"}, {"colour", "red"}}));
    const auto rows = [](const prediction::Prediction& prediction) {
        for (const auto& [name, value] : prediction.features) {
            if (name == "root_total_cost") return value;
        }
        return 0.0;
    };
    const auto of_rare = must(service->predict(rare));
    const auto of_common = must(service->predict(common));
    EXPECT_LT(rows(of_rare), rows(of_common));
    ASSERT_FALSE(of_common.notes.empty());
    EXPECT_NE(of_common.notes.front().find("colour"), std::string::npos);
}

TEST_F(PredictionServiceTest, LevelsNestAndIdentifiersAreChecked) {
    (void)must(store::ModelStore(*world().repository).activate(world().train()));
    const auto service = world().service();
    auto request = world().request("join");
    const auto usual = must(service->predict(request));
    request.level = 0.5;
    const auto narrow = must(service->predict(request));
    ASSERT_TRUE(usual.upper_ms && narrow.upper_ms);
    EXPECT_LT(*narrow.upper_ms / *narrow.lower_ms, *usual.upper_ms / *usual.lower_ms);
    EXPECT_EQ(narrow.level, 0.5);

    const auto validated = must(service->validate(usual.prediction_id, usual.query_hash, usual.predicted_ms));
    EXPECT_NEAR(validated.result.error_percent, 0, 1e-6);
    EXPECT_EQ(validated.result.within_interval, true);
    EXPECT_FALSE(service->validate(usual.prediction_id, base::QueryHash{1}, 1));
    EXPECT_FALSE(service->validate(usual.prediction_id, usual.query_hash, 0));
    EXPECT_FALSE(service->validate(usual.prediction_id + "0", usual.query_hash, 1));
    EXPECT_NEAR(service->counters().accuracy_sum, 1, 1e-6);
}

TEST_F(PredictionServiceTest, AnswersAreKeptAndShared) {
    const auto service = world().service();
    const auto first = must(service->predict(world().request("sorted")));
    const auto second = must(service->predict(world().request("sorted")));
    EXPECT_FALSE(first.cached);
    EXPECT_TRUE(second.cached);
    EXPECT_EQ(first.prediction_id, second.prediction_id);
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 8; ++thread) {
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i) {
                    const auto prediction = service->predict(world().request("sorted"));
                    if (!prediction || prediction->prediction_id != first.prediction_id) ++wrong;
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
}

TEST_F(PredictionServiceTest, WithoutTheTargetTheCapturedPlanAnswers) {
    const auto away = must(world().targets->add({"away", base::Secret("host=127.0.0.1 port=1 dbname=app"), {}, false}));
    // The same history under a server that cannot be reached.
    must(world().repository->with_connection([&](postgres::Connection& connection) -> base::Result<bool> {
        const auto id = std::to_string(base::to_integer(world().target));
        const auto other = std::to_string(base::to_integer(away.id));
        PGANALYTICS_ASSIGN(
            auto plans,
            connection.query("insert into pganalytics.explain_plans select " + other +
                             ", database_name, query_hash, shape_hash, source, "
                             "captured_at, last_seen_at, total_cost, plan, planned_text, repairs, dml_as_select "
                             "from pganalytics.explain_plans where target_id = " +
                             id));
        PGANALYTICS_ASSIGN(
            auto keys,
            connection.query("insert into pganalytics.statement_keys (target_id, statement_id, database_oid, user_oid, "
                             "queryid, toplevel, "
                             "query_hash, database_name, user_name) overriding system value select " +
                             other +
                             ", statement_id + 1000000, "
                             "database_oid, user_oid, queryid, toplevel, query_hash, database_name, user_name "
                             "from pganalytics.statement_keys where target_id = " +
                             id));
        PGANALYTICS_ASSIGN(
            auto rows,
            connection.query(
                "insert into pganalytics.metrics_raw (begins, target_id, statement_id, absent, length_ms, calls, "
                "total_exec_time_ms) select begins, " +
                other +
                ", statement_id + 1000000, absent, length_ms, calls, "
                "total_exec_time_ms from pganalytics.metrics_raw where target_id = " +
                id));
        return true;
    }));
    const auto service = world().service();
    auto request = world().request("by_state");
    request.target = away.id;
    request.parameters = must(workflow::parameter_literals({{"1", "open"}}));
    const auto prediction = service->predict(request);
    must(world().targets->remove(away.id));
    ASSERT_TRUE(prediction) << prediction.error().to_string();
    ASSERT_FALSE(prediction->notes.empty());
    EXPECT_NE(prediction->notes.front().find("could not plan it now"), std::string::npos);
}

}  // namespace
}  // namespace pganalytics
