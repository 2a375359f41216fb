#include "patterns/batch_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "patterns/binomial.hpp"
#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr double minutes_of_day = 1440;
constexpr double minutes_of_week = 7 * minutes_of_day;

double minutes_since_epoch(base::Timestamp at) {
    return std::chrono::duration<double, std::ratio<60>>(at.time_since_epoch()).count();
}

base::Timestamp at_minutes(double minutes) {
    return base::Timestamp{std::chrono::microseconds{std::llround(minutes * 60e6)}};
}

struct Run {
    double starts = 0;    ///< minutes since the epoch, UTC
    double duration = 0;  ///< minutes
    double time_ms = 0;
};

/// A cycle that jobs keep to.
struct Cycle {
    double minutes = 0;  ///< 0: a calendar month
};

struct Schedule {
    Cycle cycle;
    double start = 0;  ///< minutes into the cycle
    double log_p = 0;
    double recurrence = 0;
    std::vector<int> weekdays;  ///< of a daily job that keeps to some days
    std::vector<int> days_of_month;
    std::vector<Run> runs;  ///< that keep to it
    std::size_t occasions = 0;
};

struct QueryJob {
    base::QueryHash query{};
    Schedule schedule;
    double jitter = 0;
    double duration = 0;
    double time_ms = 0;
};

class RunCutter {
  public:
    explicit RunCutter(const QueryActivity& activity)
        : time_(activity.time_ms), step_(activity.time_ms.step.count() / 60) {
        const std::vector<double> known = known_values(time_.values);
        const double quiet = median(known);
        std::vector<double> rest = known;
        for (double& each : rest) each -= quiet;
        // Idle most of the time: any activity is a run. Else what stands far above the usual.
        threshold_ = quiet > 0 ? std::max(3 * quiet, quiet + 5 * scale_of_residuals(rest)) : 0;
        quiet_ = quiet;
    }

    [[nodiscard]] std::vector<Run> cut() const {
        std::vector<Run> runs;
        const std::size_t size = time_.size();
        const auto hole = static_cast<std::size_t>(std::max(1.0, std::floor(10 / step_)));
        for (std::size_t t = 0; t < size; ++t) {
            if (!is_active(t)) continue;
            std::size_t last = t;
            for (std::size_t next = t + 1; next < size && next <= last + hole; ++next) {
                if (is_active(next)) last = next;
            }
            runs.push_back(run_of(t, last));
            t = last;
        }
        return runs;
    }

  private:
    [[nodiscard]] bool is_active(std::size_t t) const { return time_.values[t] > threshold_; }
    [[nodiscard]] double amount(std::size_t t) const {
        return is_gap(time_.values[t]) ? 0 : std::max(0.0, time_.values[t] - quiet_);
    }

    // Where in its first bucket a run began shows in how much of it that bucket holds.
    [[nodiscard]] Run run_of(std::size_t first, std::size_t last) const {
        Run run;
        std::vector<double> inner;
        for (std::size_t t = first; t <= last; ++t) {
            run.time_ms += amount(t);
            if (t > first && t < last) inner.push_back(amount(t));
        }
        const double begins = minutes_since_epoch(time_.time_at(first));
        const double busy = run.time_ms / 60'000;
        const auto buckets = static_cast<double>(last - first + 1);
        if (first == last) {
            run.duration = std::min(busy, step_);
            run.starts = begins + (step_ - run.duration) / 2;
        } else if (inner.empty()) {
            run.duration = std::clamp(busy, 0.0, 2 * step_);
            const double share = run.time_ms > 0 ? amount(first) / run.time_ms : 0.5;
            run.starts = begins + step_ - std::min(step_, run.duration * share);
        } else {
            const double full = std::max(1e-9, median(inner));
            const double head = std::min(1.0, amount(first) / full) * step_;
            const double tail = std::min(1.0, amount(last) / full) * step_;
            run.starts = begins + step_ - head;
            run.duration = head + (buckets - 2) * step_ + tail;
        }
        return run;
    }

    const Series& time_;
    double step_;
    double threshold_ = 0;
    double quiet_ = 0;
};

/// Hits of one place of a cycle.
struct Place {
    double centre = 0;
    std::vector<const Run*> runs;
};

