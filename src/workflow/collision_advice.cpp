// Colliding batch jobs: which pairs are looked at, and what is said of those that slow each other.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/text.hpp"
#include "patterns/job_collisions.hpp"
#include "workflow/quiet_window.hpp"
#include "workflow/workload_advice.hpp"

namespace pganalytics::workflow {

namespace {

using patterns::JobCollision;
using patterns::JobSlowdown;
using patterns::PatternMetadata;

/// More jobs than these are not compared with each other: the heaviest are.
constexpr std::size_t most_jobs = 40;
constexpr std::size_t most_statements_of_a_job = 12;
/// Windows that meet for less are neighbours.
constexpr std::size_t least_shared_minutes = 3;
/// What runs more often than this runs all day.
constexpr int frequent_minutes = 360;
/// Less saved is not worth anybody's evening.
constexpr double least_improvement_percent = 5;

struct Job {
    PatternMetadata data;
    patterns::JobHistory history;
    patterns::WeekMinutes minutes;
};

int cycle_of(const PatternMetadata& job) {
    return static_cast<int>(std::lround(std::min(1440.0, 60 * job.period_hours.value_or(24))));
}

std::string days_words(const PatternMetadata& job) {
    static constexpr std::array<const char*, 7> names{"Mondays", "Tuesdays",  "Wednesdays", "Thursdays",
                                                      "Fridays", "Saturdays", "Sundays"};
    if (!job.days_of_month.empty()) return " monthly";
    if (job.period_hours.value_or(24) > 24) return " weekly";
    if (job.days_of_week.empty()) return cycle_of(job) < 1440 ? "" : " daily";
    if (job.days_of_week == std::vector<int>{0, 1, 2, 3, 4}) return " on weekdays";
    std::vector<std::string> days;
    for (const int day : job.days_of_week) days.emplace_back(names.at(static_cast<std::size_t>(day)));
    return " on " + base::join(days, ", ");
}

/// "02:10 UTC"; "03:10 Europe/Berlin (02:10 UTC)"; "00:10 UTC and every 6 hours"; "minute 10 of the hour".
class ClockWords {
  public:
    explicit ClockWords(const patterns::DatabaseHistory& history)
        : zone_(history.time_zone), day_(std::chrono::floor<std::chrono::days>(history.calls.ends())) {}

    [[nodiscard]] std::string of(int minute, const PatternMetadata& job) const {
        const int cycle = cycle_of(job);
        minute = ((minute % cycle) + cycle) % cycle;
        if (cycle == 60) return fmt::format("minute {} of the hour", minute);
        if (cycle < 120) return fmt::format("minute {} of every {} minutes", minute, cycle);
        if (cycle < 1440)
            return fmt::format("{:02}:{:02} UTC and every {:.3g} hours", minute / 60, minute % 60, cycle / 60.0);
        const std::string utc = fmt::format("{:02}:{:02} UTC", minute / 60, minute % 60);
        if (zone_.name() == "UTC") return utc;
        const auto local = zone_.local(day_ + std::chrono::minutes{minute});
        return fmt::format("{:02}:{:02} {} ({})", local.hour, local.minute, zone_.name(), utc);
    }

  private:
    patterns::TimeZone zone_;
    base::Timestamp day_;
};

std::string slowdown_words(const JobSlowdown& slow) {
    const auto percent = [](double ratio) { return 100 * (ratio - 1); };
    return fmt::format(
        "{:.0f} % more time per call ({:.0f} to {:.0f} % with 90 % confidence, p = {:.1g}), {}; pages per call {:+.0f} "
        "%",
        percent(slow.slowdown.ratio), percent(slow.slowdown.lower), percent(slow.slowdown.upper), slow.slowdown.p_value,
        slow.within_runs
            ? fmt::format("the minutes that the other shared against the other minutes of {} runs",
                          slow.slowdown.together)
            : fmt::format("{} runs with the other against {} without", slow.slowdown.together, slow.slowdown.apart),
        percent(slow.pages_ratio));
}

base::QueryHash name_of(const PatternMetadata& job) {
    // The smallest hash, not the heaviest query: which one is heaviest changes from night to night.
    return *std::min_element(job.affected_queries.begin(), job.affected_queries.end());
}

/// Hourly load without one job.
patterns::Series load_without(const patterns::DatabaseHistory& history, const Job& job) {
    patterns::Series load = history.time_ms;
    for (const auto& query : history.queries) {
        const auto& own = job.data.affected_queries;
        if (std::find(own.begin(), own.end(), query.query_hash) == own.end()) continue;
        for (std::size_t i = 0; i < load.size() && i < query.time_ms.size(); ++i) {
            if (!patterns::is_gap(query.time_ms.values[i])) {
                load.values[i] = std::max(0.0, load.values[i] - query.time_ms.values[i]);
            }
        }
    }
    return load;
}

class CollisionAdvisor {
  public:
    CollisionAdvisor(const patterns::DatabaseHistory& history, ActivityReader& activity)
        : history_(history), activity_(activity), clock_(history) {}

