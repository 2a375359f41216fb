#include "patterns/hourly_peak.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "patterns/weekday_groups.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_days = 5;

using Day = std::array<double, 24>;

bool is_in(std::span<const int> weekdays, int weekday) {
    return weekdays.empty() || std::find(weekdays.begin(), weekdays.end(), weekday) != weekdays.end();
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
    const std::optional<WeekdayGroups> groups = weekday_groups(table);
    const std::vector<int> weekdays = groups ? groups->busy() : std::vector<int>{};
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
