#include "patterns/detect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "patterns/batch_jobs.hpp"
#include "patterns/hourly_peak.hpp"
#include "patterns/load_share.hpp"
#include "patterns/periodicity.hpp"
#include "patterns/steady_load.hpp"
#include "patterns/weekday_levels.hpp"

namespace pganalytics::patterns {
namespace {

constexpr double day_hours = 24;
constexpr double week_hours = 168;
constexpr double least_swing = 0.05;  // of the mean level: half of peak to trough

/// A period within its own uncertainty of a calendar one is that one.
double calendar_period(double hours, const Series& series) {
    const double span = static_cast<double>(series.size()) * series.step_hours();
    for (const double calendar : {1.0, day_hours, week_hours}) {
        const double doubt = std::max(0.02 * calendar, std::min(0.06 * calendar, calendar * calendar / (4 * span)));
        if (std::abs(hours - calendar) <= doubt) return calendar;
    }
    return hours;
}

PatternType type_of(double hours) {
    if (hours == day_hours) return PatternType::daily_cycle;
    if (hours == week_hours) return PatternType::weekly_pattern;
    return PatternType::periodic;
}

std::string period_words(double hours) {
    if (hours == day_hours) return "every day";
    if (hours == week_hours) return "every week";
    if (hours >= 48) return fmt::format("every {:.1f} days", hours / 24);
    if (hours >= 1.5) return fmt::format("every {:.3g} hours", hours);
    return fmt::format("every {:.3g} minutes", hours * 60);
}

std::string hour_words(int hour, const Series& series, const TimeZone& zone) {
    // The newest day decides the offset: it is the one the reader lives in.
    const auto day = std::chrono::floor<std::chrono::days>(series.ends());
    const LocalTime local = zone.local(day + std::chrono::hours{hour});
    if (zone.name() == "UTC") return fmt::format("{:02}:00 UTC", hour);
    std::string words = fmt::format("{:02}:{:02} {} ({:02}:00 UTC)", local.hour, local.minute, zone.name(), hour);
    if (zone.changes_between(series.begins, series.ends())) words += ", clocks changed in between";
    return words;
}

/// The hour of the day at which the wave of a daily (or divided) period is highest.
std::optional<int> peak_hour_of(const Period& period, const Series& series) {
    if (period.wave.empty() || series.step > base::Seconds{3600}) return std::nullopt;
    const auto highest = std::max_element(period.wave.begin(), period.wave.end()) - period.wave.begin();
    const base::Timestamp at = series.time_at(static_cast<std::size_t>(highest));
    const auto hours = std::chrono::floor<std::chrono::hours>(at.time_since_epoch()).count();
    return static_cast<int>(((hours % 24) + 24) % 24);
}

double observed_days(const Series& series) {
    return static_cast<double>(series.observed()) * series.step_hours() / 24;
}

Pattern pattern_of(const Period& period, double hours, const Series& series, bool has_clock) {
    Pattern pattern;
    pattern.type = type_of(hours);
    PatternMetadata& data = pattern.metadata;
    data.period_hours = hours;
    data.recurrence_score = period.recurrence;
    data.p_value = period.p_value;
    data.strength = period.strength;
    data.confidence = std::clamp(period.recurrence * (1 - period.p_value), 0.0, 1.0);
    data.frequency = week_hours / hours * period.recurrence;
    data.days_observed = observed_days(series);
    if (has_clock && hours == day_hours) data.peak_hour = peak_hour_of(period, series);
    pattern.description = fmt::format("The load repeats {}; that explains {:.0f} % of its variation beside the trend",
                                      period_words(hours), 100 * period.strength);
    return pattern;
}

Incident incident_of(const Outlier& outlier, const Seen& seen) {
    const double added = seen.added.empty() ? 0 : seen.added[outlier.at];
    return {seen.series.time_at(outlier.first),
            seen.series.time_at(outlier.last + 1),
            outlier.value - added,
            outlier.expected - added,
            outlier.score,
            false};
}

Incident incident_of(const LevelShift& shift, const Series& series) {
    return {series.time_at(shift.at), series.ends(), shift.after, shift.before, shift.score, true};
}

void add_changes(const Seen& seen, Detection& found) {
    const Changes changes = find_changes(seen.series.values, seen.model);
    for (const Outlier& outlier : changes.outliers) found.outliers.push_back(incident_of(outlier, seen));
    for (const LevelShift& shift : changes.level_shifts) {
        found.level_shifts.push_back(incident_of(shift, seen.series));
    }
}

/// Periods of a series as patterns, each calendar period once.
std::vector<Pattern> periodic_patterns(const Decomposition& model, const Series& series, bool has_clock) {
    std::vector<Pattern> patterns;
    for (const Period& period : model.periods) {
        const double hours = calendar_period(period.samples * series.step_hours(), series);
        const bool is_there = std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& other) {
            return std::abs(*other.metadata.period_hours / hours - 1) < 0.01;
        });
        if (!is_there) patterns.push_back(pattern_of(period, hours, series, has_clock));
    }
    return patterns;
}

