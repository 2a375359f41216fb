#include "patterns/day_table.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_hours_known = 18;

}  // namespace

Moments moments(std::span<const double> values) {
    Moments result;
    double sum = 0;
    double squares = 0;
    for (const double value : values) {
        if (is_gap(value)) continue;
        sum += value;
        ++result.count;
    }
    if (result.count == 0) return result;
    result.mean = sum / static_cast<double>(result.count);
    for (const double value : values) {
        if (!is_gap(value)) squares += (value - result.mean) * (value - result.mean);
    }
    result.variance = squares / static_cast<double>(result.count);
    return result;
}

int weekday_of(base::Timestamp time) {
    return static_cast<int>(std::chrono::weekday(std::chrono::floor<std::chrono::days>(time)).iso_encoding()) - 1;
}

std::optional<DayTable> day_table(const Series& series) {
    const double in_hour = 3600 / series.step.count();
    if (in_hour < 0.999 || std::abs(in_hour - std::round(in_hour)) > 1e-6) return std::nullopt;
    const auto factor = static_cast<std::size_t>(std::llround(in_hour));
    const Series hourly = factor == 1 ? series : coarser(series, factor);
    DayTable table;
    const auto first_hour = std::chrono::floor<std::chrono::hours>(hourly.begins).time_since_epoch().count();
    std::size_t t = static_cast<std::size_t>((24 - ((first_hour % 24) + 24) % 24) % 24);
    for (; t + 24 <= hourly.size(); t += 24) {
        std::array<double, 24> day{};
        std::copy_n(hourly.values.begin() + static_cast<std::ptrdiff_t>(t), 24, day.begin());
        if (moments(day).count < minimum_hours_known) continue;
        table.days.push_back(day);
        table.weekdays.push_back(weekday_of(hourly.time_at(t)));
    }
    return table;
}

}  // namespace pganalytics::patterns
