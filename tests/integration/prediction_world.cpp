#include "prediction_world.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "collector/catalog_reader.hpp"
#include "plan/plan.hpp"
#include "postgres/server_planner.hpp"
#include "sql/identity.hpp"
#include "store/ingest.hpp"
#include "workflow/parameter_values.hpp"
#include "workflow/training_job.hpp"

namespace pganalytics::test {

namespace {

constexpr int intervals = 40;
constexpr int runs_each = 5;

std::vector<TimedStatement> statement_list() {
    return {{"by_key", "select * from orders where id = $1", {"5", "777", "15000"}},
            {"by_customer", "select * from orders where customer = $1", {"5", "77", "400"}},
            {"by_state", "select count(*), sum(amount) from orders where state = $1", {"'open'", "'done'"}},
            {"join",
             "select c.name, sum(o.amount) from orders o join customers c on c.id = o.customer where c.region = $1 "
             "group by c.name",
             {"1", "7"}},
            {"sorted", "select * from orders where amount > $1 order by amount desc limit 20", {"10", "900"}},
            {"customers", "select * from customers where region = $1", {"3", "9"}},
            {"customer_key", "select name from customers where id = $1", {"3", "1999"}},
            {"months",
             "select date_trunc('month', placed), count(*) from orders where amount < $1 group by 1",
             {"100", "900"}},
            {"recent", "select count(*) from orders where placed > $1", {"'2026-06-01'", "'2026-01-01'"}},
            {"self_join",
             "select count(*) from orders a join orders b on a.customer = b.customer where a.amount > $1",
             {"995", "999"}}};
}

std::string bound(const TimedStatement& statement, std::size_t run) {
    return workflow::bind_parameters(statement.text, {{"1", statement.literals[run % statement.literals.size()]}}).text;
}

}  // namespace

PredictionWorld::PredictionWorld() : statements(statement_list()) {
    cluster.run("create database repository; create database app");
    cluster.run("create extension hypopg", database);
    connection_ = std::make_unique<postgres::Connection>(cluster.connect(database));
    make_tables();
    repository = std::make_unique<store::Repository>(cluster.conninfo("repository"));
    static_cast<void>(must(repository->migrate()));
    targets = std::make_unique<store::TargetStore>(
        *repository, must(store::SealingKey::from_bytes(base::Secret(std::string(32, 'k')))));
    target = must(targets->add({"app server", cluster.conninfo(database), {}, false})).id;
    observe();
}

void PredictionWorld::make_tables() {
    cluster.run(
        "create table customers (id int primary key, name text not null, region int not null);"
        "insert into customers select i, 'customer ' || i, i % 20 from generate_series(1, 2000) i;"
        "create table orders (id int primary key, customer int not null, state text not null, amount numeric not null,"
        "  placed timestamptz not null);"
        "insert into orders select i, i % 2000 + 1, case when i % 50 = 0 then 'open' else 'done' end, i % 1000,"
        "  timestamptz '2026-01-01' + i * interval '5 minutes' from generate_series(1, 60000) i;"
        "analyze customers; analyze orders",
        database);
}

double PredictionWorld::run(const TimedStatement& statement, int runs) {
    std::vector<double> times;
    for (int i = 0; i < runs; ++i) {
        const auto text = bound(statement, static_cast<std::size_t>(i));
        const auto begin = std::chrono::steady_clock::now();
        static_cast<void>(must(connection_->query(text)));
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
    return times[static_cast<std::size_t>(runs / 2)];
}

void PredictionWorld::observe() {
    store::Ingest ingest(*repository);
    postgres::ServerPlanner planner(*connection_);
    const auto now = clock.now();
    std::vector<store::KnownStatement> known;
    std::vector<store::CapturedPlan> plans;
    for (std::size_t i = 0; i < statements.size(); ++i) {
        auto& one = statements[i];
        one.query_hash = sql::query_hash(one.text);
        store::KnownStatement statement;
        statement.key = {base::Oid{16384}, base::Oid{10}, base::QueryId{static_cast<std::int64_t>(i) + 1}, true};
        statement.database_name = database;
        statement.user_name = "app";
        statement.query_hash = one.query_hash;
        if (const auto family = sql::fingerprint_hash(one.text)) statement.fingerprint_hash = *family;
        statement.text = one.text;
        known.push_back(std::move(statement));
        auto planned = must(planner.plan(one.text));
        store::CapturedPlan plan;
        plan.database_name = database;
        plan.query_hash = one.query_hash;
        plan.shape_hash = plan::shape_hash(planned.plan);
        plan.captured_at = now - std::chrono::minutes(intervals + 5);
        plan.source = planned.source;
        plan.total_cost = planned.plan.total_cost().value;
        plan.plan_json = planned.explain_json;
        plans.push_back(std::move(plan));
    }
    must(ingest.upsert_statements(target, known));
    must(ingest.plans(target, plans));
    const auto reading = must(collector::read_catalog(*connection_));
    must(ingest.catalog(target, reading.database, now - std::chrono::hours(1)));
    std::vector<workload::StatementKey> keys;
    for (const auto& statement : known) keys.push_back(statement.key);
    observe_intervals(keys);
}

/// Each statement is really run; the intervals' means spread about what was measured, as minutes do.
void PredictionWorld::observe_intervals(const std::vector<workload::StatementKey>& keys) {
    store::Ingest ingest(*repository);
    std::mt19937 random(7);
    std::normal_distribution<double> noise(0, 0.12);
    for (auto& one : statements) {
        static_cast<void>(run(one, 2));
        one.median_ms = run(one, runs_each);
    }
    const auto now = std::chrono::floor<std::chrono::minutes>(clock.now());
    for (int i = 0; i < intervals; ++i) {
        store::IntervalBatch batch;
        batch.begins = now - std::chrono::minutes(intervals + 1 - i);
        batch.ends = batch.begins + std::chrono::minutes(1);
        std::vector<workload::StatementInterval> rows;
        for (std::size_t k = 0; k < statements.size(); ++k) {
            workload::StatementInterval row{keys[k], batch.begins, batch.ends, {}};
            row.delta.calls = 20 + static_cast<std::int64_t>(k);
            row.delta.total_exec_time_ms =
                static_cast<double>(row.delta.calls) * statements[k].median_ms * std::exp(noise(random));
            row.delta.rows = row.delta.calls * 10;
            row.delta.shared_blks_hit = row.delta.calls * 100;
            rows.push_back(row);
        }
        batch.statements = rows;
        static_cast<void>(must(ingest.intervals(target, std::vector{batch})));
    }
}

base::QueryHash PredictionWorld::ingest_without_plan(std::string_view text, double median_ms, int intervals_seen) {
    store::Ingest ingest(*repository);
    store::KnownStatement statement;
    statement.key = {base::Oid{16384}, base::Oid{10}, base::QueryId{1000 + ++without_plan_}, true};
    statement.database_name = database;
    statement.user_name = "app";
    statement.text = text;
    statement.query_hash = sql::query_hash(statement.text);
    must(ingest.upsert_statements(target, std::vector{statement}));
    std::mt19937 random(11);
    std::normal_distribution<double> noise(0, 0.2);
    // Before the other statements' intervals: each is ingested once.
    const auto first = std::chrono::floor<std::chrono::minutes>(clock.now()) -
                       std::chrono::minutes(intervals + 100 * (without_plan_ + 1));
    for (int i = 0; i < intervals_seen; ++i) {
        store::IntervalBatch batch;
        batch.begins = first + std::chrono::minutes(i);
        batch.ends = batch.begins + std::chrono::minutes(1);
        workload::StatementInterval row{statement.key, batch.begins, batch.ends, {}};
        row.delta.calls = 50;
        row.delta.total_exec_time_ms = 50 * median_ms * std::exp(noise(random));
        const std::vector rows{row};
        batch.statements = rows;
        static_cast<void>(must(ingest.intervals(target, std::vector{batch})));
    }
    return statement.query_hash;
}

std::unique_ptr<workflow::PredictionService> PredictionWorld::service(
    std::shared_ptr<prediction::PredictionCache> outer_cache, bool keep_answers) {
    workflow::PredictionDependencies dependencies{*repository, *targets,    clock,
                                                  base::Log(), signing_key, std::move(outer_cache)};
    if (!keep_answers) dependencies.cache.time_to_live = std::chrono::milliseconds(0);
    dependencies.serving.look_every = std::chrono::milliseconds(100);
    return std::make_unique<workflow::PredictionService>(std::move(dependencies));
}

base::ModelId PredictionWorld::train(prediction::ModelType type) {
    workflow::TrainingRequest request;
    request.target = target;
    request.database_name = database;
    request.type = type;
    return must(workflow::train_performance_model(*repository, clock, request, std::nullopt,
                                                  [](double, std::string_view) { return true; }))
        .stored.id;
}

const TimedStatement& PredictionWorld::statement(std::string_view name) const {
    const auto found =
        std::find_if(statements.begin(), statements.end(), [&](const TimedStatement& one) { return one.name == name; });
    if (found == statements.end()) throw std::runtime_error("no statement " + std::string(name));
    return *found;
}

prediction::PredictionRequest PredictionWorld::request(std::string_view name) const {
    prediction::PredictionRequest request;
    request.query_hash = statement(name).query_hash;
    return request;
}

}  // namespace pganalytics::test