class Scheduler {
  public:
    Scheduler(const std::vector<Run>& runs, const Series& time, const BatchOptions& options)
        : runs_(runs),
          step_(time.step.count() / 60),
          begins_(minutes_since_epoch(time.begins)),
          ends_(minutes_since_epoch(time.ends())),
          options_(options) {
        for (const double each : time.values) all_time_ += is_gap(each) ? 0 : each;
    }

    [[nodiscard]] std::optional<Schedule> best() const {
        std::optional<Schedule> best;
        for (const double minutes : {5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 180.0, 240.0, 360.0, 480.0, 720.0,
                                     minutes_of_day, minutes_of_week}) {
            if (minutes < 3 * step_) continue;
            keep_better(best, minutes == minutes_of_day ? daily() : fixed(minutes));
        }
        keep_better(best, monthly());
        if (!best || best->log_p > std::log(options_.significance)) return std::nullopt;
        return best;
    }

  private:
    static void keep_better(std::optional<Schedule>& best, std::optional<Schedule> other) {
        if (other && (!best || other->log_p < best->log_p)) best = std::move(other);
    }

    [[nodiscard]] double window(double cycle) const { return std::min(std::max(30.0, 2 * step_), cycle / 3); }

    // The window of the cycle that holds most runs, at most one a cycle counted.
    [[nodiscard]] Place densest(double cycle) const {
        const double width = window(cycle);
        Place best;
        for (const Run& anchor : runs_) {
            const double centre = std::fmod(anchor.starts, cycle);
            Place place{centre, {}};
            std::set<long long> seen;
            for (const Run& run : runs_) {
                double off = std::fmod(run.starts - centre, cycle);
                if (off > cycle / 2) off -= cycle;
                if (std::abs(off) > width / 2) continue;
                if (seen.insert(std::llround((run.starts - off - centre) / cycle)).second) place.runs.push_back(&run);
            }
            if (place.runs.size() > best.runs.size()) best = std::move(place);
            if (runs_.size() > 400 && &anchor - runs_.data() > 60) break;
        }
        if (best.runs.empty()) return best;
        std::vector<double> offsets;
        for (const Run* run : best.runs) {
            double off = std::fmod(run->starts - best.centre, cycle);
            if (off > cycle / 2) off -= cycle;
            offsets.push_back(off);
        }
        best.centre = std::fmod(best.centre + median(offsets) + cycle, cycle);
        return best;
    }

    [[nodiscard]] double chance(double cycle) const {
        const double per_cycle = static_cast<double>(runs_.size()) * cycle / (ends_ - begins_);
        return std::min(0.99, 1 - std::exp(-per_cycle * window(cycle) / cycle));
    }

    [[nodiscard]] std::size_t occasions(double cycle, const Place& place) const {
        const double first = (*std::min_element(place.runs.begin(), place.runs.end(), by_start))->starts;
        return static_cast<std::size_t>(std::floor((ends_ - first) / cycle)) + 1;
    }

    static bool by_start(const Run* a, const Run* b) { return a->starts < b->starts; }

    [[nodiscard]] Schedule schedule_of(double cycle, const Place& place, std::size_t occasions, double searched) const {
        Schedule schedule;
        schedule.cycle.minutes = cycle;
        schedule.start = place.centre;
        schedule.occasions = std::max(occasions, place.runs.size());
        schedule.recurrence = static_cast<double>(place.runs.size()) / static_cast<double>(schedule.occasions);
        schedule.log_p =
            log_binomial_tail(place.runs.size(), schedule.occasions, chance(cycle > 0 ? cycle : minutes_of_day)) +
            std::log(searched);
        for (const Run* run : place.runs) schedule.runs.push_back(*run);
        return schedule;
    }

    // A query with a busy hour is not a job: nearly all it does must happen there.
    [[nodiscard]] bool explains(const Place& place) const {
        double inside = 0;
        for (const Run* run : place.runs) inside += run->time_ms;
        return inside >= 0.7 * all_time_;
    }

    [[nodiscard]] std::optional<Schedule> fixed(double cycle) const {
        const Place place = densest(cycle);
        if (place.runs.size() < 4 || !explains(place)) return std::nullopt;
        Schedule schedule = schedule_of(cycle, place, occasions(cycle, place), 16 * cycle / window(cycle));
        if (schedule.recurrence < options_.minimum_recurrence) return std::nullopt;
        return schedule;
    }

