#include "patterns/job_collisions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

using Minutes = base::Minutes;

constexpr double minutes_of_day = 1440;
constexpr double met = 0.2;     ///< share of a run from which it counts as shared
constexpr double unmet = 0.02;  ///< up to which it counts as alone
constexpr double most_inside = 0.8;
/// Loads within a tenth (of the machine's sessions, this one counted) are alike.
constexpr double alike_load = 0.1;
constexpr double least_apart_minutes = 5;
/// Work that explains this share of the slowdown makes it no collision.
constexpr double explained = 0.5;

int weekday_of(base::Timestamp at) {
    const auto day = std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
    return static_cast<int>(((day + 3) % 7 + 7) % 7);
}

double minutes_since_epoch(base::Timestamp at) {
    return Minutes(at.time_since_epoch()).count();
}

/// The database's time beside both jobs', by hour.
class OtherLoad {
  public:
    OtherLoad(const Series& database_time_ms, const JobHistory& first, const JobHistory& second)
        : load_(database_time_ms) {
        for (const JobHistory* job : {&first, &second}) {
            for (const auto& each : job->activity) take_out(each);
        }
    }

    /// log(1 + statements running beside the jobs) over the hours of a run: what one more session shares the machine
    /// with. nullopt where none of the hours was watched.
    [[nodiscard]] std::optional<double> during(base::Timestamp begins, base::Timestamp ends) const {
        double sum = 0;
        double hours = 0;
        each_hour(begins, ends, [&](std::size_t hour, double share) {
            if (is_gap(load_.values[hour])) return;
            sum += share * std::max(0.0, load_.values[hour]);
            hours += share;
        });
        if (hours <= 0) return std::nullopt;
        return std::log1p(sum / hours / (1000 * load_.step.count()));
    }

  private:
    template <typename Use>
    void each_hour(base::Timestamp begins, base::Timestamp ends, const Use& use) const {
        const double step = Minutes(load_.step).count();
        const double from = Minutes(begins - load_.begins).count() / step;
        const double to = std::max(from + 1e-6, Minutes(ends - load_.begins).count() / step);
        for (auto hour = std::max(0.0, std::floor(from)); hour < to && hour < static_cast<double>(load_.size());
             ++hour) {
            const double share = std::min(to, hour + 1) - std::max(from, hour);
            if (share > 0) use(static_cast<std::size_t>(hour), share);
        }
    }

    void take_out(const StatementActivity& each) {
        const double hours = std::max(1e-6, Minutes(each.ends - each.begins).count() / Minutes(load_.step).count());
        each_hour(each.begins, each.ends,
                  [&](std::size_t hour, double share) { load_.values[hour] -= each.time_ms * share / hours; });
    }

    Series load_;
};

/// A difference in time per call, and the same of pages per call.
struct Comparison {
    std::optional<Slowdown> time, pages;
    bool within_runs = false;
    bool bracketed = false;
};

/// Leaves out runs under a load that the other group never saw: what a load does there, nothing tells.
void keep_comparable(std::vector<PaceReading>& readings) {
    std::array<double, 2> least{INFINITY, INFINITY};
    std::array<double, 2> most{-INFINITY, -INFINITY};
    for (const PaceReading& each : readings) {
        const auto group = static_cast<std::size_t>(each.together);
        least[group] = std::min(least[group], each.covariates[0]);
        most[group] = std::max(most[group], each.covariates[0]);
    }
    std::erase_if(readings, [&](const PaceReading& each) {
        const auto other = static_cast<std::size_t>(!each.together);
        return each.covariates[0] < least[other] - alike_load || each.covariates[0] > most[other] + alike_load;
    });
}

Comparison between_runs(const std::vector<JobRun>& runs, const std::vector<JobRun>& others, const OtherLoad& load) {
    const Pace pace(runs);
    std::vector<PaceReading> times, pages;
    for (const JobRun& run : runs) {
        const double shared = share_within(run.begins, run.ends, others);
        if (shared > unmet && shared < met) continue;
        const auto reading = pace.of(run.activity);
        const auto beside = load.during(run.begins, run.ends);
        if (!reading || !beside) continue;
        times.push_back({reading->time, shared >= met, {*beside, minutes_since_epoch(run.begins)}});
        if (reading->pages) pages.push_back({*reading->pages, shared >= met, times.back().covariates});
    }
    keep_comparable(times);
    keep_comparable(pages);
    return {compare_groups(times), compare_groups(pages), false, false};
}

