#pragma once
// The inside of TargetLoop: its state and the work of its turns, which stand in target_loop.cpp (the loop itself),
// target_samples.cpp (counters, activity, settings) and target_databases.cpp (catalogs, plans). Used by one thread;
// only `status` is read by others.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "collector/activity_sampler.hpp"
#include "collector/backoff.hpp"
#include "collector/target_loop.hpp"

namespace pganalytics::collector {

using Instant = std::chrono::steady_clock::time_point;

/// When something that repeats is due next. It keeps to its phase, and does not make up for turns it missed.
class Recurring {
  public:
    Recurring(std::chrono::milliseconds period, Instant first) : period_(period), due_(first) {}
    [[nodiscard]] Instant due() const { return due_; }
    void done(Instant now) {
        due_ += period_;
        if (due_ <= now) due_ += (now - due_) / period_ * period_ + period_;
    }
    void postpone(Instant until) { due_ = std::max(due_, until); }

  private:
    std::chrono::milliseconds period_;
    Instant due_;
};

struct DatabaseState {
    Recurring catalog;
    std::uint64_t digest = 0;
};

/// A stable number of the target: its phase of the interval, the seed of its jitter.
[[nodiscard]] std::uint64_t seed_of(const TargetSpec& spec);

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
    std::map<std::pair<base::Oid, base::QueryHash>, int> examples_kept;  ///< since `examples_since`
    Instant examples_since{};
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
    void keep_examples(const std::vector<SeenExample>& examples);
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

}  // namespace pganalytics::collector