    base::Result<std::vector<advice::Advice>> run(std::span<const patterns::Pattern> found) {
        PGANALYTICS_RETURN_IF_ERROR(collect_jobs(found));
        std::vector<std::pair<std::size_t, std::size_t>> pairs;
        for (std::size_t a = 0; a < jobs_.size(); ++a) {
            for (std::size_t b = a + 1; b < jobs_.size(); ++b) {
                if ((jobs_[a].minutes & jobs_[b].minutes).count() >= least_shared_minutes) pairs.emplace_back(a, b);
            }
        }
        std::vector<advice::Advice> advice;
        for (const auto& [a, b] : pairs) {
            const auto collision =
                patterns::measure_collision(jobs_[a].history, jobs_[b].history, history_.time_ms, pairs.size());
            if (!collision) continue;
            PGANALYTICS_ASSIGN(auto one, advice_on(a, b, *collision));
            if (one) advice.push_back(std::move(*one));
        }
        return advice;
    }

  private:
    base::Status collect_jobs(std::span<const patterns::Pattern> found) {
        std::vector<PatternMetadata> batches;
        for (const auto& pattern : found) {
            if (pattern.type == patterns::PatternType::batch_job && !pattern.metadata.affected_queries.empty() &&
                batches.size() < most_jobs) {
                batches.push_back(pattern.metadata);
            }
        }
        for (auto& batch : batches) {
            auto& queries = batch.affected_queries;
            if (queries.size() > most_statements_of_a_job) queries.resize(most_statements_of_a_job);
            PGANALYTICS_ASSIGN(auto all, activity_.read(queries));
            const patterns::JobHistory whole{std::move(all), base::Minutes{60 * batch.period_hours.value_or(24)}};
            for (auto& part : patterns::parts_of(batch, whole)) {
                Job job{std::move(part), {{}, whole.period}, {}};
                const auto& own = job.data.affected_queries;
                std::copy_if(
                    whole.activity.begin(), whole.activity.end(), std::back_inserter(job.history.activity),
                    [&](const auto& each) { return std::find(own.begin(), own.end(), each.query_hash) != own.end(); });
                job.minutes = patterns::planned_minutes(job.data);
                jobs_.push_back(std::move(job));
            }
        }
        return {};
    }

