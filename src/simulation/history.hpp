#pragma once
// A history of many days made of the shop's statements and a scenario: what pg_stat_statements would have shown, a
// minute at a time, and the truth about it. Deterministic in scenario, seed and end. No I/O; one thread at a time.

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "simulation/scenario.hpp"
#include "workload/statement.hpp"

namespace pganalytics::simulation {

struct SimulatedStatement {
    std::string name;  ///< the shop's, or "batch/1"
    workload::StatementKey key;
    base::QueryHash query_hash{};
    std::string text;
    double rate_per_minute = 0;  ///< at a load of 1; 0: runs in a batch only
    double mean_time_ms = 0;     ///< at a load of 1
    double rows_per_call = 0;
    double blocks_per_call = 0;
};

/// A pattern that is in the history. `required` is false where it follows from what was planted without being meant,
/// or stands too near the detectors' own threshold: found or not, both are right.
struct PlantedPattern {
    std::string pattern_type;  ///< hourly_peak, daily_cycle, weekly_pattern, batch_job, periodic
    bool required = true;
    std::optional<int> hour;  ///< UTC
    double period_hours = 0;
    std::optional<int> start_minute;  ///< of the day; of the hour for jobs that run more often than daily
    double duration_minutes = 0;
    std::vector<int> weekdays;
    std::vector<base::QueryHash> query_hashes;
    std::string why;
};

/// Two jobs that slow each other, or a read whose result could be kept.
struct PlantedAdvice {
    std::string rule;                                 ///< colliding_batch_jobs, repeated_read
    std::vector<base::QueryHash> query_hashes;        ///< of the first job, or the read
    std::vector<base::QueryHash> other_query_hashes;  ///< of the second job
    double slowed = 1;
    std::string why;
};

struct PlantedSpan {
    base::Timestamp begins, ends;
    double calls_factor = 1, time_factor = 1;
    std::string kind;                           ///< "incident", "outage", or of a change: its own
    std::vector<base::QueryHash> query_hashes;  ///< empty: all
};

struct HistoryTruth {
    std::string scenario;
    std::uint64_t seed = 0;
    base::Timestamp begins, ends;
    std::string database_name;
    std::vector<PlantedPattern> patterns;
    std::vector<PlantedSpan> incidents;
    std::vector<PlantedSpan> outages;
    std::vector<PlantedSpan> changes;  ///< `ends` is that of the history
    std::vector<PlantedAdvice> advice;
    PlannedNoise noise;

    [[nodiscard]] nlohmann::json to_json() const;
};

struct HistoryOptions {
    int days = 30;
    std::uint64_t seed = 1;
    base::Timestamp ends;  ///< cut to the minute
    std::string database_name = "shop";
};

struct SimulatedInterval {
    base::Timestamp begins, ends;
    std::vector<workload::StatementInterval> statements;  ///< those that ran
    double load = 0;                                      ///< against the scenario's mean load
    double busy = 0;                                      ///< statements running at once, on average
};

class HistorySimulator {
  public:
    /// fix_input where the scenario names statements that the shop has not.
    [[nodiscard]] static base::Result<HistorySimulator> make(const Scenario& scenario, const HistoryOptions& options);
    HistorySimulator(HistorySimulator&&) noexcept;
    HistorySimulator& operator=(HistorySimulator&&) noexcept;
    ~HistorySimulator();

    [[nodiscard]] const std::vector<SimulatedStatement>& statements() const;
    [[nodiscard]] const HistoryTruth& truth() const;
    /// As the server would show it after the interval given last.
    [[nodiscard]] const catalog::Database& catalog() const;
    /// Oldest first, one a minute, none where nobody watched; nullopt after the last.
    [[nodiscard]] std::optional<SimulatedInterval> next();

  private:
    struct State;
    explicit HistorySimulator(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace pganalytics::simulation
