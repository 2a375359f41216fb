#include "patterns/hourly_peak.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_days = 5;
constexpr std::size_t minimum_hours_known = 18;

using Day = std::array<double, 24>;

struct Moments {
    double mean = 0;
    double variance = 0;  ///< population
    std::size_t count = 0;
};

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

bool is_in(std::span<const int> weekdays, int weekday) {
    return weekdays.empty() || std::find(weekdays.begin(), weekdays.end(), weekday) != weekdays.end();
}

/// The weekdays of the busier of two clear groups; empty where the days of the week are alike.
std::vector<int> busy_weekdays(const DayTable& table) {
    std::array<std::vector<double>, 7> levels;
    for (std::size_t d = 0; d < table.days.size(); ++d) {
        levels[static_cast<std::size_t>(table.weekdays[d])].push_back(moments(table.days[d]).mean);
    }
    std::array<double, 7> middle{};
    std::vector<double> spreads;
    for (std::size_t w = 0; w < 7; ++w) {
        if (levels[w].size() < 2) return {};
        middle[w] = median(levels[w]);
        for (const double each : levels[w]) spreads.push_back(each - middle[w]);
    }
    std::array<std::size_t, 7> order{};
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return middle[a] < middle[b]; });
    std::size_t cut = 0;
    double widest = 0;
    for (std::size_t i = 1; i < 7; ++i) {
        const double distance = middle[order[i]] - middle[order[i - 1]];
        if (distance > widest) {
            widest = distance;
            cut = i;
        }
    }
    const double low = middle[order[cut - (cut > 0 ? 1 : 0)]];
    const double high = middle[order[cut]];
    const double spread = scale_of_residuals(spreads);
    if (cut == 0 || widest < 3 * spread || high < 1.3 * low) return {};
    std::vector<int> busy;
    for (std::size_t i = cut; i < 7; ++i) busy.push_back(static_cast<int>(order[i]));
    std::sort(busy.begin(), busy.end());
    return busy;
}

double normal_tail(double z) {
    return 0.5 * std::erfc(z / std::sqrt(2.0));
}

/// P(an hour's mean as high as `excess` above the mean), each day turned at random, for few days: by trying.
double rotation_p_value(const std::vector<const Day*>& days, double excess) {
    constexpr int trials = 1999;
    std::mt19937_64 random(days.size());
    std::uniform_int_distribution<std::size_t> turn(0, 23);
    int as_high = 0;
    for (int trial = 0; trial < trials; ++trial) {
        Day sums{};
        std::array<int, 24> counts{};
        for (const Day* day : days) {
            const double mean = moments(*day).mean;
            const std::size_t by = turn(random);
            for (std::size_t h = 0; h < 24; ++h) {
                const double value = (*day)[(h + by) % 24];
                if (is_gap(value)) continue;
                sums[h] += value - mean;
                ++counts[h];
            }
        }
        double highest = 0;
        for (std::size_t h = 0; h < 24; ++h) {
            if (counts[h] > 0) highest = std::max(highest, sums[h] / counts[h]);
        }
        if (highest >= excess) ++as_high;
    }
    return (as_high + 1.0) / (trials + 1.0);
}

}  // namespace

double HourMeans::z_score(int hour) const {
    return sigma > 0 ? (mean[static_cast<std::size_t>(hour)] - grand_mean) / sigma : 0;
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
        Day day{};
        std::copy_n(hourly.values.begin() + static_cast<std::ptrdiff_t>(t), 24, day.begin());
        if (moments(day).count < minimum_hours_known) continue;
        table.days.push_back(day);
        // 1970-01-01 was a Thursday.
        const auto day_number = (first_hour + static_cast<std::int64_t>(t)) / 24;
        table.weekdays.push_back(static_cast<int>(((day_number + 3) % 7 + 7) % 7));
    }
    return table;
}

HourMeans hour_means(const DayTable& table, std::span<const int> weekdays) {
    HourMeans result;
    std::array<int, 24> counts{};
    for (std::size_t d = 0; d < table.days.size(); ++d) {
        if (!is_in(weekdays, table.weekdays[d])) continue;
        for (std::size_t h = 0; h < 24; ++h) {
            if (is_gap(table.days[d][h])) continue;
            result.mean[h] += table.days[d][h];
            ++counts[h];
        }
    }
    for (std::size_t h = 0; h < 24; ++h) {
        if (counts[h] > 0) result.mean[h] /= counts[h];
    }
    const Moments all = moments(result.mean);
    result.grand_mean = all.mean;
    result.sigma = std::sqrt(all.variance);
    return result;
}

std::vector<HourlyPeak> find_hourly_peaks(const DayTable& table, double significance) {
    const std::vector<int> weekdays = busy_weekdays(table);
    std::vector<const Day*> days;
    double null_variance = 0;
    for (std::size_t d = 0; d < table.days.size(); ++d) {
        if (!is_in(weekdays, table.weekdays[d])) continue;
        days.push_back(&table.days[d]);
        null_variance += moments(table.days[d]).variance;
    }
    if (days.size() < minimum_days) return {};
    const auto count = static_cast<double>(days.size());
    const double null_deviation = std::sqrt(null_variance) / count;
    const HourMeans means = hour_means(table, weekdays);
    std::vector<HourlyPeak> peaks;
    if (!(null_deviation > 0) || !(means.sigma > 1e-9 * std::abs(means.grand_mean))) return peaks;

    for (std::size_t h = 0; h < 24; ++h) {
        const double excess = means.mean[h] - means.grand_mean;
        if (excess <= means.sigma) continue;
        const double z = excess / null_deviation;
        double p_value = std::min(1.0, 24 * normal_tail(z));
        // The normal tail is too pessimistic for a handful of days that are all alike.
        if (p_value > significance && z > 1.5 && days.size() <= 14) p_value = rotation_p_value(days, excess);
        if (p_value > significance) continue;
        std::vector<double> at_hour;
        std::size_t showing = 0;
        for (const Day* day : days) {
            if (is_gap((*day)[h])) continue;
            at_hour.push_back((*day)[h]);
            if ((*day)[h] - moments(*day).mean >= excess / 2) ++showing;
        }
        const Moments over_days = moments(at_hour);
        if (over_days.count < minimum_days || over_days.mean == 0) continue;
        HourlyPeak peak;
        peak.hour = static_cast<int>(h);
        peak.variance = std::sqrt(over_days.variance) / std::abs(over_days.mean);
        peak.consistency = std::max(0.0, 1 - peak.variance);
        peak.recurrence = static_cast<double>(showing) / static_cast<double>(over_days.count);
        peak.z_score = means.z_score(peak.hour);
        peak.p_value = p_value;
        peak.days = over_days.count;
        peak.weekdays = weekdays;
        peaks.push_back(std::move(peak));
    }
    return peaks;
}

}  // namespace pganalytics::patterns
