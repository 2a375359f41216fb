#include "http_world.hpp"

#include <stdexcept>

#include "collector/target_loop.hpp"
#include "plan/plan.hpp"
#include "store/ingest.hpp"
#include "store/patterns.hpp"
#include "store/recommendations.hpp"
#include "store/tokens.hpp"

namespace pganalytics::test {

namespace {

template <typename T>
T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(result).value();
}

void must(const base::Status& status) {
    if (!status) throw std::runtime_error(status.error().to_string());
}

store::KnownStatement statement(std::int64_t query_id, std::int64_t query_hash, const std::string& database_name,
                                const std::string& text) {
    store::KnownStatement known;
    known.key.database = base::Oid{16384};
    known.key.user = base::Oid{10};
    known.key.query_id = base::QueryId{query_id};
    known.database_name = database_name;
    known.user_name = "shop_app";
    known.query_hash = base::QueryHash{query_hash};
    known.fingerprint_hash = base::FingerprintHash{query_hash + 1};
    known.text = text;
    return known;
}

void ingest(store::Repository& repository, base::TargetId target, const std::vector<store::KnownStatement>& statements,
            base::Timestamp now) {
    store::Ingest store(repository);
    must(store.upsert_statements(target, statements));
    std::vector<workload::StatementInterval> intervals;
    const auto begins = now - std::chrono::minutes(2);
    const auto ends = now - std::chrono::minutes(1);
    for (std::size_t i = 0; i < statements.size(); ++i) {
        workload::StatementInterval interval{statements[i].key, begins, ends, {}};
        interval.delta.calls = 60 + static_cast<std::int64_t>(i);
        interval.delta.total_exec_time_ms = 600.0 * static_cast<double>(i + 1);
        interval.delta.rows = 120;
        interval.delta.shared_blks_hit = 4000;
        interval.delta.plans = 0;
        intervals.push_back(interval);
    }
    store::IntervalBatch batch;
    batch.begins = begins;
    batch.ends = ends;
    batch.statements = intervals;
    const std::vector batches{batch};
    if (must(store.intervals(target, batches)).rows_stored != statements.size()) {
        throw std::runtime_error("the repository did not take the intervals");
    }
}

store::AdviceToSave advice_for(std::int64_t query_hash, int number) {
    advice::Advice advice;
    advice.rule = "missing_index_detected";
    advice.source = number % 2 == 0 ? advice::SourceType::index : advice::SourceType::rewrite;
    advice.database_name = "shop";
    advice.title = "Advice " + std::to_string(number);
    advice.reasoning = "It was seen.";
    advice.statement = "CREATE INDEX CONCURRENTLY i" + std::to_string(number) + " ON orders (id);";
    advice.rollback_statement = "DROP INDEX CONCURRENTLY i" + std::to_string(number) + ";";
    advice.served.push_back({base::QueryHash{query_hash}, 50, 60, base::Milliseconds{10}, 1.0});
    advice.estimated_improvement_percent = 10.0 * number;
    advice.confidence = advice::Confidence::prior(0.9);
    advice.evidence.costs.push_back({base::QueryHash{query_hash}, {100}, {10}, "Seq Scan", "Index Scan", true, 60});
    advice.evidence.facts = {"60 calls a minute."};
    advice.identity = "advice " + std::to_string(number);
    return {advice, {}};
}

}  // namespace

HttpWorld::HttpWorld(http::RateLimit limit_with_token, http::RateLimit limit_without_token) {
    repository = std::make_unique<store::Repository>(cluster.conninfo());
    (void)must(repository->migrate());
    targets = std::make_unique<store::TargetStore>(
        *repository, must(store::SealingKey::from_bytes(base::Secret(std::string(32, 'k')))));
    fill();
    const base::Log log(base::LogLevel::debug, base::LogFormat::logfmt, log_lines);
    // Nothing is kept of statements, so that each request is the repository's.
    workflow::PredictionDependencies of_predictions{*repository, *targets, clock_, log,
                                                    base::Secret(std::string(32, 's'))};
    of_predictions.statements_kept_for = std::chrono::milliseconds(0);
    predictions_ = std::make_unique<workflow::PredictionService>(std::move(of_predictions));
    http::Dependencies dependencies{
        .repository = *repository,
        .targets = *targets,
        .predictions = *predictions_,
        .clock = clock_,
        .log = log,
        .version = "0.0.0-test",
        .collector_status =
            [] {
                collector::TargetStatus status;
                status.id = base::TargetId{1};
                status.name = "shop";
                status.state = "ok";
                status.last_sample_at = base::SystemClock().now();
                return std::vector{status};
            },
        .collector_queue = [] { return collector::QueueState{}; },
        .server_counters = [this] { return server ? server->counters() : net::ServerCounters{}; },
        .redis_status = [] { return std::optional(net::RedisStatus{}); },
        .limit_with_token = limit_with_token,
        .limit_without_token = limit_without_token};
    service_ = std::make_unique<http::Service>(std::move(dependencies));
    net::ServerOptions options;
    options.body_limit = 64 * 1024;
    options.refusal = http::transport_refusal;
    auto handler = [this](const net::Request& request) { return service_->handle(request); };
    server = must(net::HttpServer::start(options, handler, log));
    net::ClientOptions client;
    client.base_url = server->url();
    client.retry.attempts = 1;
    client.circuit.failures_to_open = 1'000'000;
    client_ = must(net::HttpClient::create(client, clock_));
}