/// What a run did before, while and after the other one ran.
struct RunParts {
    std::vector<StatementActivity> before, with, after;
};

RunParts parts_of_run(const JobRun& run, const std::vector<JobRun>& others) {
    RunParts parts;
    for (const auto& each : run.activity) {
        const double inside = share_within(each.begins, each.ends, others);
        if (inside >= most_inside) {
            parts.with.push_back(each);
        } else if (inside <= unmet) {
            (parts.with.empty() ? parts.before : parts.after).push_back(each);
        }
    }
    return parts;
}

Comparison within_runs(const std::vector<JobRun>& runs, const std::vector<JobRun>& others) {
    const Pace pace(runs);
    std::vector<double> times, pages;
    std::size_t bracketed = 0;
    for (const JobRun& run : runs) {
        const RunParts parts = parts_of_run(run, others);
        const auto with = pace.of(parts.with);
        const auto before = pace.of(parts.before);
        const auto after = pace.of(parts.after);
        if (!with || (!before && !after)) continue;
        bracketed += before && after ? 1 : 0;
        const auto mean_of = [&](const auto& member) {
            double sum = 0;
            double count = 0;
            for (const auto& each : {before, after}) {
                if (!each || !member(*each)) continue;
                sum += *member(*each);
                ++count;
            }
            return count > 0 ? std::optional(sum / count) : std::nullopt;
        };
        const auto time = mean_of([](const Pace::Reading& each) { return std::optional(each.time); });
        const auto work = mean_of([](const Pace::Reading& each) { return each.pages; });
        if (time) times.push_back(with->time - *time);
        if (work && with->pages) pages.push_back(*with->pages - *work);
    }
    return {compare_pairs(times), compare_pairs(pages), true, 2 * bracketed > times.size()};
}

class Measurement {
  public:
    Measurement(const JobHistory& first, const JobHistory& second, const Series& database_time_ms, std::size_t pairs,
                const CollisionOptions& options)
        : first_(runs_of(first)),
          second_(runs_of(second)),
          load_(database_time_ms, first, second),
          weeks_(static_cast<double>(database_time_ms.observed()) * database_time_ms.step.count() / (7 * 86400.0)),
          significance_(options.significance / (2 * static_cast<double>(std::max<std::size_t>(1, pairs)))),
          least_ratio_(options.least_ratio) {}

    std::optional<JobCollision> run() {
        if (weeks_ <= 0 || first_.empty() || second_.empty()) return std::nullopt;
        JobCollision result;
        bool first_is_certain = false;
        bool second_is_certain = false;
        result.of_first = slowed(first_, second_, first_is_certain);
        result.of_second = slowed(second_, first_, second_is_certain);
        const bool both = result.of_first && result.of_second;
        if (!both && !first_is_certain) result.of_first.reset();
        if (!both && !second_is_certain) result.of_second.reset();
        if (!result.of_first && !result.of_second) return std::nullopt;
        for (const JobRun& run : first_) {
            result.first_ms_per_week += run.time_ms / weeks_;
            result.occasions += share_within(run.begins, run.ends, second_) > unmet ? 1 : 0;
        }
        for (const JobRun& run : second_) result.second_ms_per_week += run.time_ms / weeks_;
        return result;
    }

  private:
    /// `certain`: by itself, without the other job showing the same.
    [[nodiscard]] std::optional<JobSlowdown> slowed(const std::vector<JobRun>& runs, const std::vector<JobRun>& others,
                                                    bool& certain) const {
        Comparison found = between_runs(runs, others, load_);
        if (!found.time) found = within_runs(runs, others);
        if (!found.time || found.time->p_value > significance_ || found.time->ratio < least_ratio_ ||
            found.time->lower <= 1) {
            return std::nullopt;
        }
        JobSlowdown result{*found.time, found.within_runs, 1, 0};
        if (found.pages) {
            result.pages_ratio = found.pages->ratio;
            if (std::log(result.pages_ratio) > explained * std::log(result.slowdown.ratio)) return std::nullopt;
        }
        certain = !found.within_runs || found.bracketed;
        for (const JobRun& run : runs) {
            const double shared = share_within(run.begins, run.ends, others);
            // Between runs the ratio is that of whole runs that were shared; within them, of the shared part.
            const double part = found.within_runs ? shared : (shared >= met ? 1.0 : 0.0);
            result.saved_ms_per_week += run.time_ms * part * (1 - 1 / result.slowdown.ratio) / weeks_;
        }
        return result;
    }

