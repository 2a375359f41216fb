#include "simulation/history_truth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace pganalytics::simulation {

namespace {

using Week = std::array<std::array<double, 24>, 7>;

/// Planned calls a minute of each hour of the week, jobs included.
Week planned_calls(const Scenario& scenario, const HistoryStatements& statements) {
    double rate = 0;
    for (const auto& statement : statements.all) rate += statement.rate_per_minute;
    Week week{};
    for (int day = 0; day < 7; ++day) {
        for (int hour = 0; hour < 24; ++hour) {
            week[static_cast<std::size_t>(day)][static_cast<std::size_t>(hour)] =
                rate * planned_load(scenario, day, hour);
        }
    }
    for (std::size_t b = 0; b < scenario.batches.size(); ++b) {
        const PlannedBatch& batch = scenario.batches[b];
        if (!batch.days_of_month.empty()) continue;
        const double calls = batch.calls * static_cast<double>(statements.of_batch[b].size()) / 60;
        for (int day = 0; day < 7; ++day) {
            if (!batch.weekdays.empty() &&
                std::find(batch.weekdays.begin(), batch.weekdays.end(), day) == batch.weekdays.end())
                continue;
            for (int at = batch.start_minute % batch.every_minutes; at < 1440; at += batch.every_minutes) {
                const int start = batch.every_minutes == 1440 ? batch.start_minute : at;
                week[static_cast<std::size_t>(day)][static_cast<std::size_t>(start / 60)] += calls;
            }
        }
    }
    return week;
}

double level_of(const std::array<double, 24>& day) {
    double sum = 0;
    for (const double each : day) sum += each;
    return sum / 24;
}

/// The weekdays of the busier group, where the plan has two clear ones; else all.
std::vector<std::size_t> busy_days(const Week& week) {
    std::vector<std::pair<double, std::size_t>> levels;
    for (std::size_t day = 0; day < 7; ++day) levels.emplace_back(level_of(week[day]), day);
    std::sort(levels.begin(), levels.end());
    std::size_t cut = 0;
    double widest = 0;
    for (std::size_t i = 1; i < 7; ++i) {
        if (levels[i].first - levels[i - 1].first > widest) {
            widest = levels[i].first - levels[i - 1].first;
            cut = i;
        }
    }
    const bool clear = cut > 0 && levels[cut].first > 1.3 * levels[cut - 1].first;
    std::vector<std::size_t> days;
    for (std::size_t i = clear ? cut : 0; i < 7; ++i) days.push_back(levels[i].second);
    return days;
}

struct Hours {
    std::array<double, 24> mean{};
    double grand_mean = 0;
    double sigma = 0;
};

Hours hour_means(const Week& week, const std::vector<std::size_t>& days) {
    Hours hours;
    for (std::size_t hour = 0; hour < 24; ++hour) {
        for (const std::size_t day : days) hours.mean[hour] += week[day][hour] / static_cast<double>(days.size());
    }
    hours.grand_mean = level_of(hours.mean);
    double squares = 0;
    for (const double each : hours.mean) squares += (each - hours.grand_mean) * (each - hours.grand_mean) / 24;
    hours.sigma = std::sqrt(squares);
    return hours;
}

std::vector<int> as_ints(const std::vector<std::size_t>& days) {
    std::vector<int> list(days.begin(), days.end());
    std::sort(list.begin(), list.end());
    return list;
}

void plant_peaks(const Scenario& scenario, const Week& week, HistoryTruth& truth) {
    const PlannedNoise& noise = scenario.noise;
    // A level that changes for good makes every hour differ between the days before and after: by their own definition
    // the hours are then less consistent than a peak has to be.
    const bool level_changes = std::any_of(scenario.changes.begin(), scenario.changes.end(),
                                           [](const PlannedChange& change) { return change.calls_factor != 1; });
    const auto days = busy_days(week);
    const Hours hours = hour_means(week, days);
    // What an hour's sum wavers by from day to day.
    const double minutes_noise = noise.minutes * std::sqrt(std::min(1.0, 2 * noise.correlation_minutes / 60));
    const double wavers = std::hypot(noise.days, minutes_noise);
    for (std::size_t hour = 0; hour < 24; ++hour) {
        const double excess = hours.mean[hour] - hours.grand_mean;
        if (excess < 0.85 * hours.sigma || excess <= 0.002 * hours.grand_mean) continue;
        PlantedPattern peak;
        peak.pattern_type = "hourly_peak";
        peak.hour = static_cast<int>(hour);
        peak.period_hours = 24;
        if (days.size() < 7) peak.weekdays = as_ints(days);
        peak.required = !level_changes && excess > 1.15 * hours.sigma && excess > 3 * wavers * hours.grand_mean;
        peak.why = fmt::format("planned calls are {:.2f} σ above the mean hour", excess / hours.sigma);
        truth.patterns.push_back(std::move(peak));
    }
}

void plant_cycles(const Scenario& scenario, const Week& week, HistoryTruth& truth) {
    const auto [lowest, highest] = std::minmax_element(scenario.hours.begin(), scenario.hours.end());
    const Hours all = hour_means(week, {0, 1, 2, 3, 4, 5, 6});
    // A job of few calls may be much of the database's time: its rhythm is there, whatever the calls say.
    const bool has_jobs = !scenario.batches.empty();
    const bool has_weekday_jobs = std::any_of(scenario.batches.begin(), scenario.batches.end(),
                                              [](const PlannedBatch& batch) { return !batch.weekdays.empty(); });
    if (has_jobs || all.sigma > 0.002 * all.grand_mean) {
        PlantedPattern daily;
        daily.pattern_type = "daily_cycle";
        daily.period_hours = 24;
        daily.required = *highest - *lowest > 0.3 * *highest;
        daily.why = daily.required ? "the profile of the hours" : "follows from a peak or a job that comes every day";
        truth.patterns.push_back(std::move(daily));
    }
    std::array<double, 7> levels{};
    for (std::size_t day = 0; day < 7; ++day) levels[day] = level_of(week[day]);
    const auto [quiet, busy] = std::minmax_element(levels.begin(), levels.end());
    if (has_weekday_jobs || *busy > 1.0001 * *quiet) {
        PlantedPattern weekly;
        weekly.pattern_type = "weekly_pattern";
        weekly.period_hours = 168;
        weekly.required = *quiet < 0.7 * *busy && base::Minutes(truth.ends - truth.begins).count() >= 21 * 1440;
        weekly.why = weekly.required ? "the profile of the weekdays" : "follows from what runs on some weekdays only";
        truth.patterns.push_back(std::move(weekly));
    }
}

void plant_batch(const PlannedBatch& batch, const std::vector<std::size_t>& members,
                 const HistoryStatements& statements, HistoryTruth& truth) {
    PlantedPattern job;
    job.pattern_type = "batch_job";
    job.start_minute = batch.every_minutes < 1440 ? batch.start_minute % batch.every_minutes : batch.start_minute;
    job.duration_minutes = batch.duration_minutes;
    job.weekdays = batch.weekdays;
    job.period_hours = !batch.days_of_month.empty() ? 730.5
                       : batch.weekdays.size() == 1 ? 168
                                                    : batch.every_minutes / 60.0;
    bool own = true;
    for (const std::size_t member : members) {
        job.query_hashes.push_back(statements.all[member].query_hash);
        own = own && statements.all[member].rate_per_minute <= 0;
    }
    int occasions = 0;
    for (auto day = std::chrono::ceil<std::chrono::days>(truth.begins); day < truth.ends; day += std::chrono::days{1}) {
        if (runs_on(batch, day)) occasions += 1440 / batch.every_minutes;
    }
    // A statement that runs all day too is no batch by itself; four runs are the least that make a habit.
    job.required = own && static_cast<double>(occasions) * (1 - batch.skipped) >= 4 && batch.days_of_month.empty();
    job.why = batch.name;
    truth.patterns.push_back(std::move(job));
    if (batch.every_minutes < 1440 || !batch.weekdays.empty()) {
        PlantedPattern rhythm;
        rhythm.pattern_type = "periodic";
        rhythm.period_hours = batch.every_minutes / 60.0;
        rhythm.required = false;
        rhythm.why = batch.name + "'s own rhythm";
        truth.patterns.push_back(std::move(rhythm));
    }
}

std::vector<base::QueryHash> hashes(const std::vector<std::size_t>& chosen, const HistoryStatements& statements) {
    std::vector<base::QueryHash> list;
    for (const std::size_t each : chosen) list.push_back(statements.all[each].query_hash);
    return list;
}

/// Every pair of the jobs of each collision, and the reads worth keeping.
void plant_advice(const Scenario& scenario, const HistoryStatements& statements, HistoryTruth& truth) {
    const auto hashes_of = [&](const std::string& batch) {
        for (std::size_t b = 0; b < scenario.batches.size(); ++b) {
            if (scenario.batches[b].name == batch) return hashes(statements.of_batch[b], statements);
        }
        return std::vector<base::QueryHash>{};
    };
    for (const PlannedCollision& collision : scenario.collisions) {
        if (collision.slowed <= 1) continue;  // they meet in peace
        for (std::size_t a = 0; a < collision.batches.size(); ++a) {
            for (std::size_t b = a + 1; b < collision.batches.size(); ++b) {
                truth.advice.push_back({"colliding_batch_jobs", hashes_of(collision.batches[a]),
                                        hashes_of(collision.batches[b]), collision.slowed,
                                        collision.batches[a] + " and " + collision.batches[b]});
            }
        }
    }
    for (const PlannedBatch& batch : scenario.batches) {
        if (batch.worth_keeping) truth.advice.push_back({"repeated_read", hashes_of(batch.name), {}, 1, batch.name});
    }
}

base::Timestamp after(base::Timestamp begins, double days) {
    return begins + std::chrono::minutes{std::llround(days * 1440)};
}

nlohmann::json hashes_json(const std::vector<base::QueryHash>& list) {
    nlohmann::json json = nlohmann::json::array();
    for (const base::QueryHash each : list) json.push_back(std::to_string(base::to_integer(each)));
    return json;
}

nlohmann::json advice_json(const std::vector<PlantedAdvice>& advice) {
    nlohmann::json json = nlohmann::json::array();
    for (const PlantedAdvice& each : advice) {
        nlohmann::json row{{"rule", each.rule}, {"query_hashes", hashes_json(each.query_hashes)}, {"why", each.why}};
        if (!each.other_query_hashes.empty()) {
            row["other_query_hashes"] = hashes_json(each.other_query_hashes);
            row["slowed"] = each.slowed;
        }
        json.push_back(std::move(row));
    }
    return json;
}

nlohmann::json spans_json(const std::vector<PlantedSpan>& spans) {
    nlohmann::json json = nlohmann::json::array();
    for (const PlantedSpan& span : spans) {
        json.push_back({{"kind", span.kind},
                        {"begins", base::to_rfc3339(span.begins)},
                        {"ends", base::to_rfc3339(span.ends)},
                        {"calls_factor", span.calls_factor},
                        {"time_factor", span.time_factor},
                        {"query_hashes", hashes_json(span.query_hashes)}});
    }
    return json;
}

}  // namespace

