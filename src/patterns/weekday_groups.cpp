#include "patterns/weekday_groups.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t week = 7;
constexpr std::array<bool, week> may_be_weekend{false, false, false, false, true, true, true};
constexpr double least_ratio = 1.3;  // of a busy day's level to a quiet one's
constexpr double least_spreads = 3;  // between the groups
constexpr double day_seconds = 86400;
constexpr std::size_t least_busy = 4;  // weekdays: the course of fewer is no usual day's

struct LevelsByWeekday {
    std::array<std::vector<double>, week> days;
    std::array<double, week> middle{};
    bool is_repeated = true;  // each weekday was seen twice
};

std::optional<LevelsByWeekday> levels_of(const DayTable& table) {
    LevelsByWeekday levels;
    for (std::size_t d = 0; d < table.days.size(); ++d) {
        levels.days[static_cast<std::size_t>(table.weekdays[d])].push_back(moments(table.days[d]).mean);
    }
    for (std::size_t weekday = 0; weekday < week; ++weekday) {
        if (levels.days[weekday].empty()) return std::nullopt;
        levels.is_repeated = levels.is_repeated && levels.days[weekday].size() >= 2;
        levels.middle[weekday] = median(levels.days[weekday]);
    }
    return levels;
}

/// How far days lie from the usual level: of their weekday, or of their group where weekdays were seen once.
double spread_of_days(const LevelsByWeekday& levels, const WeekdayGroups& groups) {
    std::array<std::vector<double>, 2> of_group;
    for (std::size_t weekday = 0; weekday < week; ++weekday) {
        auto& days = of_group[groups.is_quiet[weekday] ? 1 : 0];
        days.insert(days.end(), levels.days[weekday].begin(), levels.days[weekday].end());
    }
    const std::array<double, 2> middle{median(of_group[0]), median(of_group[1])};
    std::vector<double> spreads;
    for (std::size_t weekday = 0; weekday < week; ++weekday) {
        const double usual = levels.is_repeated ? levels.middle[weekday] : middle[groups.is_quiet[weekday] ? 1 : 0];
        for (const double day : levels.days[weekday]) spreads.push_back(day - usual);
    }
    return scale_of_residuals(spreads);
}

std::size_t weekday_index(base::Timestamp time) {
    return static_cast<std::size_t>(weekday_of(time));
}

/// Which of the day's buckets begins at `time`.
std::size_t slot_of(base::Timestamp time, const Series& series, std::size_t slots) {
    const auto since = base::Seconds(time - std::chrono::floor<std::chrono::days>(time));
    return static_cast<std::size_t>(std::lround(since / series.step)) % slots;
}

/// The usual course of the days of one group.
std::vector<double> course(const Series& series, const WeekdayGroups& groups, bool of_quiet, std::size_t slots) {
    std::vector<std::vector<double>> at_slot(slots);
    for (std::size_t t = 0; t < series.size(); ++t) {
        if (is_gap(series.values[t])) continue;
        const base::Timestamp time = series.time_at(t);
        if (groups.is_quiet[weekday_index(time)] == of_quiet) {
            at_slot[slot_of(time, series, slots)].push_back(series.values[t]);
        }
    }
    std::vector<double> result;
    for (auto& values : at_slot) result.push_back(median(std::move(values)));
    return result;
}

}  // namespace

std::vector<int> WeekdayGroups::busy() const {
    std::vector<int> weekdays;
    for (std::size_t weekday = 0; weekday < week; ++weekday) {
        if (!is_quiet[weekday]) weekdays.push_back(static_cast<int>(weekday));
    }
    return weekdays;
}

std::optional<WeekdayGroups> weekday_groups(const DayTable& table) {
    const std::optional<LevelsByWeekday> levels = levels_of(table);
    if (!levels) return std::nullopt;
    std::array<std::size_t, week> order{};
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return levels->middle[a] < levels->middle[b]; });
    WeekdayGroups groups;
    double widest = 0;
    std::size_t cut = 0;
    for (std::size_t i = 1; i < week; ++i) {
        const double distance = levels->middle[order[i]] - levels->middle[order[i - 1]];
        if (distance > widest) {
            widest = distance;
            cut = i;
        }
    }
    if (cut == 0) return std::nullopt;
    for (std::size_t i = 0; i < cut; ++i) {
        if (!levels->is_repeated && !may_be_weekend[order[i]]) return std::nullopt;
        groups.is_quiet[order[i]] = true;
    }
    if (widest < least_spreads * spread_of_days(*levels, groups)) return std::nullopt;
    if (levels->middle[order[cut]] < least_ratio * levels->middle[order[cut - 1]]) return std::nullopt;
    return groups;
}

std::optional<AlikeDays> days_alike(const Series& series) {
    const double in_day = day_seconds / series.step.count();
    if (in_day < 1 || std::abs(in_day - std::round(in_day)) > 1e-6) return std::nullopt;
    const std::optional<DayTable> table = day_table(series);
    const std::optional<WeekdayGroups> groups = table ? weekday_groups(*table) : std::nullopt;
    if (!groups || groups->busy().size() < least_busy) return std::nullopt;
    const auto slots = static_cast<std::size_t>(std::lround(in_day));
    const std::vector<double> busy = course(series, *groups, false, slots);
    const std::vector<double> quiet = course(series, *groups, true, slots);
    AlikeDays alike{series, std::vector<double>(series.size(), 0.0)};
    for (std::size_t t = 0; t < series.size(); ++t) {
        const base::Timestamp time = series.time_at(t);
        if (!groups->is_quiet[weekday_index(time)]) continue;
        const std::size_t slot = slot_of(time, series, slots);
        alike.added[t] = busy[slot] - quiet[slot];
        alike.series.values[t] += alike.added[t];
    }
    return alike;
}

}  // namespace pganalytics::patterns
