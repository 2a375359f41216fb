// Jobs, targets, tokens, advice, and a repository that goes away.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "store/jobs.hpp"
#include "store/recommendations.hpp"
#include "store/tokens.hpp"
#include "store_fixture.hpp"

namespace pganalytics::store {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using Jobs = StoreTest;
using Targets = StoreTest;
using Tokens = StoreTest;
using Advices = StoreTest;
using Outages = StoreTest;

const std::vector<std::string> train{"train"};

TEST_F(Jobs, GoFromHandToHand) {
    JobStore jobs(repository());
    auto listener = expect_value(repository().open_own_connection());
    expect_done(listener.execute_script("listen pganalytics_jobs"));
    const auto queued = expect_value(
        jobs.enqueue({.kind = "train", .target_id = {}, .payload_json = R"({"days": 9})", .unique_key = "a"}));
    EXPECT_EQ(expect_value(listener.wait_for_notification(5s)), "train");
    EXPECT_EQ(expect_value(jobs.enqueue({.kind = "train", .target_id = {}, .unique_key = "a"})).id, queued.id);
    EXPECT_FALSE(expect_value(jobs.claim("w1", std::vector<std::string>{"other"}, 10s)));
    const auto job = expect_value(jobs.claim("w1", train, 10s));
    ASSERT_TRUE(job);
    EXPECT_EQ(job->payload_json, R"({"days": 9})");
    EXPECT_FALSE(expect_value(jobs.claim("w2", train, 10s))) << "claimed twice";
    EXPECT_EQ(expect_value(jobs.heartbeat(*job, 0.5, "fitting", 10s)), LeaseState::held);
    EXPECT_EQ(expect_value(jobs.find(job->id)).stage, "fitting");
    expect_done(jobs.complete(*job, R"({"model": 3})"));
    const auto done = expect_value(jobs.find(job->id));
    EXPECT_EQ(done.status, JobStatus::completed);
    EXPECT_EQ(done.result_json, R"({"model": 3})");
    EXPECT_EQ(done.progress, 1);
    EXPECT_NE(expect_value(jobs.enqueue({.kind = "train", .target_id = {}, .unique_key = "a"})).id, queued.id);
}

TEST_F(Jobs, AreTakenOverFromAWorkerThatWasKilled) {
    JobStore jobs(repository());
    const auto queued = expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    const pid_t worker = fork();
    if (worker == 0) {
        Repository own(conninfo());
        auto job = JobStore(own).claim("killed", train, 700ms);
        if (!job || !*job) _exit(1);
        for (;;) pause();
    }
    const auto running = base::Deadline::after(10s);
    while (expect_value(jobs.find(queued.id)).status != JobStatus::running && !running.passed())
        std::this_thread::sleep_for(20ms);
    kill(worker, SIGKILL);
    waitpid(worker, nullptr, 0);
    std::optional<Job> taken;
    const auto patience = base::Deadline::after(10s);
    while (!taken && !patience.passed()) {
        taken = expect_value(jobs.claim("heir", train, 10s));
        std::this_thread::sleep_for(50ms);
    }
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->id, queued.id);
    EXPECT_EQ(taken->attempt, 2);
}

TEST_F(Jobs, AreLostByAWorkerThatOutlivesItsLease) {
    JobStore jobs(repository());
    expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    const auto slow = expect_value(jobs.claim("slow", train, 1ms));
    std::this_thread::sleep_for(20ms);
    const auto heir = expect_value(jobs.claim("heir", train, 10s));
    ASSERT_TRUE(slow && heir);
    EXPECT_EQ(expect_value(jobs.heartbeat(*slow, 0.9, "", 10s)), LeaseState::lost);
    EXPECT_EQ(jobs.complete(*slow, "{}").error().code, base::ErrorCode::conflict);
    expect_done(jobs.complete(*heir, "{}"));
}

