// Turns of a target that concern one database at a time: catalogs and plans, over a connection opened for it.

#include <algorithm>

#include "collector/catalog_digest.hpp"
#include "collector/target_state.hpp"
#include "postgres/server_planner.hpp"

namespace pganalytics::collector {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_planning_turn{5000};
// Refusals in a row after which the role is taken to lack the right to plan, and the rest is left for the next turn.
constexpr int refusals_believed = 20;

}  // namespace

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

}  // namespace pganalytics::collector
