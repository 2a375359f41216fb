#include "patterns/job_runs.hpp"

#include <algorithm>
#include <cmath>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr base::Minutes longest_pause{10};
/// Less than this of a median run is its last minute in a bucket of its own, or a run that was broken off.
constexpr double least_of_a_run = 0.2;

struct Sum {
    double calls = 0, time_ms = 0, pages = 0;
    void add(const StatementActivity& each) {
        calls += each.calls;
        time_ms += each.time_ms;
        pages += each.pages;
    }
};

std::map<base::QueryHash, Sum> by_statement(std::span<const StatementActivity> activity) {
    std::map<base::QueryHash, Sum> sums;
    for (const auto& each : activity) sums[each.query_hash].add(each);
    return sums;
}

}  // namespace

std::vector<JobRun> runs_of(const JobHistory& job) {
    std::vector<StatementActivity> sorted = job.activity;
    std::erase_if(sorted, [](const auto& each) { return each.calls <= 0 || each.time_ms <= 0; });
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.begins < b.begins; });
    const base::Minutes pause = std::min(longest_pause, job.period / 4);
    std::vector<JobRun> runs;
    for (auto& each : sorted) {
        if (runs.empty() || base::Minutes(each.begins - runs.back().ends) > pause) {
            runs.push_back({each.begins, each.ends, 0, {}});
        }
        JobRun& run = runs.back();
        run.ends = std::max(run.ends, each.ends);
        run.time_ms += each.time_ms;
        run.activity.push_back(each);
    }
    std::vector<double> sizes;
    for (const JobRun& run : runs) sizes.push_back(run.time_ms);
    const double least = least_of_a_run * median(sizes);
    std::erase_if(runs, [&](const JobRun& run) { return run.time_ms < least; });
    return runs;
}

Pace::Pace(std::span<const JobRun> runs) {
    std::map<base::QueryHash, std::vector<double>> times, pages;
    for (const JobRun& run : runs) {
        for (const auto& [query, sum] : by_statement(run.activity)) {
            times[query].push_back(std::log(sum.time_ms / sum.calls));
            if (sum.pages > 0) pages[query].push_back(std::log(sum.pages / sum.calls));
        }
    }
    for (auto& [query, each] : times) usual_[query].time = median(std::move(each));
    for (auto& [query, each] : pages) usual_[query].pages = median(std::move(each));
}

std::optional<Pace::Reading> Pace::of(std::span<const StatementActivity> activity) const {
    Reading reading;
    double weight_of_pages = 0;
    double pages = 0;
    for (const auto& [query, sum] : by_statement(activity)) {
        const auto usual = usual_.find(query);
        if (usual == usual_.end() || sum.calls <= 0 || sum.time_ms <= 0) continue;
        reading.time += sum.time_ms * (std::log(sum.time_ms / sum.calls) - usual->second.time);
        reading.time_ms += sum.time_ms;
        if (!usual->second.pages || sum.pages <= 0) continue;
        pages += sum.time_ms * (std::log(sum.pages / sum.calls) - *usual->second.pages);
        weight_of_pages += sum.time_ms;
    }
    if (reading.time_ms <= 0) return std::nullopt;
    reading.time /= reading.time_ms;
    if (weight_of_pages > 0) reading.pages = pages / weight_of_pages;
    return reading;
}

double share_within(base::Timestamp begins, base::Timestamp ends, std::span<const JobRun> runs) {
    const double length = base::Minutes(ends - begins).count();
    if (length <= 0) return 0;
    double inside = 0;
    // Runs do not overlap each other and are in order.
    auto run = std::upper_bound(runs.begin(), runs.end(), begins,
                                [](base::Timestamp at, const JobRun& each) { return at < each.ends; });
    for (; run != runs.end() && run->begins < ends; ++run) {
        inside += base::Minutes(std::min(ends, run->ends) - std::max(begins, run->begins)).count();
    }
    return std::clamp(inside / length, 0.0, 1.0);
}

}  // namespace pganalytics::patterns