    [[nodiscard]] std::optional<Schedule> daily() const {
        const Place place = densest(minutes_of_day);
        if (place.runs.size() < 4 || !explains(place)) return std::nullopt;
        std::array<double, 7> hits{};
        std::array<double, 7> days{};
        const double first = (*std::min_element(place.runs.begin(), place.runs.end(), by_start))->starts;
        for (double at = first; at < ends_; at += minutes_of_day) ++days[weekday(at)];
        for (const Run* run : place.runs) ++hits[weekday(run->starts)];
        std::vector<int> kept;
        std::size_t occasions_kept = 0;
        for (std::size_t w = 0; w < 7; ++w) {
            if (days[w] == 0 || hits[w] < 0.6 * days[w]) continue;
            kept.push_back(static_cast<int>(w));
            occasions_kept += static_cast<std::size_t>(days[w]);
        }
        if (kept.empty()) return std::nullopt;
        Place on_days{place.centre, {}};
        for (const Run* run : place.runs) {
            if (std::find(kept.begin(), kept.end(), static_cast<int>(weekday(run->starts))) != kept.end()) {
                on_days.runs.push_back(run);
            }
        }
        if (on_days.runs.size() < 4) return std::nullopt;
        // Which of 127 sets of weekdays was chosen, too.
        const double searched = 16 * 127 * minutes_of_day / window(minutes_of_day);
        Schedule schedule = schedule_of(minutes_of_day, on_days, occasions_kept, searched);
        if (schedule.recurrence < options_.minimum_recurrence) return std::nullopt;
        if (kept.size() < 7) schedule.weekdays = kept;
        return schedule;
    }

    [[nodiscard]] std::optional<Schedule> monthly() const {
        const Place place = densest(minutes_of_day);
        if (place.runs.size() < 3 || !explains(place)) return std::nullopt;
        std::map<int, std::vector<const Run*>> by_day;
        const TimeZone utc;
        for (const Run* run : place.runs) by_day[utc.local(at_minutes(run->starts)).day].push_back(run);
        std::size_t hits = 0;
        Schedule schedule;
        const double months = (ends_ - begins_) / (30.44 * minutes_of_day);
        for (const auto& [day, runs] : by_day) {
            if (runs.size() < 3 || static_cast<double>(runs.size()) < 0.6 * std::floor(months)) continue;
            schedule.days_of_month.push_back(day);
            hits += runs.size();
            for (const Run* run : runs) schedule.runs.push_back(*run);
        }
        if (schedule.days_of_month.empty() || schedule.days_of_month.size() > 3 || hits * 2 < place.runs.size())
            return std::nullopt;
        schedule.start = place.centre;
        schedule.occasions = std::max<std::size_t>(
            hits, static_cast<std::size_t>(months * static_cast<double>(schedule.days_of_month.size())));
        schedule.recurrence = static_cast<double>(hits) / static_cast<double>(schedule.occasions);
        const double day_chance =
            std::min(0.99, static_cast<double>(place.runs.size()) / ((ends_ - begins_) / minutes_of_day));
        schedule.log_p = log_binomial_tail(hits, schedule.occasions, day_chance * chance(minutes_of_day)) +
                         std::log(16 * 31 * minutes_of_day / window(minutes_of_day));
        return schedule;
    }

    static std::size_t weekday(double minutes) {
        const auto day = static_cast<long long>(std::floor(minutes / minutes_of_day));
        return static_cast<std::size_t>(((day + 3) % 7 + 7) % 7);
    }

    const std::vector<Run>& runs_;
    double step_;
    double begins_;
    double ends_;
    const BatchOptions& options_;
    double all_time_ = 0;
};