PatternMetadata peak_metadata(const HourlyPeak& peak) {
    PatternMetadata data;
    data.peak_hour = peak.hour;
    data.variance = peak.variance;
    data.confidence = peak.consistency * peak.recurrence;
    data.z_score_count = peak.z_score;
    data.days_observed = static_cast<double>(peak.days);
    data.consistency_score = peak.consistency;
    data.recurrence_score = peak.recurrence;
    data.frequency = peak.recurrence * (peak.weekdays.empty() ? 7.0 : static_cast<double>(peak.weekdays.size()));
    data.period_hours = day_hours;
    data.p_value = peak.p_value;
    data.days_of_week = peak.weekdays;
    return data;
}

/// Sum of what lies in one hour of the day.
double total_at_hour(const Series& series, int hour) {
    double sum = 0;
    for (std::size_t t = 0; t < series.size(); ++t) {
        const auto hours = std::chrono::floor<std::chrono::hours>(series.time_at(t).time_since_epoch()).count();
        if (!is_gap(series.values[t]) && ((hours % 24) + 24) % 24 == hour) sum += series.values[t];
    }
    return sum;
}

/// A week that shows in the levels of the days alone: beside a day that is there, or where quiet days were found.
void add_week(std::vector<Pattern>& patterns, const Series& series, const Seen& seen) {
    const auto has = [&](PatternType type) {
        return std::any_of(patterns.begin(), patterns.end(),
                           [&](const Pattern& pattern) { return pattern.type == type; });
    };
    const bool may_have_week = has(PatternType::daily_cycle) || !seen.added.empty();
    if (!may_have_week || has(PatternType::weekly_pattern)) return;
    const std::optional<WeekdayLevels> levels = weekday_levels(levelled(series, seen.model).value_or(series));
    if (!levels || levels->swing < least_swing * mean_level(series)) return;
    Period week;
    week.samples = week_hours / series.step_hours();
    week.strength = levels->strength;
    week.recurrence = levels->recurrence;
    week.p_value = levels->p_value;
    patterns.push_back(pattern_of(week, week_hours, series, true));
}

class DatabaseDetector {
  public:
    DatabaseDetector(const DatabaseHistory& history, const DetectOptions& options)
        : history_(history), options_(options), all_time_(total(history.time_ms)) {}

    Detection run() {
        find_batches();
        find_peaks();
        find_periods();
        std::stable_sort(found_.patterns.begin(), found_.patterns.end(), [](const Pattern& a, const Pattern& b) {
            return a.type != b.type ? a.type < b.type : a.metadata.confidence > b.metadata.confidence;
        });
        return std::move(found_);
    }

