#include "collector/target_loop.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <set>

#include "base/hash.hpp"
#include "collector/activity_sampler.hpp"
#include "collector/backoff.hpp"
#include "collector/catalog_digest.hpp"
#include "postgres/server_planner.hpp"

namespace pganalytics::collector {

namespace {

using Instant = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr milliseconds longest_planning_turn{5000};
constexpr milliseconds wait_for_permit{500};
// Refusals in a row after which the role is taken to lack the right to plan, and the rest is left for the next turn.
constexpr int refusals_believed = 20;

std::uint64_t seed_of(const TargetSpec& spec) {
    base::StableHash hash;
    hash.add(static_cast<std::uint64_t>(base::to_integer(spec.id)));
    hash.add(spec.name);
    return hash.digest();
}

/// When something that repeats is due next. It keeps to its phase, and does not make up for turns it missed.
class Recurring {
  public:
    Recurring(milliseconds period, Instant first) : period_(period), due_(first) {}
    [[nodiscard]] Instant due() const { return due_; }
    void done(Instant now) {
        due_ += period_;
        if (due_ <= now) due_ += (now - due_) / period_ * period_ + period_;
    }
    void postpone(Instant until) { due_ = std::max(due_, until); }

  private:
    milliseconds period_;
    Instant due_;
};

struct DatabaseState {
    Recurring catalog;
    std::uint64_t digest = 0;
};

}  // namespace

struct TargetLoop::State {
    TargetSpec spec;
    CollectorOptions options;
    FleetResources shared;
    base::Log log;

    std::optional<postgres::Connection> connection;
    ServerFacts facts;
    StatementSampler sampler;
    PlanSchedule plans;
    TimeBudget budget;
    Backoff backoff;
    std::map<std::string, DatabaseState> databases;
    std::map<base::Oid, std::string> role_names;
    Recurring sample_turn;
    Recurring activity_turn;
    bool remembered = false;
    std::optional<bool> on_this_machine;
    base::Timestamp settings_of{};
    Instant budget_at;

    mutable std::mutex mutex;
    std::condition_variable_any wake;
    TargetStatus status;

    State(TargetSpec target, CollectorOptions with, FleetResources of_fleet, base::Log to)
        : spec(std::move(target)),
          options(std::move(with)),
          shared(of_fleet),
          log(to.with({"target", spec.name})),
          sampler(options.sampler),
          plans(options.plans),
          budget(options.plans.share_of_time, options.plans.burst),
          backoff(options.retry_first, options.retry_longest, seed_of(spec)),
          sample_turn(options.interval, Instant{}),
          activity_turn(options.activity_interval, Instant{}) {
        status.id = spec.id;
        status.name = spec.name;
    }