    std::vector<JobRun> first_, second_;
    OtherLoad load_;
    double weeks_;
    double significance_;
    double least_ratio_;
};

}  // namespace

WeekMinutes planned_minutes(const PatternMetadata& job) {
    WeekMinutes minutes;
    if (!job.start_minute) return minutes;
    const double cycle = 60 * job.period_hours.value_or(24);
    const int margin = static_cast<int>(std::ceil(job.jitter_minutes.value_or(0)));
    const int length = static_cast<int>(std::ceil(std::max(1.0, job.duration_minutes.value_or(1)))) + 2 * margin;
    const int every = static_cast<int>(std::min(minutes_of_day, cycle));
    for (int day = 0; day < 7; ++day) {
        const bool is_weekly = std::abs(cycle - static_cast<double>(minutes_of_week)) < 1;
        if (is_weekly && job.last_seen && weekday_of(*job.last_seen) != day) continue;
        const auto& days = job.days_of_week;
        if (!days.empty() && std::find(days.begin(), days.end(), day) == days.end()) continue;
        for (int start = *job.start_minute % every; start < 1440; start += every) {
            for (int i = -margin; i < length - margin; ++i) {
                const auto at = day * 1440 + start + i + static_cast<int>(minutes_of_week);
                minutes.set(static_cast<std::size_t>(at) % minutes_of_week);
            }
        }
    }
    return minutes;
}

WeekMinutes moved_by(const WeekMinutes& minutes, int later) {
    const auto size = static_cast<int>(minutes_of_week);
    const auto by = static_cast<std::size_t>(((later % size) + size) % size);
    return (minutes << by) | (minutes >> (minutes_of_week - by));
}

std::vector<PatternMetadata> parts_of(const PatternMetadata& job, const JobHistory& history) {
    // Starts and ends of each statement, in minutes after the begin of the run.
    std::map<base::QueryHash, std::pair<std::vector<double>, std::vector<double>>> spans;
    for (const JobRun& run : runs_of(history)) {
        std::map<base::QueryHash, std::pair<double, double>> of_run;
        for (const auto& each : run.activity) {
            const double from = Minutes(each.begins - run.begins).count();
            const double to = Minutes(each.ends - run.begins).count();
            const auto [it, is_new] = of_run.try_emplace(each.query_hash, from, to);
            if (!is_new) it->second = {std::min(it->second.first, from), std::max(it->second.second, to)};
        }
        for (const auto& [query, span] : of_run) {
            spans[query].first.push_back(span.first);
            spans[query].second.push_back(span.second);
        }
    }
    struct Member {
        base::QueryHash query{};
        double begins = 0, ends = 0;
    };
    std::vector<Member> members;
    for (const auto& [query, span] : spans) members.push_back({query, median(span.first), median(span.second)});
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.begins < b.begins; });
    std::vector<PatternMetadata> parts;
    double begins = 0;
    double last_begin = 0;
    double ends = 0;
    const int cycle = static_cast<int>(std::min(minutes_of_day, 60 * job.period_hours.value_or(24)));
    for (const Member& member : members) {
        if (parts.empty() || member.begins - last_begin > least_apart_minutes) {
            PatternMetadata part = job;
            part.affected_queries.clear();
            begins = ends = member.begins;
            part.start_minute = (job.start_minute.value_or(0) + static_cast<int>(std::lround(begins))) % cycle;
            parts.push_back(std::move(part));
        }
        last_begin = member.begins;
        ends = std::max(ends, member.ends);
        parts.back().affected_queries.push_back(member.query);
        parts.back().duration_minutes = ends - begins;
    }
    // One part is the job itself, with what the detector knows of it.
    if (parts.size() <= 1) return {job};
    return parts;
}

std::optional<JobCollision> measure_collision(const JobHistory& first, const JobHistory& second,
                                              const Series& database_time_ms, std::size_t pairs,
                                              const CollisionOptions& options) {
    return Measurement(first, second, database_time_ms, pairs, options).run();
}

}  // namespace pganalytics::patterns