  private:
    void find_batches() {
        std::vector<QueryActivity> activities;
        double time_ms = 0;
        for (const QueryHistory& query : history_.queries) {
            const bool is_fine = query.fine_time_ms && query.fine_calls && query.fine_time_ms->observed() > 0;
            activities.push_back({query.query_hash, is_fine ? *query.fine_calls : query.calls,
                                  is_fine ? *query.fine_time_ms : query.time_ms});
            time_ms += total(activities.back().time_ms);
        }
        BatchOptions options;
        options.significance = options_.significance / 4;
        found_.patterns = find_batch_jobs(activities, time_ms, history_.time_zone, options);
    }

    void find_peaks() {
        const std::optional<DayTable> calls = day_table(history_.calls);
        if (!calls) return;
        const std::optional<DayTable> mean_time = history_.time_ms.size() == history_.calls.size()
                                                      ? day_table(ratio(history_.time_ms, history_.calls))
                                                      : std::nullopt;
        for (const HourlyPeak& peak : find_hourly_peaks(*calls, options_.significance / 4)) {
            Pattern pattern;
            pattern.type = PatternType::hourly_peak;
            pattern.metadata = peak_metadata(peak);
            if (pattern.metadata.confidence <= options_.peak_confidence) continue;
            if (mean_time) pattern.metadata.z_score_time = hour_means(*mean_time, peak.weekdays).z_score(peak.hour);
            if (all_time_ > 0) pattern.metadata.impact_score = total_at_hour(history_.time_ms, peak.hour) / all_time_;
            pattern.metadata.affected_queries = queries_of_hour(peak);
            pattern.description = fmt::format(
                "Calls peak at {}{}: {:.1f} σ above the mean hour, on {:.0f} % of the days",
                hour_words(peak.hour, history_.calls, history_.time_zone),
                peak.weekdays.empty() ? "" : " on the busier days of the week", peak.z_score, 100 * peak.recurrence);
            found_.patterns.push_back(std::move(pattern));
        }
    }

    // Queries that peak in that hour themselves, by their time in it.
    [[nodiscard]] std::vector<base::QueryHash> queries_of_hour(const HourlyPeak& peak) const {
        std::vector<std::pair<double, base::QueryHash>> weighed;
        for (const QueryHistory& query : history_.queries) {
            const std::optional<DayTable> table = day_table(query.calls);
            if (!table || hour_means(*table, peak.weekdays).z_score(peak.hour) <= 1) continue;
            weighed.emplace_back(total_at_hour(query.time_ms, peak.hour), query.query_hash);
        }
        return heaviest(std::move(weighed));
    }

    static std::vector<base::QueryHash> heaviest(std::vector<std::pair<double, base::QueryHash>> weighed) {
        std::stable_sort(weighed.begin(), weighed.end(),
                         [](const auto& a, const auto& b) { return a.first > b.first; });
        std::vector<base::QueryHash> queries;
        for (const auto& [weight, query] : weighed) queries.push_back(query);
        return queries;
    }

    struct SeriesPatterns {
        const QueryHistory* query = nullptr;  // none: the database's own
        std::vector<Pattern> patterns;
        double time_ms = 0;
    };