    void run(const std::stop_token& stop);
    bool wait_until(Instant due, const std::stop_token& stop);
    void start_turns();
    base::Status visit(const std::stop_token& stop);
    base::Status connect();
    void remember_statements();
    base::Status refresh_facts();
    void schedule_databases();
    base::Status take_sample();
    base::Status name_roles(const StatementSample& sample);
    void deliver_sample(StatementSample sample);
    base::Status take_activity();
    base::Status deliver_settings(base::Timestamp configured_at);
    std::optional<std::string> database_due(Instant now) const;
    base::Status take_catalog(const std::string& database);
    base::Status take_catalog_over(postgres::Connection& there, const std::string& database);
    void capture_plans(const std::stop_token& stop);
    void capture_plans_of(const std::string& database, Instant until, const std::stop_token& stop);
    base::Result<postgres::Connection> open_database(const std::string& database) const;
    void push(DeliveryContent content) { shared.queue->push({spec.id, std::move(content)}); }
    void set_state(std::string state, std::string detail);
    template <typename Change>
    void update(Change&& change) {
        const std::lock_guard lock(mutex);
        change(status);
    }
    [[nodiscard]] Instant next_due() const;
};

// ---- the loop ------------------------------------------------------------------------------------------------------

bool TargetLoop::State::wait_until(Instant due, const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    wake.wait_until(lock, stop, due, [] { return false; });
    return !stop.stop_requested();
}

void TargetLoop::State::start_turns() {
    const auto now = shared.clock->monotonic();
    // The first sample is a baseline and comes at once; the second finds the target's own phase of the interval, so
    // that many targets do not all speak in the same second.
    const auto phase = options.spread ? milliseconds(seed_of(spec) % static_cast<std::uint64_t>(std::max<std::int64_t>(
                                                                         options.interval.count() / 2, 1)))
                                      : milliseconds(0);
    sample_turn = Recurring(options.interval, now - phase);
    activity_turn = Recurring(options.activity_interval, now);
    budget_at = now;
}

Instant TargetLoop::State::next_due() const {
    auto due = std::min(sample_turn.due(), activity_turn.due());
    if (options.read_catalogs)
        for (const auto& [name, database] : databases) due = std::min(due, database.catalog.due());
    return due;
}

void TargetLoop::State::run(const std::stop_token& stop) {
    start_turns();
    while (!stop.stop_requested()) {
        const auto outcome = visit(stop);
        if (outcome) {
            if (!wait_until(next_due(), stop)) return;
            continue;
        }
        update([](TargetStatus& s) { ++s.failures; });
        const bool lost = !connection || !connection->healthy();
        set_state(lost ? "unreachable" : "degraded", outcome.error().to_string());
        if (lost) {
            connection.reset();
            if (!wait_until(shared.clock->monotonic() + backoff.next(), stop)) return;
        }
    }
}

/// Does what is due. An error of the server as a whole ends the visit; what concerns one database is logged.
base::Status TargetLoop::State::visit(const std::stop_token& stop) {
    if (!connection) PGANALYTICS_RETURN_IF_ERROR(connect());
    if (sample_turn.due() <= shared.clock->monotonic()) {
        const auto sampled = take_sample();
        sample_turn.done(shared.clock->monotonic());
        PGANALYTICS_RETURN_IF_ERROR(sampled);
        if (options.capture_plans) capture_plans(stop);
    }
    if (activity_turn.due() <= shared.clock->monotonic()) {
        const auto seen = take_activity();
        activity_turn.done(shared.clock->monotonic());
        PGANALYTICS_RETURN_IF_ERROR(seen);
    }
    const auto database = options.read_catalogs ? database_due(shared.clock->monotonic()) : std::nullopt;
    if (!database) return {};
    if (!shared.catalog_permits->try_acquire()) {
        databases.at(*database).catalog.postpone(shared.clock->monotonic() + wait_for_permit);
        return {};
    }
    const auto read = take_catalog(*database);
    shared.catalog_permits->release();
    if (const auto place = databases.find(*database); place != databases.end())
        place->second.catalog.done(shared.clock->monotonic());
    if (!read) log.warning("catalog_not_read", {{"database", *database}, {"error", read.error().to_string()}});
    return {};
}

base::Status TargetLoop::State::connect() {
    PGANALYTICS_ASSIGN(auto opened, postgres::Connection::open(spec.conninfo, options.connect));
    connection.emplace(std::move(opened));
    PGANALYTICS_RETURN_IF_ERROR(refresh_facts());
    backoff.reset();
    store::TargetFacts learnt;
    if (facts.system_identifier) learnt.system_identifier = std::to_string(*facts.system_identifier);
    learnt.server_version = facts.version.number;
    learnt.time_zone = facts.time_zone;
    push(std::move(learnt));
    PGANALYTICS_ASSIGN(on_this_machine, is_on_this_machine(*connection));
    PGANALYTICS_RETURN_IF_ERROR(deliver_settings(facts.configured_at));
    if (!remembered) remember_statements();
    return {};
}

void TargetLoop::State::remember_statements() {
    auto known = shared.sink->known_statements(spec.id);
    // Without the repository the texts are simply read again.
    remembered = true;
    if (!known) return;
    for (const auto& statement : *known) {
        sampler.remember(statement.key, statement.query_hash);
        if (!statement.has_literals) plans.saw_text(statement.database_name, statement.query_hash, statement.text);
    }
}

base::Status TargetLoop::State::refresh_facts() {
    PGANALYTICS_ASSIGN(facts, read_server_facts(*connection));
    schedule_databases();
    return {};
}

void TargetLoop::State::schedule_databases() {
    std::set<std::string> present;
    const auto now = shared.clock->monotonic();
    for (const auto& database : facts.databases) {
        if (!database.can_connect || !spec.databases.admits(database.name)) continue;
        present.insert(database.name);
        if (databases.contains(database.name)) continue;
        // The first reading soon, one database after the other; later ones where their place in the hour is.
        const auto place = static_cast<std::int64_t>(databases.size());
        const auto first = now + milliseconds(options.spread ? 200 * place : 0);
        databases.emplace(database.name, DatabaseState{Recurring(options.catalog_interval, first), 0});
    }
    std::erase_if(databases, [&](const auto& known) { return !present.contains(known.first); });
}

void TargetLoop::State::set_state(std::string state, std::string detail) {
    bool changed = false;
    update([&](TargetStatus& s) {
        changed = s.state != state || s.detail != detail;
        s.state = state;
        s.detail = detail;
    });
    if (!changed) return;
    if (state == "ok") {
        log.info("target_ok", {});
    } else {
        log.warning("target_" + state, {{"detail", detail}});
    }
    push(StateDelivery{std::move(state), std::move(detail)});
}

// ---- counters ------------------------------------------------------------------------------------------------------

base::Status TargetLoop::State::take_sample() {
    if (!shared.queue->has_room()) {
        update([](TargetStatus& s) { ++s.samples_skipped; });
        return {};
    }
    const auto begun = shared.clock->monotonic();
    PGANALYTICS_ASSIGN(auto sample, sampler.take(*connection, spec.conninfo, facts));
    const bool unknown_database = std::any_of(sample.texts.begin(), sample.texts.end(), [&](const StatementText& text) {
        return facts.find_database(text.key.database) == nullptr;
    });
    if (unknown_database || sample.report.server_restarted || sample.report.server_replaced)
        PGANALYTICS_RETURN_IF_ERROR(refresh_facts());
    PGANALYTICS_RETURN_IF_ERROR(name_roles(sample));
    const auto took = std::chrono::duration_cast<milliseconds>(shared.clock->monotonic() - begun);
    update([&](TargetStatus& s) {
        ++s.samples;
        s.intervals += sample.intervals.size();
        s.last_sample_at = sample.ends;
        s.hidden = sample.report.hidden;
        s.last_sample_took = took;
    });
    if (sample.report.hidden > 0) {
        set_state("degraded", std::to_string(sample.report.hidden) +
                                  " statements of other roles are hidden: GRANT pg_monitor TO " +
                                  catalog::quote_identifier(facts.role) + ";");
    } else if (!sample.text_problem.empty()) {
        set_state("degraded", sample.text_problem);
    } else {
        set_state("ok", "");
    }
    deliver_sample(std::move(sample));
    return {};
}

base::Status TargetLoop::State::name_roles(const StatementSample& sample) {
    std::set<base::Oid> unknown;
    for (const auto& text : sample.texts)
        if (!role_names.contains(text.key.user)) unknown.insert(text.key.user);
    if (unknown.empty()) return {};
    PGANALYTICS_ASSIGN(auto names, read_role_names(*connection, unknown));
    for (const auto role : unknown) role_names[role] = names.contains(role) ? names.at(role) : "";
    return {};
}

void TargetLoop::State::deliver_sample(StatementSample sample) {
    // A database that is filtered out, or was dropped since, is left out with all its statements.
    const auto name_of = [&](base::Oid oid) -> const std::string* {
        const auto* database = facts.find_database(oid);
        return database && spec.databases.admits(database->name) ? &database->name : nullptr;
    };
    StatementDelivery delivery;
    delivery.begins = sample.begins;
    delivery.ends = sample.ends;
    for (auto& text : sample.texts) {
        const auto* database = name_of(text.key.database);
        if (!database) continue;
        if (text.key.top_level && !text.cut) plans.saw_text(*database, text.query_hash, text.text);
        delivery.statements.push_back({text.key, *database, role_names[text.key.user], text.query_hash,
                                       text.fingerprint_hash, std::move(text.text), false});
    }
    delivery.intervals.reserve(sample.intervals.size());
    for (auto& interval : sample.intervals) {
        const auto* database = name_of(interval.key.database);
        if (!database) continue;
        if (const auto hash = sampler.hash_of(interval.key)) plans.ran(*database, *hash, interval.delta);
        delivery.intervals.push_back(std::move(interval));
    }
    delivery.hidden = sample.report.hidden;
    delivery.evicted = sample.report.evictions.value_or(0);
    delivery.counters_reset = sample.report.reset || sample.report.server_replaced;
    push(std::move(delivery));
}

// ---- activity and settings -----------------------------------------------------------------------------------------

base::Status TargetLoop::State::take_activity() {
    PGANALYTICS_ASSIGN(const auto reading, sample_activity(*connection));
    if (reading.configured_at != settings_of) PGANALYTICS_RETURN_IF_ERROR(deliver_settings(reading.configured_at));
    std::optional<double> memory;
    if (on_this_machine.value_or(false))
        if (const auto machine = read_machine_memory()) memory = machine->available_percent();
    ActivityDelivery delivery;
    for (const auto& database : reading.databases) {
        if (!spec.databases.admits(database.database_name)) continue;
        store::ActivitySample sample;
        sample.sampled_at = reading.at;
        sample.database_name = database.database_name;
        sample.active = database.active;
        sample.idle_in_transaction = database.idle_in_transaction;
        sample.waiting_for_lock = database.waiting_for_lock;
        sample.total = database.total;
        sample.available_memory_percent = memory;
        sample.longest_transaction_seconds = database.longest_transaction_seconds;
        for (const auto& [query_id, backends] : database.lock_waits)
            if (const auto hash = sampler.hash_of(database.database, query_id))
                sample.lock_waits.emplace_back(*hash, backends);
        delivery.samples.push_back(std::move(sample));
    }
    // Activity of a moment that nobody could take in is of no use later.
    if (!delivery.samples.empty() && shared.queue->has_room()) push(std::move(delivery));
    return {};
}

base::Status TargetLoop::State::deliver_settings(base::Timestamp configured_at) {
    PGANALYTICS_ASSIGN(const auto settings, read_settings(*connection));
    SettingsDelivery delivery;
    for (const auto& [name, setting] : settings) {
        // What holds for our session only, or for this role or database only, is not the server's.
        const bool of_session = setting.source == "client" || setting.source == "session" || setting.source == "user" ||
                                setting.source == "database" || setting.source == "database user";
        if (!of_session) delivery.settings.push_back(setting);
    }
    delivery.seen_at = facts.now;
    if (settings_of != base::Timestamp{}) {
        delivery.seen_at = configured_at;
        for (const auto& [name, database] : databases) plans.database_changed(name);
    }
    settings_of = configured_at;
    push(std::move(delivery));
    return {};
}

// ---- catalogs ------------------------------------------------------------------------------------------------------

std::optional<std::string> TargetLoop::State::database_due(Instant now) const {
    const std::string* chosen = nullptr;
    Instant earliest = now;
    for (const auto& [name, database] : databases) {
        if (database.catalog.due() > earliest) continue;
        earliest = database.catalog.due();
        chosen = &name;
    }
    if (!chosen) return std::nullopt;
    return *chosen;
}

base::Result<postgres::Connection> TargetLoop::State::open_database(const std::string& database) const {
    PGANALYTICS_ASSIGN(const auto conninfo, postgres::with_database(spec.conninfo, database));
    return postgres::Connection::open(conninfo, options.connect);
}

base::Status TargetLoop::State::take_catalog(const std::string& database) {
    // What is read again in an hour need not wait in a full queue.
    if (!shared.queue->has_room()) return {};
    if (database == connection->database()) {
        PGANALYTICS_RETURN_IF_ERROR(refresh_facts());
        return take_catalog_over(*connection, database);
    }
    PGANALYTICS_ASSIGN(auto there, open_database(database));
    return take_catalog_over(there, database);
}

base::Status TargetLoop::State::take_catalog_over(postgres::Connection& there, const std::string& database) {
    PGANALYTICS_ASSIGN(auto reading, read_catalog(there, options.catalog));
    for (const auto& note : reading.notes) log.info("catalog_note", {{"database", database}, {"note", note}});
    const auto digest = catalog_digest(reading.database);
    if (const auto place = databases.find(database); place != databases.end()) {
        if (place->second.digest != 0 && place->second.digest != digest) plans.database_changed(database);
        place->second.digest = digest;
    }
    SettingsDelivery own_settings;
    own_settings.database_name = database;
    own_settings.seen_at = shared.clock->now();
    for (const auto& [name, setting] : reading.database.settings)
        if (setting.source == "database") own_settings.settings.push_back(setting);
    if (!own_settings.settings.empty()) push(std::move(own_settings));
    push(CatalogDelivery{std::move(reading.database), shared.clock->now()});
    update([](TargetStatus& s) { ++s.catalogs; });
    return {};
}

// ---- plans ---------------------------------------------------------------------------------------------------------

void TargetLoop::State::capture_plans(const std::stop_token& stop) {
    const auto now = shared.clock->monotonic();
    budget.elapse(now - budget_at);
    budget_at = now;
    const auto until = std::min(now + longest_planning_turn, now + options.interval / 4);
    for (const auto& database : plans.databases_waiting(shared.clock->now())) {
        if (!budget.available() || shared.clock->monotonic() >= until || stop.stop_requested()) return;
        if (!databases.contains(database) || !shared.queue->has_room()) continue;
        capture_plans_of(database, until, stop);
    }
}

void TargetLoop::State::capture_plans_of(const std::string& database, Instant until, const std::stop_token& stop) {
    auto spent_from = shared.clock->monotonic();
    const auto spend = [&] {
        const auto now = shared.clock->monotonic();
        budget.spend(now - spent_from);
        spent_from = now;
    };
    auto there = open_database(database);
    if (!there) {
        spend();
        return;
    }
    postgres::ServerPlanner planner(*there);
    PlanDelivery delivery;
    std::uint64_t failed = 0;
    int refused = 0;
    while (budget.available() && shared.clock->monotonic() < until && !stop.stop_requested() && there->healthy() &&
           refused < refusals_believed) {
        const auto at = shared.clock->now();
        const auto wanted = plans.next(database, at);
        if (!wanted) break;
        const auto planned = planner.plan(wanted->text);
        spend();
        plans.planned(*wanted, planned.has_value(), at);
        if (planned) {
            delivery.plans.push_back(to_captured_plan(*wanted, *planned, at));
            refused = 0;
            continue;
        }
        ++failed;
        if (planned.error().code == base::ErrorCode::grant_access) ++refused;
        log.debug("plan_failed", {{"database", database},
                                  {"query_hash", base::to_integer(wanted->query_hash)},
                                  {"error", planned.error().to_string()}});
    }
    update([&](TargetStatus& s) {
        s.plans += delivery.plans.size();
        s.plan_failures += failed;
    });
    if (!delivery.plans.empty()) push(std::move(delivery));
}

// ---- face ----------------------------------------------------------------------------------------------------------

TargetLoop::TargetLoop(TargetSpec spec, CollectorOptions options, FleetResources shared, base::Log log)
    : state_(std::make_unique<State>(std::move(spec), std::move(options), shared, std::move(log))) {}

TargetLoop::~TargetLoop() = default;

void TargetLoop::run(const std::stop_token& stop) {
    state_->run(stop);
}

TargetStatus TargetLoop::status() const {
    const std::lock_guard lock(state_->mutex);
    return state_->status;
}

}  // namespace pganalytics::collector