HttpWorld::~HttpWorld() {
    if (server) server->stop();
}

void HttpWorld::fill() {
    store::TokenStore tokens(*repository);
    viewer = must(tokens.create("a viewer", store::Role::viewer)).secret.reveal();
    operator_ = must(tokens.create("an operator", store::Role::operator_)).secret.reveal();
    admin = must(tokens.create("an admin", store::Role::admin)).secret.reveal();

    const auto shop =
        must(targets->add({"shop", base::Secret("host=db.example user=p password=canary-secret"), {}, false}));
    const auto replica = must(targets->add({"replica", base::Secret("host=replica.example"), {}, false}));
    must(targets->record_facts(shop.id, {"7301234567890123456", 150018, "Europe/Berlin"}));
    must(targets->record_state(shop.id, "ok", ""));

    shared_query = base::QueryHash{9007199254740993};
    own_query = base::QueryHash{4611686018427387905};
    const auto shared = base::to_integer(shared_query);
    const auto own = base::to_integer(own_query);
    const auto now = clock_.now();
    ingest(*repository, shop.id,
           {statement(-42, shared, "shop", "SELECT * FROM orders WHERE id = $1"),
            statement(43, own, "shop", "SELECT * FROM customers WHERE name = $1"),
            statement(44, own + 2, "shop", "SELECT 'caf\xC3\xA9'")},
           now);
    ingest(*repository, replica.id, {statement(-42, shared, "shop", "SELECT * FROM orders WHERE id = $1")}, now);

    store::CapturedPlan plan;
    plan.database_name = "shop";
    plan.query_hash = own_query;
    plan.captured_at = now - std::chrono::minutes(5);
    plan.total_cost = 35.5;
    plan.plan_json = R"json([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "customers", "Alias": "customers",
        "Startup Cost": 0.0, "Total Cost": 35.5, "Plan Rows": 1, "Plan Width": 40, "Filter": "(name = $1)"}}])json";
    plan.shape_hash = plan::shape_hash(must(plan::parse_explain_json(plan.plan_json)));
    must(store::Ingest(*repository).plans(shop.id, std::vector{plan}));

    std::vector<store::AdviceToSave> advice;
    for (int number = 1; number <= 6; ++number) advice.push_back(advice_for(own, number));
    store::RecommendationStore recommendations(*repository);
    (void)must(recommendations.save(shop.id, {"shop", {"missing_index_detected"}, {}, 0}, advice));
    store::AdviceToSave parameter = advice_for(own, 7);
    parameter.advice.rule = "work_mem";
    parameter.advice.source = advice::SourceType::parameter;
    parameter.parameter = store::ParameterValues{"work_mem", "4MB", "24MB"};
    // A suggestion alone: the recommendations stay the six above.
    (void)must(recommendations.save(shop.id, {"shop", {"work_mem"}, {}, 1.1}, std::vector{parameter}));
    // Every field that a pattern can have.
    constexpr std::string_view metadata =
        R"({"peak_hour": 2, "variance": 0.1, "confidence": 0.95, "affected_queries": [4611686018427387905],
            "affected_queries_text": ["4611686018427387905"], "z_score_count": 2.0, "z_score_time": 1.5,
            "days_observed": 30.0, "consistency_score": 0.9, "recurrence_score": 0.97, "frequency": 6.8,
            "impact_score": 0.2, "period_hours": 24.0, "p_value": 0.001, "strength": 0.5, "days_of_week": [0, 1],
            "start_minute": 150, "duration_minutes": 20.0, "jitter_minutes": 1.0, "days_of_month": [1],
            "last_seen": "2026-11-22T02:30:00Z", "moved_from_minute": 90,
            "peak_ahead": {"at": "2026-11-29T02:00:00Z", "expected_calls": 900.0, "upper_80_calls": 1100.0,
                           "most_seen_calls": 1000.0, "seen_at": "2026-11-20T02:00:00Z"}})";
    const std::vector<store::PatternToSave> patterns{
        {"batch_job/1", "batch_job", std::string(metadata), "A job at 02:30 UTC", 1}};
    (void)must(store::PatternStore(*repository).save(shop.id, "shop", patterns, now));
    store::RecommendationFilter filter;
    filter.min_impact_percent = 0;
    recommendation = must(recommendations.list(filter)).items.at(0).id;
    models = add_models(*repository, shop.id);
}

net::Response HttpWorld::send(net::Request request, const std::string& token) {
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    return must(client_->send(request, base::Deadline::after(std::chrono::seconds(30))));
}

net::Response HttpWorld::get(const std::string& target, const std::string& token, net::Headers headers) {
    return send({.method = "GET", .target = target, .headers = std::move(headers)}, token);
}

net::Response HttpWorld::post(const std::string& target, const std::string& token, const std::string& body,
                              const std::string& content_type) {
    net::Request request{.method = "POST", .target = target, .headers = {}, .body = body};
    if (!content_type.empty()) request.headers.set("Content-Type", content_type);
    return send(std::move(request), token);
}

}  // namespace pganalytics::test
