#include "parameters/setting_effect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/statistics.hpp"
#include "parameters/memory_need.hpp"
#include "sql/parse.hpp"

namespace pganalytics::parameters {

namespace {

using base::median;
using std::chrono::hours;

/// Median absolute deviation, scaled to a normal distribution's standard deviation.
double spread(const std::vector<double>& values) {
    const double centre = median(values);
    std::vector<double> deviations;
    for (const double value : values) deviations.push_back(std::abs(value - centre));
    return 1.4826 * median(deviations);
}

/// Logs of the mean time, by hour of the day (UTC), one value a day.
using ByHour = std::map<int, std::vector<double>>;

ByHour by_hour(const std::vector<TimedCalls>& points, base::Timestamp from, base::Timestamp to,
               const SettingEffectOptions& options) {
    std::map<base::Timestamp, TimedCalls> sums;
    for (const auto& point : points) {
        if (point.begins < from || point.begins >= to) continue;
        auto& sum = sums[std::chrono::floor<hours>(point.begins)];
        sum.calls += point.calls;
        sum.time_ms += point.time_ms;
    }
    ByHour means;
    for (const auto& [hour, sum] : sums) {
        if (sum.calls < options.least_calls_an_hour || sum.time_ms <= 0) continue;
        const auto of_day = std::chrono::duration_cast<hours>(hour - std::chrono::floor<std::chrono::days>(hour));
        means[static_cast<int>(of_day.count())].push_back(std::log(sum.time_ms / sum.calls));
    }
    return means;
}

/// How much an hour's own value differs from day to day where nothing was changed; nullopt where each has one day only.
std::optional<double> usual_spread(const ByHour& before) {
    std::vector<double> residuals;
    for (const auto& [hour, values] : before) {
        if (values.size() < 2) continue;
        const double centre = median(values);
        for (const double value : values) residuals.push_back(value - centre);
    }
    if (residuals.empty()) return std::nullopt;
    return spread(residuals);
}

}  // namespace

std::string_view to_string(Movement movement) {
    switch (movement) {
        case Movement::faster:
            return "faster";
        case Movement::slower:
            return "slower";
        case Movement::unmoved:
            return "unmoved";
        case Movement::unknown:
            return "unknown";
    }
    return "unknown";
}

SettingEffect effect_of_setting(const std::vector<TimedCalls>& points, base::Timestamp from, base::Timestamp changed_at,
                                base::Timestamp to, const SettingEffectOptions& options) {
    const base::Timestamp changed_hour = std::chrono::floor<hours>(changed_at);
    const auto before = by_hour(points, from, changed_hour, options);
    const auto after = by_hour(points, changed_hour + hours(1), to, options);
    std::vector<double> shifts, before_ms, after_ms;
    for (const auto& [hour, values] : before) {
        const auto same = after.find(hour);
        if (same == after.end()) continue;
        before_ms.push_back(median(values));
        after_ms.push_back(median(same->second));
        shifts.push_back(after_ms.back() - before_ms.back());
    }
    SettingEffect effect;
    effect.hours_of_day = static_cast<int>(shifts.size());
    if (effect.hours_of_day < options.least_hours_of_day) {
        effect.reason = fmt::format("it ran in {} of the same hours of the day before and after, and {} are the least",
                                    effect.hours_of_day, options.least_hours_of_day);
        return effect;
    }
    effect.before_ms = std::exp(median(before_ms));
    effect.after_ms = std::exp(median(after_ms));
    const double shift = median(shifts);
    effect.change_percent = 100 * (std::exp(shift) - 1);
    const auto agreeing =
        std::count_if(shifts.begin(), shifts.end(), [shift](double one) { return (one < 0) == (shift < 0); });
    // Three of four hours agree, and it is more than hours differ among themselves or from day to day.
    const double noise = std::max(usual_spread(before).value_or(0), spread(shifts));
    const bool moved = std::abs(effect.change_percent) >= options.least_change_percent &&
                       4 * agreeing >= 3 * effect.hours_of_day && std::abs(shift) > noise;
    effect.movement = !moved ? Movement::unmoved : (shift < 0 ? Movement::faster : Movement::slower);
    return effect;
}

std::string to_words(const SettingEffect& effect) {
    if (effect.movement == Movement::unknown) return "whether its time moved cannot be told: " + effect.reason;
    const std::string_view moved = effect.movement == Movement::unmoved  ? "its time did not move with it"
                                   : effect.movement == Movement::faster ? "its time fell at the same moment"
                                                                         : "its time rose at the same moment";
    return fmt::format("{}: {} before, {} after ({:+.0f} %, medians of the same {} hours of the day)", moved,
                       base::to_words(base::Milliseconds{effect.before_ms}),
                       base::to_words(base::Milliseconds{effect.after_ms}), effect.change_percent, effect.hours_of_day);
}

Reach reach_of(std::string_view name) {
    struct Entry {
        std::string_view beginning;
        Reach reach;
    };
    // The first that fits counts: exceptions stand before the families they are taken from.
    static constexpr std::array entries{
        Entry{"work_mem", Reach::memory},
        Entry{"hash_mem_multiplier", Reach::memory},
        Entry{"temp_buffers", Reach::temporary_tables},
        Entry{"random_page_cost", Reach::planning},
        Entry{"seq_page_cost", Reach::planning},
        Entry{"cpu_", Reach::planning},
        Entry{"parallel_", Reach::planning},
        Entry{"min_parallel_", Reach::planning},
        Entry{"enable_", Reach::planning},
        Entry{"effective_cache_size", Reach::planning},
        Entry{"default_statistics_target", Reach::planning},
        Entry{"constraint_exclusion", Reach::planning},
        Entry{"cursor_tuple_fraction", Reach::planning},
        Entry{"from_collapse_limit", Reach::planning},
        Entry{"join_collapse_limit", Reach::planning},
        Entry{"geqo", Reach::planning},
        Entry{"plan_cache_mode", Reach::planning},
        Entry{"recursive_worktable_factor", Reach::planning},
        Entry{"jit", Reach::everything},
        Entry{"max_parallel_", Reach::everything},
        Entry{"shared_buffers", Reach::everything},
        Entry{"effective_io_concurrency", Reach::everything},
        Entry{"io_", Reach::everything},
        Entry{"huge_pages", Reach::everything},
        Entry{"max_connections", Reach::everything},
        Entry{"synchronous_commit", Reach::writes},
        Entry{"commit_", Reach::writes},
        Entry{"wal_", Reach::writes},
        Entry{"max_wal_size", Reach::writes},
        Entry{"checkpoint_", Reach::writes},
        Entry{"full_page_writes", Reach::writes},
        Entry{"fsync", Reach::writes},
    };
    for (const auto& entry : entries) {
        if (name.starts_with(entry.beginning)) return entry.reach;
    }
    return Reach::nothing;
}

bool touches(Reach reach, const workload::ObservedStatement& statement, const plan::Plan* plan) {
    switch (reach) {
        case Reach::memory:
            return statement.sum.temp_blks_written > 0 || (plan != nullptr && !memory_nodes(*plan).empty());
        case Reach::planning: {
            const auto tree = sql::parse(statement.text);
            return !tree || tree->statement_count() != 1 || sql::kind_of(*tree) != sql::StatementKind::utility;
        }
        case Reach::writes:
            return statement.sum.wal_bytes.value_or(0) > 0;
        case Reach::temporary_tables:
            return statement.sum.local_blks_hit + statement.sum.local_blks_read + statement.sum.local_blks_written > 0;
        case Reach::everything:
            return true;
        case Reach::nothing:
            return false;
    }
    return false;
}

}  // namespace pganalytics::parameters
