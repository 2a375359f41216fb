#include "patterns/series.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "base/check.hpp"

namespace pganalytics::patterns {
namespace {

using Micros = std::chrono::microseconds;

std::int64_t micros(base::Timestamp at) {
    return at.time_since_epoch().count();
}

std::int64_t micros(base::Seconds span) {
    return std::llround(span.count() * 1e6);
}

base::Timestamp at_micros(std::int64_t count) {
    return base::Timestamp{Micros{count}};
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/// Adds `amount` of [begins, ends) to buckets of `width` counted from `origin`, shared by time.
void spread(std::vector<double>& buckets, std::int64_t origin, std::int64_t width, std::int64_t begins,
            std::int64_t ends, double amount) {
    const auto count = static_cast<std::int64_t>(buckets.size());
    if (ends <= begins) {
        // Something that took no time belongs to the bucket of its instant.
        const std::int64_t bucket = floor_div(begins - origin, width);
        if (bucket >= 0 && bucket < count) buckets[static_cast<std::size_t>(bucket)] += amount;
        return;
    }
    const double per_micro = amount / static_cast<double>(ends - begins);
    const std::int64_t first = std::max<std::int64_t>(0, floor_div(begins - origin, width));
    for (std::int64_t bucket = first; bucket < count && origin + bucket * width < ends; ++bucket) {
        const std::int64_t from = std::max(begins, origin + bucket * width);
        const std::int64_t to = std::min(ends, origin + (bucket + 1) * width);
        if (to > from) buckets[static_cast<std::size_t>(bucket)] += per_micro * static_cast<double>(to - from);
    }
}

}  // namespace

bool is_gap(double value) {
    return std::isnan(value);
}

double gap() {
    return std::numeric_limits<double>::quiet_NaN();
}

std::size_t Series::observed() const {
    return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](double v) { return !is_gap(v); }));
}

base::Timestamp Series::time_at(std::size_t bucket) const {
    return begins + Micros{static_cast<std::int64_t>(bucket) * micros(step)};
}

Series bucket_amounts(std::span<const Amount> amounts, std::span<const Watch> watched, base::Timestamp from,
                      base::Timestamp to, const BucketOptions& options) {
    const std::int64_t width = micros(options.step);
    base::check(width > 0, "a bucket needs a width above 0");
    const std::int64_t first = floor_div(micros(from), width);
    const std::int64_t last = std::max(first, floor_div(micros(to) - 1, width) + 1);
    const std::int64_t origin = first * width;

    Series series{at_micros(origin), options.step, std::vector<double>(static_cast<std::size_t>(last - first), 0.0)};
    std::vector<double> seen(series.size(), 0.0);
    for (const Amount& amount : amounts) {
        spread(series.values, origin, width, micros(amount.begins), micros(amount.ends), amount.value);
    }
    for (const Watch& watch : watched) {
        if (watch.ends <= watch.begins) continue;
        const std::int64_t begins = std::max(micros(watch.begins), micros(from));
        const std::int64_t ends = std::min(micros(watch.ends), micros(to));
        if (ends > begins) spread(seen, origin, width, begins, ends, static_cast<double>(ends - begins));
    }
    for (std::size_t bucket = 0; bucket < series.size(); ++bucket) {
        const double share = seen[bucket] / static_cast<double>(width);
        if (share < options.minimum_watched) {
            series.values[bucket] = gap();
        } else if (share < 1) {
            series.values[bucket] /= share;
        }
    }
    return series;
}

namespace {

/// The most frequent distance between neighbours; where clocks jitter and none is frequent, the round one that their
/// median is near to.
std::int64_t usual_distance(const std::vector<Point>& points) {
    std::map<std::int64_t, std::size_t> distances;
    std::size_t all = 0;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const std::int64_t distance = micros(points[i].at) - micros(points[i - 1].at);
        if (distance > 0) {
            ++distances[distance];
            ++all;
        }
    }
    if (all == 0) return micros(base::Seconds{3600});
    const auto frequent = std::max_element(distances.begin(), distances.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
    if (frequent->second * 4 >= all) return frequent->first;
    std::size_t below = 0;
    for (const auto& [distance, count] : distances) {
        below += count;
        if (2 * below < all) continue;
        for (const double round : {1.,    5.,    10.,   15.,   20.,    30.,    60.,    120.,   300.,   600.,   900.,
                                   1200., 1800., 3600., 7200., 10800., 14400., 21600., 43200., 86400., 604800.}) {
            const std::int64_t width = micros(base::Seconds{round});
            if (std::abs(distance - width) * 20 < width) return width;
        }
        break;
    }
    return frequent->first;
}

}  // namespace

