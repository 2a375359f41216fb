// Turns of a target that concern the server as a whole: counters, activity, settings.

#include <algorithm>
#include <set>

#include "collector/activity_sampler.hpp"
#include "collector/target_state.hpp"

namespace pganalytics::collector {

using std::chrono::milliseconds;

namespace {

// Enough to show skew; the repository keeps the newest five.
constexpr int examples_per_statement = 3;
constexpr std::chrono::hours examples_period{1};

}  // namespace

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
    keep_examples(reading.examples);
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

void TargetLoop::State::keep_examples(const std::vector<SeenExample>& examples) {
    if (!options.keep_examples || !shared.queue->has_room()) return;
    const auto now = shared.clock->monotonic();
    if (now - examples_since > examples_period) {
        examples_kept.clear();
        examples_since = now;
    }
    for (const auto& example : examples) {
        const auto* database = facts.find_database(example.database);
        const auto hash = sampler.hash_of(example.database, example.query_id);
        if (!database || !hash || !spec.databases.admits(database->name)) continue;
        if (++examples_kept[{example.database, *hash}] > examples_per_statement) continue;
        plans.saw_example(database->name, *hash, example.text);
        push(ExampleDelivery{database->name, *hash, {example.text}});
    }
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

}  // namespace pganalytics::collector