void plant_truth(const Scenario& scenario, const HistoryStatements& statements, HistoryTruth& truth) {
    plant_advice(scenario, statements, truth);
    const Week week = planned_calls(scenario, statements);
    plant_peaks(scenario, week, truth);
    plant_cycles(scenario, week, truth);
    for (std::size_t b = 0; b < scenario.batches.size(); ++b) {
        plant_batch(scenario.batches[b], statements.of_batch[b], statements, truth);
    }
    for (std::size_t i = 0; i < scenario.incidents.size(); ++i) {
        const PlannedIncident& incident = scenario.incidents[i];
        const auto begins = after(truth.begins, incident.day);
        truth.incidents.push_back({begins, after(begins, incident.duration_minutes / 1440), incident.calls_factor,
                                   incident.time_factor, "incident", hashes(statements.of_incident[i], statements)});
    }
    for (std::size_t i = 0; i < scenario.changes.size(); ++i) {
        const PlannedChange& change = scenario.changes[i];
        truth.changes.push_back({after(truth.begins, change.day), truth.ends, change.calls_factor, change.time_factor,
                                 change.kind, hashes(statements.of_change[i], statements)});
    }
}

nlohmann::json HistoryTruth::to_json() const {
    nlohmann::json planted = nlohmann::json::array();
    for (const PlantedPattern& pattern : patterns) {
        nlohmann::json row{{"pattern_type", pattern.pattern_type},
                           {"required", pattern.required},
                           {"period_hours", pattern.period_hours},
                           {"why", pattern.why},
                           {"query_hashes", hashes_json(pattern.query_hashes)}};
        if (pattern.hour) row["peak_hour"] = *pattern.hour;
        if (!pattern.weekdays.empty()) row["days_of_week"] = pattern.weekdays;
        if (pattern.start_minute) {
            row["start_minute"] = *pattern.start_minute;
            row["duration_minutes"] = pattern.duration_minutes;
        }
        planted.push_back(std::move(row));
    }
    return {{"scenario", scenario},
            {"seed", seed},
            {"begins", base::to_rfc3339(begins)},
            {"ends", base::to_rfc3339(ends)},
            {"database_name", database_name},
            {"patterns", std::move(planted)},
            {"incidents", spans_json(incidents)},
            {"changes", spans_json(changes)},
            {"outages", spans_json(outages)},
            {"advice", advice_json(advice)},
            {"noise",
             {{"minutes", noise.minutes},
              {"correlation_minutes", noise.correlation_minutes},
              {"days", noise.days},
              {"times", noise.times},
              {"contention", noise.contention}}}};
}

}  // namespace pganalytics::simulation
