#include "collector/target_loop.hpp"

#include <algorithm>
#include <set>

#include "base/hash.hpp"
#include "collector/target_state.hpp"

namespace pganalytics::collector {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds wait_for_permit{500};

}  // namespace

std::uint64_t seed_of(const TargetSpec& spec) {
    base::StableHash hash;
    hash.add(static_cast<std::uint64_t>(base::to_integer(spec.id)));
    hash.add(spec.name);
    return hash.digest();
}

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