Series regular_series(std::vector<Point> points) {
    base::check(!points.empty(), "a series needs a point");
    std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
    std::int64_t width = usual_distance(points);
    const std::int64_t origin = micros(points.front().at);
    // A grid finer than the file is long is a file of stray points; the cap keeps it from filling memory.
    constexpr std::int64_t longest = 4'000'000;
    const std::int64_t span = micros(points.back().at) - origin;
    while (span / width >= longest) width *= 2;

    const auto size = static_cast<std::size_t>((span + width / 2) / width) + 1;
    Series series{points.front().at, base::Seconds{static_cast<double>(width) / 1e6}, std::vector<double>(size, 0.0)};
    std::vector<std::size_t> counts(size, 0);
    for (const Point& point : points) {
        const auto place = static_cast<std::size_t>((micros(point.at) - origin + width / 2) / width);
        if (is_gap(point.value)) continue;
        series.values[place] += point.value;
        ++counts[place];
    }
    for (std::size_t place = 0; place < size; ++place) {
        series.values[place] = counts[place] > 0 ? series.values[place] / static_cast<double>(counts[place]) : gap();
    }
    return series;
}

Series coarser(const Series& fine, std::size_t factor) {
    base::check(factor > 0, "a group needs a bucket");
    const std::int64_t width = micros(fine.step) * static_cast<std::int64_t>(factor);
    const std::int64_t origin = floor_div(micros(fine.begins), width) * width;
    const auto lead = static_cast<std::size_t>((micros(fine.begins) - origin) / micros(fine.step));
    const std::size_t size = (lead + fine.size() + factor - 1) / factor;
    Series series{at_micros(origin), fine.step * static_cast<double>(factor), std::vector<double>(size, 0.0)};
    std::vector<std::size_t> known(size, 0);
    for (std::size_t i = 0; i < fine.size(); ++i) {
        if (is_gap(fine.values[i])) continue;
        series.values[(lead + i) / factor] += fine.values[i];
        ++known[(lead + i) / factor];
    }
    for (std::size_t i = 0; i < size; ++i) {
        if (2 * known[i] < factor || known[i] == 0) {
            series.values[i] = gap();
        } else {
            series.values[i] *= static_cast<double>(factor) / static_cast<double>(known[i]);
        }
    }
    return series;
}

double total(const Series& series) {
    double sum = 0;
    for (const double value : series.values) {
        if (!is_gap(value)) sum += value;
    }
    return sum;
}

double mean_level(const Series& series) {
    return total(series) / std::max<double>(1, static_cast<double>(series.observed()));
}

Series ratio(const Series& a, const Series& b) {
    base::check(a.size() == b.size(), "series of one grid are wanted");
    Series result = a;
    for (std::size_t i = 0; i < a.size(); ++i) {
        result.values[i] =
            is_gap(a.values[i]) || is_gap(b.values[i]) || b.values[i] == 0 ? gap() : a.values[i] / b.values[i];
    }
    return result;
}

Series sum(std::span<const Series> parts) {
    Series total;
    for (const Series& part : parts) {
        if (total.values.empty()) {
            total = part;
            continue;
        }
        base::check(part.size() == total.size(), "series of one grid are wanted");
        for (std::size_t i = 0; i < total.size(); ++i) {
            if (is_gap(part.values[i])) continue;
            total.values[i] = is_gap(total.values[i]) ? part.values[i] : total.values[i] + part.values[i];
        }
    }
    return total;
}

}  // namespace pganalytics::patterns