std::optional<QueryJob> job_of(const QueryActivity& activity, const BatchOptions& options) {
    if (activity.time_ms.size() < 48 || activity.time_ms.step > base::Seconds{3600}) return std::nullopt;
    const std::vector<Run> runs = RunCutter(activity).cut();
    // Busy most of the time is no batch.
    if (runs.size() < 3 || runs.size() > 5000) return std::nullopt;
    std::optional<Schedule> schedule = Scheduler(runs, activity.time_ms, options).best();
    if (!schedule) return std::nullopt;
    QueryJob job{activity.query_hash, std::move(*schedule), 0, 0, 0};
    std::vector<double> offsets;
    std::vector<double> durations;
    const double cycle = job.schedule.cycle.minutes > 0 ? job.schedule.cycle.minutes : minutes_of_day;
    for (const Run& run : job.schedule.runs) {
        double off = std::fmod(run.starts - job.schedule.start, cycle);
        if (off > cycle / 2) off -= cycle;
        offsets.push_back(off);
        durations.push_back(run.duration);
        job.time_ms += run.time_ms;
    }
    job.jitter = 1.4826 * median([&] {
                     std::vector<double> sizes = offsets;
                     for (double& each : sizes) each = std::abs(each);
                     return sizes;
                 }());
    job.duration = median(durations);
    // A job that fills much of its cycle is the load itself.
    if (job.duration > cycle / 4) return std::nullopt;
    return job;
}

bool belong_together(const QueryJob& a, const QueryJob& b) {
    if (a.schedule.cycle.minutes != b.schedule.cycle.minutes || a.schedule.weekdays != b.schedule.weekdays ||
        a.schedule.days_of_month != b.schedule.days_of_month) {
        return false;
    }
    const double cycle = a.schedule.cycle.minutes > 0 ? a.schedule.cycle.minutes : minutes_of_day;
    double apart = std::fmod(b.schedule.start - a.schedule.start + cycle, cycle);
    if (apart > cycle / 2) apart -= cycle;
    // One follows the other, or they start together.
    const double slack = std::min(15.0, cycle / 12);
    return apart >= 0 ? apart <= a.duration + slack : -apart <= b.duration + slack;
}

std::string cycle_words(const Schedule& schedule) {
    static constexpr std::array<const char*, 7> names{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                      "Friday", "Saturday", "Sunday"};
    if (schedule.cycle.minutes == 0) {
        std::string days;
        for (const int day : schedule.days_of_month) days += (days.empty() ? "" : ", ") + std::to_string(day);
        return "on day " + days + " of the month";
    }
    if (schedule.cycle.minutes == minutes_of_week) return "every week";
    if (schedule.cycle.minutes == minutes_of_day) {
        if (schedule.weekdays.empty()) return "every day";
        if (schedule.weekdays == std::vector<int>{0, 1, 2, 3, 4}) return "on weekdays";
        std::string days;
        for (const int day : schedule.weekdays)
            days += (days.empty() ? "" : ", ") + std::string(names[static_cast<std::size_t>(day)]);
        return "on " + days;
    }
    if (schedule.cycle.minutes < 60) return fmt::format("every {:.0f} minutes", schedule.cycle.minutes);
    return schedule.cycle.minutes == 60 ? "every hour" : fmt::format("every {:.0f} hours", schedule.cycle.minutes / 60);
}