    /// The job that does less is moved where it can be, else the other; nothing where neither has a free start. A long
    /// job cannot keep clear of one that runs every hour: where no start does, those are met as they are now.
    struct Move {
        std::size_t job = 0, stays = 0;
        QuietStart start;
        bool meets_frequent_ones = false;
    };
    [[nodiscard]] std::optional<Move> find_move(std::size_t a, std::size_t b, const JobCollision& collision) const {
        const bool a_is_lighter = collision.first_ms_per_week <= collision.second_ms_per_week;
        const auto lighter = a_is_lighter ? std::pair(a, b) : std::pair(b, a);
        for (const bool meets_frequent_ones : {false, true}) {
            for (const auto& [job, stays] : {lighter, std::pair(lighter.second, lighter.first)}) {
                patterns::WeekMinutes taken;
                for (std::size_t other = 0; other < jobs_.size(); ++other) {
                    const bool left_out =
                        meets_frequent_ones && other != stays && cycle_of(jobs_[other].data) < frequent_minutes;
                    if (other != job && !left_out) taken |= jobs_[other].minutes;
                }
                const auto start = quietest_start(load_without(history_, jobs_[job]), jobs_[job].minutes, taken,
                                                  cycle_of(jobs_[job].data));
                if (start) return Move{job, stays, *start, meets_frequent_ones};
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string job_words(std::size_t index) const {
        const PatternMetadata& job = jobs_[index].data;
        return fmt::format("the job that starts{} at {} ({} statement{}, {:.0f} minutes)", days_words(job),
                           clock_.of(job.start_minute.value_or(0), job), job.affected_queries.size(),
                           job.affected_queries.size() == 1 ? "" : "s", job.duration_minutes.value_or(0));
    }

    base::Result<std::optional<advice::Advice>> advice_on(std::size_t a, std::size_t b, const JobCollision& collision) {
        const double saved = (collision.of_first ? collision.of_first->saved_ms_per_week : 0) +
                             (collision.of_second ? collision.of_second->saved_ms_per_week : 0);
        const double spent = collision.first_ms_per_week + collision.second_ms_per_week;
        const auto move = find_move(a, b, collision);
        if (!move || spent <= 0 || 100 * saved / spent < least_improvement_percent) {
            return std::optional<advice::Advice>();
        }
        const PatternMetadata& moved = jobs_[move->job].data;
        const std::string now = clock_.of(moved.start_minute.value_or(0), moved);
        const std::string then = clock_.of(moved.start_minute.value_or(0) + move->start.later_minutes, moved);
        advice::Advice advice;
        advice.rule = collision_rule;
        advice.source = advice::SourceType::workload;
        advice.database_name = history_.database_name;
        advice.title =
            fmt::format("Start the batch job of {} at {} instead: it and the one of {} slow each other", now, then,
                        clock_.of(jobs_[move->stays].data.start_minute.value_or(0), jobs_[move->stays].data));
        advice.reasoning = fmt::format(
            "On {} occasions {} met {}. That costs {:.0f} s a week, {:.0f} % of what the two take. At {} no other "
            "batch "
            "job {}, and the database has {:.0f} % of its mean load ({:.0f} % where the job runs now). A job's start "
            "is "
            "set where it is scheduled, so there is no SQL to run.",
            collision.occasions, job_words(move->job), job_words(move->stays), saved / 1000, 100 * saved / spent, then,
            move->meets_frequent_ones ? "runs but those of every hour or so, which no start avoids" : "runs",
            100 * move->start.share, 100 * move->start.share_now);
        add_evidence(advice, a, b, collision);
        add_served(advice, a, b, collision, saved);
        advice.estimated_improvement_percent = std::min(100.0, 100 * saved / spent);
        PGANALYTICS_ASSIGN(advice.confidence, advice::rule_prior(collision_rule, strength_of(collision)));
        advice.complexity = advice::Complexity::medium;
        const auto first = base::to_integer(name_of(jobs_[a].data));
        const auto second = base::to_integer(name_of(jobs_[b].data));
        advice.identity = fmt::format("{}/{}/{}", collision_rule, std::min(first, second), std::max(first, second));
        return std::optional(std::move(advice));
    }

    /// 1 where both jobs show it between runs, with company and without.
    static double strength_of(const JobCollision& collision) {
        double strength = 0;
        for (const auto* each : {&collision.of_first, &collision.of_second}) {
            if (*each) strength += (*each)->within_runs ? 0.3 : 0.5;
        }
        return strength;
    }

    void add_evidence(advice::Advice& advice, std::size_t a, std::size_t b, const JobCollision& collision) const {
        advice::Evidence& evidence = advice.evidence;
        evidence.basis = advice::Basis::measured_time;
        const auto add = [&](std::size_t job, std::size_t other, const std::optional<JobSlowdown>& slow) {
            if (!slow) {
                evidence.facts.push_back(fmt::format("Of {} no slowdown was measurable.", job_words(job)));
                return;
            }
            evidence.facts.push_back(
                fmt::format("While {} runs, {} takes {}.", job_words(other), job_words(job), slowdown_words(*slow)));
        };
        add(a, b, collision.of_first);
        add(b, a, collision.of_second);
        evidence.checked = {
            "Every statement against its own median, so that the mix of statements does not count.",
            "Between runs: the database's other load and a trend over time set aside by least squares, loads that only "
            "one side saw left out, and a rank test must agree.",
            "Pages per call must not explain half of the difference: the runs did not simply have more to do.",
            "The new start was held against the windows of every batch job that was detected."};
        evidence.not_checked = {"What must be done before or after the job outside the database is not known."};
    }

    void add_served(advice::Advice& advice, std::size_t a, std::size_t b, const JobCollision& collision,
                    double saved) const {
        const double minutes = static_cast<double>(history_.time_ms.observed()) * history_.time_ms.step.count() / 60;
        const auto add = [&](const Job& job, const std::optional<JobSlowdown>& slow, double spent_per_week) {
            const double share = slow && spent_per_week > 0 ? slow->saved_ms_per_week / spent_per_week : 0;
            for (const base::QueryHash query : job.data.affected_queries) {
                double calls = 0;
                double time_ms = 0;
                for (const auto& each : job.history.activity) {
                    if (each.query_hash != query) continue;
                    calls += each.calls;
                    time_ms += each.time_ms;
                }
                if (calls <= 0) continue;
                advice.served.push_back({query, 100 * share, calls / minutes, base::Milliseconds{time_ms / calls},
                                         time_ms / minutes * 10080 * share / std::max(1e-9, saved)});
            }
        };
        add(jobs_[a], collision.of_first, collision.first_ms_per_week);
        add(jobs_[b], collision.of_second, collision.second_ms_per_week);
        std::stable_sort(advice.served.begin(), advice.served.end(), [](const auto& left, const auto& right) {
            return left.share_of_benefit > right.share_of_benefit;
        });
        double shares = 0;
        for (const auto& each : advice.served) shares += each.share_of_benefit;
        for (auto& each : advice.served) each.share_of_benefit /= std::max(1e-9, shares);
    }

    const patterns::DatabaseHistory& history_;
    ActivityReader& activity_;
    ClockWords clock_;
    std::vector<Job> jobs_;
};

}  // namespace

base::Result<std::vector<advice::Advice>> advise_on_collisions(const patterns::DatabaseHistory& history,
                                                               std::span<const patterns::Pattern> found,
                                                               ActivityReader& activity) {
    return CollisionAdvisor(history, activity).run(found);
}

}  // namespace pganalytics::workflow
