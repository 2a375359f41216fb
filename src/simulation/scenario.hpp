#pragma once
// What a simulated history contains, read from a TOML file that anybody can write (docs/how_to/write_a_scenario.md).
// A number may be given as a range [low, high] and a time of day as a range ["01:00", "04:00"]: the seed draws from it,
// so that one file is many histories. Each draw depends on the seed and the key alone, so that a new line moves no
// other draw. Times are UTC. fix_input names the key at fault. Value types; thread-safe.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::simulation {

/// A load that stands above its neighbours for one hour of the day.
struct PlannedPeak {
    int hour = 0;
    double factor = 1;          ///< of the load of that hour
    std::vector<int> weekdays;  ///< 0 Monday..6 Sunday; empty: every day
};

struct PlannedBatch {
    std::string name;
    std::vector<std::string> statements;  ///< names of the shop's, or of `sql`'s ("name/1", "name/2", …)
    std::vector<std::string> sql;         ///< texts of its own, with the shop's {table.column} places
    int start_minute = 0;                 ///< of the day; of the hour where it runs every hour or more often
    int every_minutes = 1440;             ///< 1440 a day; else a divisor of a day
    std::vector<int> weekdays;
    std::vector<int> days_of_month;
    double duration_minutes = 20;
    double jitter_minutes = 0;   ///< standard deviation of the start
    double skipped = 0;          ///< share of the occasions on which it does not run
    double calls = 100;          ///< of each statement in one run
    double busy = 0.8;           ///< share of the duration that its statements are running
    bool worth_keeping = false;  ///< a read whose result could be kept: nobody writes its tables, or seldom
};

/// Jobs that slow each other: in the minutes in which another one of them runs, each takes so many times as long for a
/// call, and its run is longer by that.
struct PlannedCollision {
    std::vector<std::string> batches;  ///< names, two or more
    double slowed = 1;
};

/// Something that happens once. Planted as an outlier, not as a pattern.
struct PlannedIncident {
    double day = 0;  ///< days after the history's begin
    double duration_minutes = 60;
    double calls_factor = 1;
    double time_factor = 1;
    std::vector<std::string> statements;  ///< empty: all
};

/// A change that stays: a migration, an index, a new release.
struct PlannedChange {
    std::string kind;
    double day = 0;
    double calls_factor = 1;
    double time_factor = 1;
    std::vector<std::string> statements;  ///< empty: all
};

/// Standard deviations of logarithms.
struct PlannedNoise {
    double minutes = 0.1;             ///< of the load, from minute to minute, correlated over:
    double correlation_minutes = 10;  ///< mean life of an excursion
    double days = 0.03;               ///< of the load, from day to day
    double times = 0.2;               ///< of a statement's mean time, from minute to minute
    double contention = 0.1;          ///< how much slower statements are at twice the mean load
    double outages_per_week = 0;      ///< in which nobody watches
    double outage_minutes = 45;       ///< mean length
};

struct Scenario {
    std::string name;
    std::string description;
    double load = 1;                   ///< times the shop's own rates
    std::vector<std::string> traffic;  ///< names of the shop's statements that run; empty: all
    std::array<double, 24> hours{};    ///< factor of each hour of the day
    std::array<double, 7> weekdays{};  ///< factor of each day, Monday first
    std::vector<PlannedPeak> peaks;
    std::vector<PlannedBatch> batches;
    std::vector<PlannedCollision> collisions;
    std::vector<PlannedIncident> incidents;
    std::vector<PlannedChange> changes;
    PlannedNoise noise;
};

[[nodiscard]] base::Result<Scenario> parse_scenario(std::string_view toml, std::uint64_t seed);

/// Names of the scenarios that are part of the program.
[[nodiscard]] std::vector<std::string> builtin_scenario_names();
/// Its text; empty where there is none of that name.
[[nodiscard]] std::string_view builtin_scenario(std::string_view name);

}  // namespace pganalytics::simulation