TEST_F(Jobs, FailAfterTheirAttempts) {
    JobStore jobs(repository());
    const auto queued = expect_value(jobs.enqueue({.kind = "train", .target_id = {}, .max_attempts = 2}));
    for (int attempt = 1; attempt <= 2; ++attempt) {
        ASSERT_TRUE(expect_value(jobs.claim("w", train, 1ms)));
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_FALSE(expect_value(jobs.claim("w", train, 1s)));
    const auto failed = expect_value(jobs.find(queued.id));
    EXPECT_EQ(failed.status, JobStatus::failed);
    EXPECT_THAT(failed.error, HasSubstr("2 of 2 attempts"));

    expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    const auto retried = expect_value(jobs.claim("w", train, 10s));
    expect_done(jobs.fail(*retried, "the target is down", true));
    EXPECT_EQ(expect_value(jobs.find(retried->id)).status, JobStatus::pending);
    EXPECT_FALSE(expect_value(jobs.claim("w", train, 10s))) << "tried again at once";
}

TEST_F(Jobs, AreCancelled) {
    JobStore jobs(repository());
    const auto pending = expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    EXPECT_EQ(expect_value(jobs.cancel(pending.id)).status, JobStatus::cancelled);
    EXPECT_EQ(jobs.cancel(pending.id).error().code, base::ErrorCode::conflict);
    EXPECT_EQ(jobs.cancel(base::JobId{999}).error().code, base::ErrorCode::not_found);
    expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    const auto running = expect_value(jobs.claim("w", train, 10s));
    EXPECT_EQ(expect_value(jobs.cancel(running->id)).status, JobStatus::running);
    EXPECT_EQ(expect_value(jobs.heartbeat(*running, 0.1, "", 10s)), LeaseState::cancel_requested);
    expect_done(jobs.acknowledge_cancel(*running));
    EXPECT_EQ(expect_value(jobs.find(running->id)).status, JobStatus::cancelled);
}

TEST_F(Jobs, AreEachClaimedOnceByManyWorkers) {
    JobStore jobs(repository());
    for (int i = 0; i < 40; ++i) expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    std::mutex mutex;
    std::vector<std::int64_t> claimed;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            while (auto job = expect_value(jobs.claim("w" + std::to_string(i), train, 30s))) {
                const std::lock_guard lock(mutex);
                claimed.push_back(base::to_integer(job->id));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(claimed, SizeIs(40));
    EXPECT_EQ(std::set<std::int64_t>(claimed.begin(), claimed.end()).size(), 40U);
    JobFilter filter;
    filter.limit = 15;
    const auto first = expect_value(jobs.list(filter));
    filter.cursor = first.next_cursor;
    const auto second = expect_value(jobs.list(filter));
    EXPECT_LT(second.items.front().id, first.items.back().id);
}

TEST_F(Targets, KeepTheirSecretsSealed) {
    const auto id = add_target();
    EXPECT_EQ(expect_value(targets().conninfo(id)).reveal(), "host=db password=canary");
    EXPECT_EQ(value("select count(*) from pganalytics.target_secrets where sealed_conninfo like '%canary%'"), "0");
    EXPECT_EQ(value("select count(*) from pganalytics.targets where conninfo_shown like '%canary%'"), "0");
    TargetStore other(repository(), expect_value(SealingKey::from_bytes(base::Secret(std::string(32, 'x')))));
    EXPECT_EQ(other.conninfo(id).error().code, base::ErrorCode::not_allowed);
    // Copied to another row it does not open either.
    const auto second = add_target("second");
    auto connection = connect(conninfo());
    expect_done(
        connection.execute_script("update pganalytics.target_secrets set sealed_conninfo = (select sealed_conninfo "
                                  "from pganalytics.target_secrets order by target_id limit 1)"));
    EXPECT_EQ(targets().conninfo(second).error().code, base::ErrorCode::not_allowed);
}

TEST_F(Targets, HaveUniqueNamesAndCanBeReplaced) {
    const auto id = add_target();
    EXPECT_EQ(targets().add({.name = "shop", .conninfo = base::Secret("host=x"), .database_filter = {}}).error().code,
              base::ErrorCode::conflict);
    const auto replaced = expect_value(targets().add_or_replace(
        {.name = "shop", .conninfo = base::Secret("host=elsewhere"), .database_filter = {"a\"b", "c,d"}}));
    EXPECT_EQ(replaced.id, id);
    EXPECT_EQ(replaced.database_filter, (std::vector<std::string>{"a\"b", "c,d"}));
    EXPECT_EQ(expect_value(targets().conninfo(id)).reveal(), "host=elsewhere");
    expect_done(targets().record_facts(
        id, {.system_identifier = "76", .server_version = 150018, .time_zone = "Europe/Berlin"}));
    expect_done(targets().record_state(id, "unreachable", "connection to postgres://u:canary@h/db failed"));
    const auto found = expect_value(targets().find_by_name("shop"));
    EXPECT_EQ(found.server_version, 150018);
    EXPECT_THAT(found.state_detail, Not(HasSubstr("canary")));
    expect_done(targets().remove(id, true));
    EXPECT_THAT(expect_value(targets().list()), IsEmpty());
    add_target();
}

TEST_F(Targets, CanBeReachedAnotherWay) {
    const auto id = add_target();
    expect_done(targets().record_state(id, "unreachable", "no route to host"));
    const auto changed = expect_value(targets().set_conninfo(id, base::Secret("host=new password=second-canary")));
    EXPECT_EQ(changed.id, id);
    EXPECT_EQ(changed.state, "new");
    EXPECT_THAT(changed.state_detail, IsEmpty());
    EXPECT_THAT(changed.conninfo_shown, AllOf(HasSubstr("host=new"), Not(HasSubstr("canary"))));
    EXPECT_EQ(expect_value(targets().conninfo(id)).reveal(), "host=new password=second-canary");
    EXPECT_EQ(value("select count(*) from pganalytics.target_secrets where sealed_conninfo like '%canary%'"), "0");
    expect_done(targets().remove(id, true));
    EXPECT_EQ(targets().set_conninfo(id, base::Secret("host=x")).error().code, base::ErrorCode::not_found);
}

TEST_F(Targets, AreSharedOutAmongCollectors) {
    for (const char* name : {"a", "b", "c"}) add_target(name);
    EXPECT_THAT(expect_value(targets().claim("one", 2, 200ms)), SizeIs(2));
    EXPECT_THAT(expect_value(targets().claim("two", 9, 10s)), SizeIs(1));
    EXPECT_THAT(expect_value(targets().claim("one", 9, 200ms)), SizeIs(2));
    std::this_thread::sleep_for(300ms);
    EXPECT_THAT(expect_value(targets().claim("two", 9, 10s)), SizeIs(3)) << "a lost lease was not taken over";
    expect_done(targets().release("two"));
    EXPECT_THAT(expect_value(targets().claim("one", 9, 10s)), SizeIs(3));
}

TEST_F(Tokens, AreShownOnceAndVerified) {
    TokenStore tokens(repository());
    const auto created = expect_value(tokens.create("ci", Role::operator_));
    EXPECT_EQ(created.secret.reveal().size(), 4U + 64U);
    EXPECT_EQ(value("select count(*) from pganalytics.api_tokens where secret_sha256 like '%" +
                    created.secret.reveal().substr(4) + "%'"),
              "0");
    const auto verified = expect_value(tokens.verify(created.secret));
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->role, Role::operator_);
    EXPECT_TRUE(expect_value(tokens.list()).at(0).last_used_at);
    EXPECT_FALSE(expect_value(tokens.verify(base::Secret("pga_0123"))));
    EXPECT_FALSE(expect_value(tokens.verify(base::Secret(""))));
    EXPECT_EQ(tokens.create("ci", Role::viewer).error().code, base::ErrorCode::conflict);
    expect_done(tokens.revoke(created.token.id));
    EXPECT_FALSE(expect_value(tokens.verify(created.secret)));
    EXPECT_EQ(tokens.revoke(created.token.id).error().code, base::ErrorCode::not_found);
    const auto expired = expect_value(tokens.create("ci", Role::admin, base::SystemClock().now() - 1s));
    EXPECT_FALSE(expect_value(tokens.verify(expired.secret)));
}

TEST_F(Tokens, LeaveATrail) {
    AuditStore audit(repository());
    for (int i = 0; i < 5; ++i)
        expect_done(audit.append("ci", "recommendation.dismiss", "recommendation " + std::to_string(i)));
    const auto first = expect_value(audit.list(3, {}));
    ASSERT_THAT(first.items, SizeIs(3));
    EXPECT_EQ(first.items[0].object, "recommendation 4");
    const auto second = expect_value(audit.list(3, first.next_cursor));
    EXPECT_THAT(second.items, SizeIs(2));
    EXPECT_FALSE(second.next_cursor);
}

AdviceToSave index_advice(std::string identity, double improvement, double calls_per_minute) {
    advice::Advice advice;
    advice.rule = "missing_index_detected";
    advice.source = advice::SourceType::index;
    advice.database_name = "shop";
    advice.title = "Index orders (buyer)";
    advice.reasoning = "It is read whole.";
    advice.statement = "CREATE INDEX CONCURRENTLY ON orders (buyer)";
    advice.rollback_statement = "DROP INDEX CONCURRENTLY orders_buyer_idx";
    advice.identity = std::move(identity);
    advice.estimated_improvement_percent = improvement;
    advice.confidence = advice::Confidence::prior(0.9);
    for (const std::int64_t hash : {1001, 1002}) {
        advice.served.push_back({.query_hash = base::QueryHash{hash},
                                 .improvement_percent = improvement,
                                 .calls_per_minute = calls_per_minute,
                                 .mean_exec_time = base::Milliseconds(500),
                                 .share_of_benefit = 0.5});
    }
    return {.advice = std::move(advice), .parameter = {}};
}

TEST_F(Advices, AreRankedPagedUpdatedAndGoStale) {
    const auto target = add_target();
    announce(target, 1, "select * from orders where buyer = $1");
    RecommendationStore store(repository());
    const AdviceScope scope{.database_name = "shop", .rules = {"missing_index_detected"}, .query_hash = {}};
    std::vector<AdviceToSave> all;
    for (int i = 1; i <= 5; ++i) all.push_back(index_advice("index:" + std::to_string(i), 10.0 * i, 60));
    const auto saved = expect_value(store.save(target, scope, all));
    EXPECT_EQ(saved.added, 5U);

    RecommendationFilter filter;
    filter.limit = 2;
    const auto first = expect_value(store.list(filter));
    ASSERT_THAT(first.items, SizeIs(2));
    // 60 calls a minute of 500 ms are 30 seconds a minute, twice; 0.9 x 50 % x 60.
    EXPECT_DOUBLE_EQ(first.items[0].urgency_score, 60);
    EXPECT_DOUBLE_EQ(first.items[0].roi_score, 2700);
    EXPECT_EQ(first.items[0].query_hash, base::QueryHash{1001});
    EXPECT_TRUE(first.items[0].source_id);
    EXPECT_THAT(first.items[0].query_hashes_json, HasSubstr("\"query_hash_text\": \"1002\""));
    filter.cursor = first.next_cursor;
    EXPECT_DOUBLE_EQ(expect_value(store.list(filter)).items.at(0).estimated_improvement_percent, 30);

    const auto suggestions = expect_value(store.rewrite_suggestions(base::QueryHash{1001}, target, "shop", 10));
    ASSERT_THAT(suggestions, SizeIs(5));
    EXPECT_EQ(suggestions[0].original_query, "select * from orders where buyer = $1");

    const auto id = first.items[0].id;
    EXPECT_TRUE(expect_value(store.dismiss(id, "not now")).is_dismissed);
    all.pop_back();
    all.push_back(index_advice("index:5", 55, 60));
    all.erase(all.begin());
    const auto again = expect_value(store.save(target, scope, all));
    EXPECT_EQ(again.added, 0U);
    EXPECT_EQ(again.updated, 4U);
    EXPECT_EQ(again.stale, 1U);
    const auto same = expect_value(store.find(id));
    EXPECT_DOUBLE_EQ(same.estimated_improvement_percent, 55);
    EXPECT_TRUE(same.is_dismissed) << "a dismissal was forgotten";
    filter.cursor = {};
    filter.limit = 20;
    EXPECT_THAT(expect_value(store.list(filter)).items, SizeIs(3));
    filter.min_impact_percent = 35;
    EXPECT_THAT(expect_value(store.list(filter)).items, SizeIs(1));
    filter.source_type = advice::SourceType::rewrite;
    EXPECT_THAT(expect_value(store.list(filter)).items, IsEmpty());
    EXPECT_EQ(store.find(base::RecommendationId{999}).error().code, base::ErrorCode::not_found);
    EXPECT_EQ(store.dismiss(base::RecommendationId{999}, "").error().code, base::ErrorCode::not_found);
}

TEST_F(Advices, OfOneQueryLeaveOthersAlone) {
    const auto target = add_target();
    RecommendationStore store(repository());
    const std::vector<AdviceToSave> all{index_advice("index:1", 10, 1)};
    expect_value(
        store.save(target, {.database_name = "shop", .rules = {"missing_index_detected"}, .query_hash = {}}, all));
    const AdviceScope elsewhere{
        .database_name = "shop", .rules = {"missing_index_detected"}, .query_hash = base::QueryHash{4711}};
    EXPECT_EQ(expect_value(store.save(target, elsewhere, {})).stale, 0U);
    const AdviceScope here{
        .database_name = "shop", .rules = {"missing_index_detected"}, .query_hash = base::QueryHash{1002}};
    EXPECT_EQ(expect_value(store.save(target, here, {})).stale, 1U);
    EXPECT_THAT(expect_value(store.rewrite_suggestions(base::QueryHash{1001}, {}, {}, 10)), SizeIs(1));
    EXPECT_THAT(expect_value(store.rewrite_suggestions(base::QueryHash{1002}, {}, {}, 10)), IsEmpty());
}

TEST_F(Advices, ForParametersHaveTheirOwnTable) {
    const auto target = add_target();
    auto advice = index_advice("work_mem", 20, 10);
    advice.advice.rule = "work_mem";
    advice.advice.source = advice::SourceType::parameter;
    advice.parameter =
        ParameterValues{.parameter_name = "work_mem", .current_value = "4MB", .recommended_value = "6MB"};
    auto weak = index_advice("weak", 20, 10);
    weak.advice.confidence = advice::Confidence::prior(0.3);
    RecommendationStore store(repository());
    const std::vector<AdviceToSave> all{advice, weak};
    expect_value(
        store.save(target, {.database_name = "shop", .rules = {}, .query_hash = {}, .min_confidence = 0.6}, all));
    const auto found = expect_value(store.parameter_suggestions(base::QueryHash{1001}, target, {}, 10));
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].recommended_value, "6MB");
    const auto listed = expect_value(store.list({})).items;
    ASSERT_THAT(listed, SizeIs(1)) << "a weak suggestion became a recommendation";
    EXPECT_EQ(listed[0].source_type, "parameter");
    EXPECT_EQ(expect_value(store.rule_record("work_mem")), advice::RuleRecord{});
}

TEST_F(Outages, AreWaitedOutAndLeaveNothingHalfWritten) {
    JobStore jobs(repository());
    expect_value(jobs.enqueue({.kind = "train", .target_id = {}}));
    kill(cluster().postmaster_pid(), SIGKILL);
    while (cluster().running()) std::this_thread::sleep_for(10ms);
    const auto down = jobs.list({});
    ASSERT_FALSE(down);
    EXPECT_EQ(down.error().code, base::ErrorCode::retry_later);
    EXPECT_THAT(down.error().message, HasSubstr("repository"));
    expect_done(cluster().restart());
    EXPECT_THAT(expect_value(jobs.list({})).items, SizeIs(1)) << "the same objects must work again by themselves";
}

TEST_F(Outages, AreAStateAtStartNotAFailure) {
    Repository nowhere(base::Secret("host=/nonexistent dbname=x user=y"));
    EXPECT_EQ(nowhere.migrate().error().code, base::ErrorCode::retry_later);
    EXPECT_EQ(nowhere.check().error().code, base::ErrorCode::retry_later);
}

}  // namespace
}  // namespace pganalytics::store
