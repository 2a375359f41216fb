#pragma once
// A quantity over time on a regular grid, with gaps known as gaps: a bucket nobody watched is missing, a bucket that
// was watched and had no activity is zero. Missing is NaN inside `values` and nowhere else.
//
// Buckets are cut in UTC; time zones are for words only (patterns/time_zone.hpp). Value types, no errors thrown,
// free functions are safe from several threads.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/units.hpp"

namespace pganalytics::patterns {

[[nodiscard]] bool is_gap(double value);
/// The value that stands for a gap.
[[nodiscard]] double gap();

struct Series {
    base::Timestamp begins{};    ///< start of the first bucket
    base::Seconds step{3600};    ///< width of a bucket, above 0
    std::vector<double> values;  ///< NaN is a gap

    [[nodiscard]] std::size_t size() const { return values.size(); }
    [[nodiscard]] std::size_t observed() const;  ///< buckets that are no gap
    [[nodiscard]] base::Timestamp time_at(std::size_t bucket) const;
    [[nodiscard]] base::Timestamp ends() const { return time_at(values.size()); }
    [[nodiscard]] double step_hours() const { return step.count() / 3600; }
    /// Buckets in `span`, as a fraction.
    [[nodiscard]] double buckets_in(base::Seconds span) const { return span / step; }
};

/// A span of time in which the source was watched.
struct Watch {
    base::Timestamp begins;
    base::Timestamp ends;
};

/// An amount that arose evenly between two instants (the delta of a counter over one interval).
struct Amount {
    base::Timestamp begins;
    base::Timestamp ends;
    double value = 0;
};

struct BucketOptions {
    base::Seconds step{3600};
    /// A bucket watched for less than this share is a gap; one watched in part is scaled up to the whole bucket.
    double minimum_watched = 0.5;
};

/// Amounts laid into the buckets of [from, to), which is widened to whole steps of UTC. An amount across a border is
/// shared by time. A reset or an outage of the collector is simply time that no `watched` covers.
[[nodiscard]] Series bucket_amounts(std::span<const Amount> amounts, std::span<const Watch> watched,
                                    base::Timestamp from, base::Timestamp to, const BucketOptions& options = {});

/// A point of a series of unknown regularity (a file).
struct Point {
    base::Timestamp at;
    double value = 0;
};

/// Points onto the regular grid of their most frequent distance. Missing places become gaps, several points of one
/// place their mean. Points must not be empty; order does not matter.
[[nodiscard]] Series regular_series(std::vector<Point> points);

/// Sum of whole groups of `factor` buckets, aligned to UTC; a group with less than half of its buckets observed is a
/// gap, else its sum is scaled up to the whole group.
[[nodiscard]] Series coarser(const Series& fine, std::size_t factor);

/// Sum of what is known, and its mean; 0 where nothing is.
[[nodiscard]] double total(const Series& series);
[[nodiscard]] double mean_level(const Series& series);

/// Bucket-wise a / b: a gap where either is, or where b is 0.
[[nodiscard]] Series ratio(const Series& a, const Series& b);
/// Bucket-wise sum; a gap only where every series has one. All must share grid and size.
[[nodiscard]] Series sum(std::span<const Series> parts);

}  // namespace pganalytics::patterns
