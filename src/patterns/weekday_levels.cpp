#include "patterns/weekday_levels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "patterns/day_table.hpp"
#include "patterns/noise_test.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t week = 7;
constexpr std::size_t least_days = 3 * week - 1;  // three weeks from any hour on have one day in two parts
constexpr double least_known_hours = 18;
constexpr double significance = 1e-4;

struct Day {
    std::size_t weekday = 0;
    double level = 0;
};

std::vector<Day> whole_days(const DayTable& table) {
    std::vector<Day> days;
    for (std::size_t i = 0; i < table.days.size(); ++i) {
        double sum = 0;
        double known = 0;
        for (const double hour : table.days[i]) {
            if (is_gap(hour)) continue;
            sum += hour;
            ++known;
        }
        if (known >= least_known_hours) days.push_back({static_cast<std::size_t>(table.weekdays[i]), sum / known});
    }
    return days;
}

double square_of_hours(const DayTable& table, double mean) {
    double sum = 0;
    for (const auto& day : table.days) {
        for (const double hour : day) {
            if (!is_gap(hour)) sum += (hour - mean) * (hour - mean);
        }
    }
    return sum;
}

/// Share of the weeks, of seven days each from the first on, that go with the mean week.
double following_weeks(const std::vector<Day>& days, const std::array<double, week>& mean, double grand_mean) {
    double weeks = 0;
    double following = 0;
    for (std::size_t first = 0; first + week <= days.size(); first += week) {
        double products = 0;
        double squares = 0;
        for (std::size_t i = first; i < first + week; ++i) {
            const double profile = mean[days[i].weekday] - grand_mean;
            products += profile * (days[i].level - grand_mean);
            squares += profile * profile;
        }
        ++weeks;
        if (products > 0.25 * squares) ++following;
    }
    return weeks > 0 ? following / weeks : 0;
}

}  // namespace

std::optional<WeekdayLevels> weekday_levels(const Series& series) {
    const std::optional<DayTable> table = day_table(series);
    if (!table) return std::nullopt;
    const std::vector<Day> days = whole_days(*table);
    if (days.size() < least_days) return std::nullopt;
    const auto n = static_cast<double>(days.size());

    const bool has_logs = std::all_of(days.begin(), days.end(), [](const Day& day) { return day.level > 0; });
    const auto compared = [&](const Day& day) { return has_logs ? std::log(day.level) : day.level; };
    std::array<double, week> level{};
    std::array<double, week> usual{};
    std::array<double, week> count{};
    double all = 0;
    double usual_of_all = 0;
    for (const Day& day : days) {
        level[day.weekday] += day.level;
        usual[day.weekday] += compared(day);
        ++count[day.weekday];
        all += day.level / n;
        usual_of_all += compared(day) / n;
    }
    for (std::size_t weekday = 0; weekday < week; ++weekday) {
        if (count[weekday] < 2) return std::nullopt;
        level[weekday] /= count[weekday];
        usual[weekday] /= count[weekday];
    }
    double within = 0;
    double whole = 0;
    double between = 0;
    for (const Day& day : days) {
        const double value = compared(day);
        within += (value - usual[day.weekday]) * (value - usual[day.weekday]);
        whole += (value - usual_of_all) * (value - usual_of_all);
        between += 24 * (level[day.weekday] - all) * (level[day.weekday] - all);
    }
    if (whole <= 0) return std::nullopt;
    const double free = n - 1 - (week - 1 + 1) / 2.0;
    const double ratio = free * std::log(whole / std::max(within, 1e-12 * whole));

    WeekdayLevels result;
    result.p_value = std::exp(log_chi_square_tail(ratio, (week - 1) / 2));
    if (result.p_value > significance) return std::nullopt;
    const auto [lowest, highest] = std::minmax_element(level.begin(), level.end());
    result.swing = (*highest - *lowest) / 2;
    const double of_hours = square_of_hours(*table, all);
    result.strength = of_hours > 0 ? std::min(1.0, between / of_hours) : 0;
    result.recurrence = following_weeks(days, level, all);
    return result;
}

}  // namespace pganalytics::patterns