    // On what is left beside the jobs found: theirs is told, and the combs of their sharp starts would be taken for
    // periods that nothing has.
    void find_periods() {
        const std::set<base::QueryHash> of_jobs = queries_of_jobs();
        Series calls = history_.calls;
        Series time_ms = history_.time_ms;
        for (const QueryHistory& query : history_.queries) {
            if (!of_jobs.contains(query.query_hash)) continue;
            subtract(calls, query.calls);
            subtract(time_ms, query.time_ms);
        }
        PeriodOptions options;
        options.significance = options_.significance / 4;
        const Seen of_calls = see(calls, options);
        add_changes(of_calls, found_);
        // What runs long but is called seldom shows in time only.
        const Seen of_time = see(time_ms, options);
        std::vector<SeriesPatterns> all{{nullptr, telling_patterns(steady(of_calls, options), calls), 0},
                                        {nullptr, telling_patterns(steady(of_time, options), time_ms), 0}};
        add_week(all[0].patterns, calls, of_calls);
        add_week(all[1].patterns, time_ms, of_time);
        options.significance /= static_cast<double>(std::max<std::size_t>(1, history_.queries.size()));
        for (const QueryHistory& query : history_.queries) {
            if (of_jobs.contains(query.query_hash)) continue;
            all.push_back({&query, patterns_of(query, calls, all.front().patterns, options), total(query.time_ms)});
        }
        drop_sidebands_of_the_week(all);
        std::vector<Pattern> periods;
        for (const SeriesPatterns& each : all) {
            for (const Pattern& pattern : each.patterns) add_new(periods, pattern);
        }
        for (Pattern& pattern : periods) {
            attach_queries(pattern, all);
            if (pattern.type == PatternType::daily_cycle) attach_peak(pattern);
            found_.patterns.push_back(std::move(pattern));
        }
    }

    static std::vector<Pattern> patterns_of(const QueryHistory& query, const Series& database,
                                            const std::vector<Pattern>& of_database, const PeriodOptions& options) {
        switch (load_share(query.calls, database)) {
            case LoadShare::share:
                return of_database;
            case LoadShare::noise:
                return {};
            case LoadShare::unlike:
                break;
        }
        const Seen seen = see(query.calls, options);
        std::vector<Pattern> patterns = telling_patterns(steady(seen, options), query.calls);
        add_week(patterns, query.calls, seen);
        return patterns;
    }

    [[nodiscard]] std::set<base::QueryHash> queries_of_jobs() const {
        std::set<base::QueryHash> queries;
        for (const Pattern& job : found_.patterns) {
            if (job.type != PatternType::batch_job) continue;
            queries.insert(job.metadata.affected_queries.begin(), job.metadata.affected_queries.end());
        }
        return queries;
    }

    static void subtract(Series& from, const Series& part) {
        if (part.size() != from.size()) return;
        for (std::size_t t = 0; t < from.size(); ++t) {
            if (!is_gap(part.values[t])) from.values[t] = std::max(0.0, from.values[t] - part.values[t]);
        }
    }

    // A wave that hardly moves the load tells nobody anything, however certain it is.
    static std::vector<Pattern> telling_patterns(const Decomposition& model, const Series& series) {
        const double level = mean_level(series);
        Decomposition telling;
        for (const Period& period : model.periods) {
            if (period.amplitude >= least_swing * level) telling.periods.push_back(period);
        }
        return periodic_patterns(telling, series, true);
    }

    // A day that differs over the week has lines at day ± k weeks. Where one series is too noisy to show the week
    // itself, the others that do tell what those lines are.
    static void drop_sidebands_of_the_week(std::vector<SeriesPatterns>& all) {
        const auto find = [](const SeriesPatterns& series, PatternType type) {
            return std::find_if(series.patterns.begin(), series.patterns.end(),
                                [&](const Pattern& pattern) { return pattern.type == type; });
        };
        const bool has_week = std::any_of(all.begin(), all.end(), [&](const SeriesPatterns& series) {
            return find(series, PatternType::weekly_pattern) != series.patterns.end();
        });
        if (!has_week) return;
        for (SeriesPatterns& series : all) {
            const auto day = find(series, PatternType::daily_cycle);
            if (day == series.patterns.end()) continue;
            const double strength = *day->metadata.strength;
            const double observed_hours = 24 * *day->metadata.days_observed;
            std::erase_if(series.patterns, [&](const Pattern& pattern) {
                const double order = week_hours / *pattern.metadata.period_hours;
                const bool is_on_line = std::abs(order - std::round(order)) < week_hours / (2 * observed_hours);
                const bool is_below_half_a_day = order < 13.5;
                return pattern.type == PatternType::periodic && is_on_line &&
                       (is_below_half_a_day || *pattern.metadata.strength < strength / 4);
            });
        }
    }

