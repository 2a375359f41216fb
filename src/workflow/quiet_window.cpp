#include "workflow/quiet_window.hpp"

#include <fmt/format.h>

#include <array>

namespace pganalytics::workflow {

namespace {

constexpr double least_days = 7;
constexpr double quiet_below = 0.8;
constexpr int least_seen = 4;  ///< of each hour of the day

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

std::string to_words(const QuietWindow& window) {
    return fmt::format(
        "The quietest two hours are {:02}:00 to {:02}:00 UTC, with {:.0f} % of the mean load over {:.0f} days: a good "
        "time "
        "to build the index.",
        window.begins_hour, (window.begins_hour + 2) % 24, 100 * window.share, window.days);
}

}  // namespace pganalytics::workflow
