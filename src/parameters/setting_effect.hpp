#pragma once
// Whether a statement's time moved when a setting was changed. Evidence, never cause: other things change too.
//
// The mean time of each hour is set against the same hour of the day on the other side of the change, on a log scale:
// load follows the clock, and a comparison across hours would find the clock. The shift is the median over the hours of
// the day, their spread says whether it stands out, and hours that hardly ran count for nothing. Days on a side are
// medians too, so that one bad day moves nothing.
//
// Pure functions, thread-safe, no errors.

#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "plan/plan.hpp"
#include "workload/statement.hpp"

namespace pganalytics::parameters {

/// What ran in one hour (or less).
struct TimedCalls {
    base::Timestamp begins;
    double calls = 0;
    double time_ms = 0;
};

enum class Movement { faster, slower, unmoved, unknown };
[[nodiscard]] std::string_view to_string(Movement movement);

struct SettingEffect {
    Movement movement = Movement::unknown;
    double before_ms = 0, after_ms = 0;  ///< medians over the hours of the day that both sides have
    double change_percent = 0;           ///< of the time; negative is faster
    int hours_of_day = 0;                ///< that both sides have
    std::string reason;                  ///< why it cannot be told; "" otherwise
};

struct SettingEffectOptions {
    int least_hours_of_day = 4;
    double least_calls_an_hour = 5;
    double least_change_percent = 10;
};

/// `points` may hold more than the window; those from `from` to `changed_at` are before, from there to `to` after. The
/// hour in which the change was seen is left out.
[[nodiscard]] SettingEffect effect_of_setting(const std::vector<TimedCalls>& points, base::Timestamp from,
                                              base::Timestamp changed_at, base::Timestamp to,
                                              const SettingEffectOptions& options = {});

/// "its time fell with it: 120 ms before, 80 ms after (-33 %, medians of the same 18 hours of the day)"
[[nodiscard]] std::string to_words(const SettingEffect& effect);

/// Statements that a setting can touch.
enum class Reach {
    memory,    ///< those that sort, hash or spill
    planning,  ///< every query: the planner's prices and choices
    writes,    ///< those that write WAL
    temporary_tables,
    everything,  ///< caches, input and output, parallelism, compilation
    nothing      ///< no statement's time, as far as is known
};
[[nodiscard]] Reach reach_of(std::string_view setting_name);
/// `plan` null: unknown, and memory counts only where it spilled.
[[nodiscard]] bool touches(Reach reach, const workload::ObservedStatement& statement, const plan::Plan* plan);

}  // namespace pganalytics::parameters