    static bool is_same_period(const Pattern& a, const Pattern& b) {
        return std::abs(*a.metadata.period_hours / *b.metadata.period_hours - 1) < 0.03;
    }

    static void add_new(std::vector<Pattern>& periods, Pattern pattern) {
        const bool is_there = std::any_of(periods.begin(), periods.end(),
                                          [&](const Pattern& other) { return is_same_period(other, pattern); });
        if (!is_there) periods.push_back(std::move(pattern));
    }

    void attach_queries(Pattern& pattern, const std::vector<SeriesPatterns>& all) const {
        std::vector<std::pair<double, base::QueryHash>> weighed;
        double time_ms = 0;
        for (const SeriesPatterns& each : all) {
            if (each.query == nullptr) continue;
            const bool shows = std::any_of(each.patterns.begin(), each.patterns.end(),
                                           [&](const Pattern& other) { return is_same_period(other, pattern); });
            if (!shows) continue;
            weighed.emplace_back(each.time_ms, each.query->query_hash);
            time_ms += each.time_ms;
        }
        pattern.metadata.affected_queries = heaviest(std::move(weighed));
        if (all_time_ > 0 && !history_.queries.empty())
            pattern.metadata.impact_score = std::min(1.0, time_ms / all_time_);
    }

    void attach_peak(Pattern& pattern) const {
        const std::optional<DayTable> table = day_table(history_.calls);
        if (!table || table->days.empty()) return;
        const HourMeans means = hour_means(*table, {});
        const auto highest = std::max_element(means.mean.begin(), means.mean.end()) - means.mean.begin();
        pattern.metadata.peak_hour = static_cast<int>(highest);
        pattern.metadata.z_score_count = means.z_score(static_cast<int>(highest));
        std::vector<double> at_hour;
        for (const auto& day : table->days) {
            if (!is_gap(day[static_cast<std::size_t>(highest)]))
                at_hour.push_back(day[static_cast<std::size_t>(highest)]);
        }
        double mean = 0;
        double squares = 0;
        for (const double each : at_hour) mean += each / static_cast<double>(at_hour.size());
        for (const double each : at_hour)
            squares += (each - mean) * (each - mean) / static_cast<double>(at_hour.size());
        if (mean > 0) {
            pattern.metadata.variance = std::sqrt(squares) / mean;
            pattern.metadata.consistency_score = std::max(0.0, 1 - *pattern.metadata.variance);
        }
    }

    const DatabaseHistory& history_;
    const DetectOptions& options_;
    double all_time_;
    Detection found_;
};

}  // namespace

Detection detect_patterns(const DatabaseHistory& history, const DetectOptions& options) {
    return DatabaseDetector(history, options).run();
}

Detection detect_in_series(const Series& series, bool has_clock, const TimeZone& zone, const DetectOptions& options) {
    Detection found;
    PeriodOptions period_options;
    period_options.significance = options.significance / 2;
    const Seen seen =
        has_clock ? see(series, period_options) : Seen{series, {}, decompose(series.values, period_options)};
    found.patterns = periodic_patterns(seen.model, series, has_clock);
    if (has_clock) {
        add_week(found.patterns, series, seen);
        if (const std::optional<DayTable> table = day_table(series)) {
            for (const HourlyPeak& peak : find_hourly_peaks(*table, options.significance / 4)) {
                Pattern pattern;
                pattern.type = PatternType::hourly_peak;
                pattern.metadata = peak_metadata(peak);
                if (pattern.metadata.confidence <= options.peak_confidence) continue;
                pattern.description = fmt::format("Peak at {}, on {:.0f} % of the days",
                                                  hour_words(peak.hour, series, zone), 100 * peak.recurrence);
                found.patterns.push_back(std::move(pattern));
            }
        }
    }
    add_changes(seen, found);
    return found;
}

}  // namespace pganalytics::patterns
