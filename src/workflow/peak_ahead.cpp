#include "workflow/peak_ahead.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "patterns/forecast.hpp"

namespace pganalytics::workflow {

namespace {

constexpr std::size_t hours_ahead = 168;
constexpr std::size_t least_hours = 2 * 168;

}  // namespace

std::optional<PeakAhead> peak_ahead(const patterns::Series& hourly_calls) {
    if (hourly_calls.observed() < least_hours) return std::nullopt;
    const auto ahead = patterns::forecast(hourly_calls.values, hours_ahead, {.seasons = {}, .step = hourly_calls.step});
    if (!ahead || ahead->points.empty()) return std::nullopt;
    PeakAhead peak;
    for (std::size_t i = 0; i < hourly_calls.size(); ++i) {
        const double value = hourly_calls.values[i];
        if (patterns::is_gap(value) || value <= peak.most_seen) continue;
        peak.most_seen = value;
        peak.seen_at = hourly_calls.time_at(i);
    }
    const auto highest = std::max_element(ahead->points.begin(), ahead->points.end(),
                                          [](const auto& a, const auto& b) { return a.upper_80 < b.upper_80; });
    if (highest->upper_80 <= peak.most_seen) return std::nullopt;
    peak.at = hourly_calls.time_at(hourly_calls.size() + static_cast<std::size_t>(highest - ahead->points.begin()));
    peak.mean = highest->mean;
    peak.upper_80 = highest->upper_80;
    return peak;
}

std::string to_words(const PeakAhead& peak) {
    return fmt::format(
        "; the hour from {} may reach {:.0f} calls (expected {:.0f}), more than any hour seen so far ({:.0f})",
        base::to_rfc3339(peak.at), peak.upper_80, peak.mean, peak.most_seen);
}

}  // namespace pganalytics::workflow