Pattern pattern_of(const std::vector<QueryJob>& members, double database_time_ms, const TimeZone& zone) {
    const QueryJob& lead = *std::max_element(
        members.begin(), members.end(), [](const QueryJob& a, const QueryJob& b) { return a.time_ms < b.time_ms; });
    const QueryJob& first = members.front();
    const Schedule& schedule = lead.schedule;
    const double cycle = schedule.cycle.minutes > 0 ? schedule.cycle.minutes : minutes_of_day;
    Pattern pattern;
    pattern.type = PatternType::batch_job;
    PatternMetadata& data = pattern.metadata;
    double ends = 0;
    double time_ms = 0;
    for (const QueryJob& member : members) {
        data.affected_queries.push_back(member.query);
        const double after = std::fmod(member.schedule.start - first.schedule.start + cycle, cycle);
        ends = std::max(ends, after + member.duration);
        time_ms += member.time_ms;
    }
    std::vector<double> amounts;
    double last_seen = 0;
    for (const Run& run : schedule.runs) {
        amounts.push_back(run.time_ms);
        last_seen = std::max(last_seen, run.starts);
    }
    double mean = 0;
    for (const double each : amounts) mean += each / static_cast<double>(amounts.size());
    double squares = 0;
    for (const double each : amounts) squares += (each - mean) * (each - mean) / static_cast<double>(amounts.size());

    const double start = std::fmod(first.schedule.start, std::min(cycle, minutes_of_day));
    data.start_minute = static_cast<int>(std::llround(start)) % static_cast<int>(std::min(cycle, minutes_of_day));
    if (cycle >= minutes_of_day) data.peak_hour = *data.start_minute / 60;
    data.duration_minutes = ends;
    data.jitter_minutes = lead.jitter;
    data.variance = mean > 0 ? std::sqrt(squares) / mean : 0;
    data.consistency_score = std::max(0.0, 1 - *data.variance);
    data.recurrence_score = schedule.recurrence;
    // The amount of work may differ from night to night; that it comes when it comes is what makes a job.
    data.confidence = schedule.recurrence * (1 - std::min(1.0, lead.jitter / std::max(60.0, lead.duration)));
    data.period_hours = schedule.cycle.minutes > 0 ? cycle / 60 : 730.5;
    data.days_of_week = schedule.weekdays;
    data.days_of_month = schedule.days_of_month;
    const double days_a_week = schedule.weekdays.empty() ? 7 : static_cast<double>(schedule.weekdays.size());
    const double per_week = schedule.cycle.minutes == 0 ? static_cast<double>(schedule.days_of_month.size()) * 7 / 30.44
                            : cycle == minutes_of_day   ? days_a_week
                                                        : minutes_of_week / cycle;
    data.frequency = per_week * schedule.recurrence;
    if (database_time_ms > 0) data.impact_score = std::min(1.0, time_ms / database_time_ms);
    data.p_value = std::exp(std::max(-700.0, schedule.log_p));
    data.last_seen = at_minutes(last_seen);

    // The planned start on the newest day it ran, not the start of that one run.
    double off = std::fmod(last_seen - first.schedule.start, cycle);
    if (off > cycle / 2) off -= cycle;
    const LocalTime local = zone.local(at_minutes(std::round(last_seen - off)));
    const std::string clock = cycle >= minutes_of_day
                                  ? fmt::format(" at {:02}:{:02} {}", local.hour, local.minute, zone.name())
                                  : fmt::format(" at minute {}", *data.start_minute % 60);
    // Where the wall clock is already in the next day, or still in the one before, so are the days.
    Schedule in_words = schedule;
    const TimeZone utc;
    const int days_later = (local.weekday - utc.local(at_minutes(std::round(last_seen - off))).weekday + 7) % 7;
    for (int& day : in_words.weekdays) day = (day + days_later) % 7;
    std::sort(in_words.weekdays.begin(), in_words.weekdays.end());
    pattern.description = fmt::format("{} {} in the same window {}{}, for about {:.0f} minutes", members.size(),
                                      members.size() == 1 ? "query runs" : "queries run", cycle_words(in_words), clock,
                                      std::max(1.0, ends));
    return pattern;
}

}  // namespace

std::vector<Pattern> find_batch_jobs(std::span<const QueryActivity> queries, double database_time_ms,
                                     const TimeZone& zone, const BatchOptions& options) {
    BatchOptions each = options;
    each.significance /= static_cast<double>(std::max<std::size_t>(1, queries.size()));
    std::vector<QueryJob> jobs;
    for (const QueryActivity& activity : queries) {
        if (std::optional<QueryJob> job = job_of(activity, each)) jobs.push_back(std::move(*job));
    }
    std::sort(jobs.begin(), jobs.end(),
              [](const QueryJob& a, const QueryJob& b) { return a.schedule.start < b.schedule.start; });

    std::vector<std::vector<QueryJob>> windows;
    for (QueryJob& job : jobs) {
        const auto home = std::find_if(windows.begin(), windows.end(), [&](const std::vector<QueryJob>& window) {
            return std::any_of(window.begin(), window.end(),
                               [&](const QueryJob& other) { return belong_together(other, job); });
        });
        if (home == windows.end()) {
            windows.push_back({std::move(job)});
        } else {
            home->push_back(std::move(job));
        }
    }
    std::vector<std::pair<double, Pattern>> weighed;
    for (const std::vector<QueryJob>& window : windows) {
        double time_ms = 0;
        for (const QueryJob& job : window) time_ms += job.time_ms;
        weighed.emplace_back(time_ms, pattern_of(window, database_time_ms, zone));
    }
    std::stable_sort(weighed.begin(), weighed.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<Pattern> patterns;
    for (auto& [time_ms, pattern] : weighed) patterns.push_back(std::move(pattern));
    return patterns;
}

}  // namespace pganalytics::patterns
