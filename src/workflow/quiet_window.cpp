#include "workflow/quiet_window.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace pganalytics::workflow {

namespace {

constexpr double least_days = 7;
constexpr double quiet_below = 0.8;
constexpr int least_seen = 4;  ///< of each hour of the day

constexpr int distance_minutes = 5;
/// Of the mean load: starts this near to the best are as good.
constexpr double as_good = 0.1;
constexpr double clearly_busier = 0.25;

/// Load of each hour of the week, 1 being the mean; an hour that nobody watched has the mean of its hour of the day.
std::array<double, 168> load_of_week(const patterns::Series& hourly_time_ms) {
    std::array<double, 168> sums{};
    std::array<int, 168> counts{};
    for (std::size_t i = 0; i < hourly_time_ms.size(); ++i) {
        if (patterns::is_gap(hourly_time_ms.values[i])) continue;
        const auto hours = std::chrono::floor<std::chrono::hours>(hourly_time_ms.time_at(i).time_since_epoch()).count();
        // 1970-01-01 was a Thursday.
        const auto hour = static_cast<std::size_t>((((hours + 72) % 168) + 168) % 168);
        sums[hour] += hourly_time_ms.values[i];
        ++counts[hour];
    }
    std::array<double, 24> of_day{};
    double mean = 0;
    for (std::size_t hour = 0; hour < 24; ++hour) {
        double sum = 0;
        int count = 0;
        for (std::size_t day = 0; day < 7; ++day) {
            sum += sums[day * 24 + hour];
            count += counts[day * 24 + hour];
        }
        of_day[hour] = count > 0 ? sum / count : 0;
        mean += of_day[hour] / 24;
    }
    std::array<double, 168> load{};
    for (std::size_t hour = 0; hour < 168; ++hour) {
        const double own = counts[hour] > 0 ? sums[hour] / counts[hour] : of_day[hour % 24];
        load[hour] = mean > 0 ? own / mean : 1;
    }
    return load;
}

double mean_load(const std::array<double, 168>& load, const patterns::WeekMinutes& minutes) {
    double sum = 0;
    double count = 0;
    for (std::size_t at = 0; at < minutes.size(); ++at) {
        if (!minutes.test(at)) continue;
        sum += load[at / 60];
        ++count;
    }
    return count > 0 ? sum / count : 0;
}

}  // namespace

std::optional<QuietWindow> quietest_hours(const patterns::Series& hourly_time_ms) {
    const double days = static_cast<double>(hourly_time_ms.observed()) / 24;
    if (days < least_days) return std::nullopt;
    std::array<double, 24> sums{};
    std::array<int, 24> counts{};
    for (std::size_t i = 0; i < hourly_time_ms.size(); ++i) {
        if (patterns::is_gap(hourly_time_ms.values[i])) continue;
        const auto hours = std::chrono::floor<std::chrono::hours>(hourly_time_ms.time_at(i).time_since_epoch()).count();
        const auto hour = static_cast<std::size_t>(((hours % 24) + 24) % 24);
        sums[hour] += hourly_time_ms.values[i];
        ++counts[hour];
    }
    std::array<double, 24> means{};
    double mean = 0;
    for (std::size_t hour = 0; hour < 24; ++hour) {
        if (counts[hour] < least_seen) return std::nullopt;
        means[hour] = sums[hour] / counts[hour];
        mean += means[hour] / 24;
    }
    if (mean <= 0) return std::nullopt;
    QuietWindow best{0, 1, days};
    for (std::size_t hour = 0; hour < 24; ++hour) {
        const double share = (means[hour] + means[(hour + 1) % 24]) / 2 / mean;
        if (share < best.share) best = {static_cast<int>(hour), share, days};
    }
    if (best.share >= quiet_below) return std::nullopt;
    return best;
}

std::optional<QuietStart> quietest_start(const patterns::Series& hourly_time_ms, const patterns::WeekMinutes& job,
                                         const patterns::WeekMinutes& taken, int cycle_minutes) {
    const auto load = load_of_week(hourly_time_ms);
    patterns::WeekMinutes kept_free = taken;
    for (int near = 1; near <= distance_minutes; ++near) {
        kept_free |= patterns::moved_by(taken, near) | patterns::moved_by(taken, -near);
    }
    const double now = mean_load(load, job);
    const int step = cycle_minutes >= 360 ? 15 : 5;
    std::vector<QuietStart> free;
    for (int later = step; later < cycle_minutes; later += step) {
        // The nearer way round: half an hour earlier is not 23 hours and a half later.
        const int by = later <= cycle_minutes / 2 ? later : later - cycle_minutes;
        const auto moved = patterns::moved_by(job, by);
        if ((moved & kept_free).none()) free.push_back({by, mean_load(load, moved), now});
    }
    if (free.empty()) return std::nullopt;
    const double least = std::min_element(free.begin(), free.end(), [](const auto& a, const auto& b) {
                             return a.share < b.share;
                         })->share;
    std::erase_if(free, [&](const QuietStart& each) { return each.share > least + as_good; });
    const auto best = std::min_element(free.begin(), free.end(), [](const auto& a, const auto& b) {
        return std::abs(a.later_minutes) < std::abs(b.later_minutes);
    });
    if (best->share > now + clearly_busier) return std::nullopt;
    return *best;
}

std::string to_words(const QuietWindow& window) {
    return fmt::format(
        "The quietest two hours are {:02}:00 to {:02}:00 UTC, with {:.0f} % of the mean load over {:.0f} days: a good "
        "time "
        "to build the index.",
        window.begins_hour, (window.begins_hour + 2) % 24, 100 * window.share, window.days);
}

}  // namespace pganalytics::workflow
