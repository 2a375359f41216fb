#include "patterns/repeated_reads.hpp"

#include <algorithm>
#include <cmath>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

using Minutes = base::Minutes;

/// The server flushes its counters late, and a reading falls into the middle of a bucket.
constexpr std::chrono::minutes counters_lag{12};
/// A bucket's rows per call may differ by this before the result counts as another one.
constexpr double rows_differ = 0.01;
constexpr double rows_agree = 0.95;

std::vector<StatementActivity> by_time(std::span<const StatementActivity> activity) {
    std::vector<StatementActivity> sorted(activity.begin(), activity.end());
    std::erase_if(sorted, [](const auto& each) { return each.calls <= 0; });
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.begins < b.begins; });
    return sorted;
}

/// Whether any write falls into [from, to]; `writes` sorted by begin.
class Writes {
  public:
    explicit Writes(std::span<const StatementActivity> writes) : writes_(by_time(writes)) {
        base::Timestamp latest = base::Timestamp::min();
        for (const auto& each : writes_) latest_end_.push_back(latest = std::max(latest, each.ends));
    }
    [[nodiscard]] bool any_between(base::Timestamp from, base::Timestamp to) const {
        const auto after = std::upper_bound(writes_.begin(), writes_.end(), to,
                                            [](base::Timestamp at, const auto& each) { return at < each.begins; });
        if (after == writes_.begin()) return false;
        return latest_end_[static_cast<std::size_t>(after - writes_.begin()) - 1] >= from;
    }

  private:
    std::vector<StatementActivity> writes_;
    std::vector<base::Timestamp> latest_end_;
};

/// Pairs of readings that agree; nullopt where the counters moved and nobody was seen to write.
std::optional<std::size_t> agreeing(std::span<const ChangeReading> counters, const Writes& writes) {
    std::size_t agree = 0;
    for (std::size_t i = 1; i < counters.size(); ++i) {
        const double changes = counters[i].changes - counters[i - 1].changes;
        if (changes < 0) continue;  // reset in between
        const bool seen = writes.any_between(counters[i - 1].at - counters_lag, counters[i].at + counters_lag);
        if (changes > 0 && !seen) return std::nullopt;
        ++agree;
    }
    return agree;
}

}  // namespace

std::optional<RepeatedRead> find_repeated_read(std::span<const StatementActivity> reads,
                                               std::span<const StatementActivity> writes,
                                               std::span<const ChangeReading> counters, double days,
                                               const RepeatOptions& options) {
    const auto sorted = by_time(reads);
    if (sorted.size() < 2 || days < options.least_days) return std::nullopt;
    RepeatedRead result;
    result.days = days;
    const Writes written(writes);
    double calls = 0;
    double time_ms = 0;
    double pages = 0;
    double made_anew = 0;
    std::vector<double> gaps, rows;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const StatementActivity& each = sorted[i];
        calls += each.calls;
        time_ms += each.time_ms;
        pages += each.pages;
        rows.push_back(each.rows / each.calls);
        if (written.any_between(each.begins, each.ends)) {
            made_anew += each.calls;
        } else if (i == 0 || written.any_between(sorted[i - 1].begins, each.begins)) {
            made_anew += 1;
        }
        if (i > 0) gaps.push_back(Minutes(each.begins - sorted[i - 1].ends).count());
    }
    result.calls_per_day = calls / days;
    result.mean_ms = time_ms / calls;
    result.ms_per_day = time_ms / days;
    result.usual_gap_minutes = median(gaps);
    result.unchanged = 1 - made_anew / calls;
    result.changes_per_day = made_anew / days;
    result.rows_per_call = median(rows);
    result.pages_per_call = pages / calls;
    const double runs_a_day = 1440 / options.longest_gap_minutes;
    if (result.usual_gap_minutes > options.longest_gap_minutes || result.calls_per_day < runs_a_day ||
        result.mean_ms < options.least_mean_ms || result.ms_per_day < options.least_ms_per_day ||
        result.unchanged < options.least_unchanged) {
        return std::nullopt;
    }
    const auto same_rows = std::count_if(rows.begin(), rows.end(), [&](double each) {
        return std::abs(each - result.rows_per_call) <= rows_differ * std::max(1.0, result.rows_per_call);
    });
    const double writes_allow = 1 - result.unchanged;
    if (static_cast<double>(same_rows) < (rows_agree - writes_allow) * static_cast<double>(rows.size())) {
        return std::nullopt;
    }
    const auto agree = agreeing(counters, written);
    if (!agree || *agree < options.least_readings) return std::nullopt;
    result.readings_agree = *agree;
    return result;
}

}  // namespace pganalytics::patterns
