#include "simulation/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "base/hash.hpp"
#include "simulation/history_catalog.hpp"
#include "simulation/history_statements.hpp"
#include "simulation/history_truth.hpp"

namespace pganalytics::simulation {

namespace {

using namespace std::chrono_literals;

struct Span {
    double begins = 0;  ///< minutes after the history's begin
    double ends = 0;
};

struct Run : Span {
    double stretch = 1;        ///< its length, slowing left out, against the planned one
    double slowed = 1;         ///< time of a call while another job of its collision runs
    std::vector<Span> shared;  ///< when that is, disjoint
};

std::mt19937_64 random_of(std::uint64_t seed, std::string_view what) {
    base::StableHash hash;
    hash.add(seed);
    hash.add(what);
    return std::mt19937_64(hash.digest());
}

double overlap(double begins, double ends, const Span& run) {
    return std::max(0.0, std::min(ends, run.ends) - std::max(begins, run.begins));
}

/// Minutes of undisturbed work that a run gets done between two moments.
double work_between(const Run& run, double begins, double ends) {
    double work = overlap(begins, ends, run);
    for (const Span& shared : run.shared) {
        work -= overlap(std::max(begins, run.begins), std::min(ends, run.ends), shared) * (1 - 1 / run.slowed);
    }
    return work;
}

/// [begins, ends) of spans that may overlap, as disjoint ones.
std::vector<Span> united(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.begins < b.begins; });
    std::vector<Span> result;
    for (const Span& span : spans) {
        if (!result.empty() && span.begins <= result.back().ends) {
            result.back().ends = std::max(result.back().ends, span.ends);
        } else {
            result.push_back(span);
        }
    }
    return result;
}

}  // namespace

int weekday_of(base::Timestamp at) {
    // 1970-01-01 was a Thursday.
    const auto day = std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
    return static_cast<int>(((day + 3) % 7 + 7) % 7);
}

int minute_of_day(base::Timestamp at) {
    return static_cast<int>((std::chrono::floor<std::chrono::minutes>(at) - std::chrono::floor<std::chrono::days>(at)) /
                            1min);
}

bool runs_on(const PlannedBatch& batch, base::Timestamp day) {
    const auto has = [](const std::vector<int>& list, int value) {
        return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
    };
    const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(day)};
    return has(batch.weekdays, weekday_of(day)) &&
           has(batch.days_of_month, static_cast<int>(static_cast<unsigned>(date.day())));
}

double planned_load(const Scenario& scenario, int weekday, int hour) {
    double load = scenario.hours[static_cast<std::size_t>(hour)] * scenario.weekdays[static_cast<std::size_t>(weekday)];
    for (const PlannedPeak& peak : scenario.peaks) {
        const bool on_day = peak.weekdays.empty() ||
                            std::find(peak.weekdays.begin(), peak.weekdays.end(), weekday) != peak.weekdays.end();
        if (peak.hour == hour && on_day) load *= peak.factor;
    }
    return load;
}

struct HistorySimulator::State {
    Scenario scenario;
    HistoryOptions options;
    HistoryStatements statements;
    std::optional<HistoryCatalog> catalog;
    HistoryTruth truth;
    base::Timestamp begins;
    std::int64_t minutes = 0;
    std::int64_t next_minute = 0;
    std::vector<std::vector<Run>> runs;  ///< by batch, in time
    std::vector<std::size_t> run_at;     ///< by batch: the first run that is not over
    std::vector<Span> outages;
    std::vector<double> day_level;
    double mean_load = 1;
    double excursion = 0;
    std::mt19937_64 random;
    std::normal_distribution<double> normal;

    [[nodiscard]] double minute_of(base::Timestamp at) const { return base::Minutes(at - begins).count(); }
    [[nodiscard]] base::Timestamp time_of(double minute) const {
        return begins + std::chrono::microseconds{std::llround(minute * 60e6)};
    }

    void plan_runs() {
        for (std::size_t b = 0; b < scenario.batches.size(); ++b) {
            const PlannedBatch& batch = scenario.batches[b];
            auto own = random_of(options.seed, fmt::format("runs {}", b));
            std::uniform_real_distribution<double> uniform;
            std::vector<Run> list;
            const auto first_day = std::chrono::floor<std::chrono::days>(begins);
            for (auto day = first_day; day < truth.ends; day += std::chrono::days{1}) {
                if (!runs_on(batch, day)) continue;
                const int first =
                    batch.every_minutes < 1440 ? batch.start_minute % batch.every_minutes : batch.start_minute;
                for (int at = first; at < 1440; at += batch.every_minutes) {
                    const double jitter = batch.jitter_minutes * normal(own);
                    const double length = batch.duration_minutes * std::exp(0.1 * normal(own));
                    if (uniform(own) < batch.skipped) continue;
                    const double start = minute_of(day + std::chrono::minutes{at}) + jitter;
                    Run run;
                    run.begins = start;
                    run.ends = start + std::max(0.5, length);
                    run.stretch = (run.ends - run.begins) / batch.duration_minutes;
                    list.push_back(std::move(run));
                }
            }
            runs.push_back(std::move(list));
        }
        run_at.assign(runs.size(), 0);
        for (const PlannedCollision& collision : scenario.collisions) plan_collision(collision);
    }

    /// Slows the runs of jobs that meet. A slowed run ends later, by which it may be joined for longer: a few rounds
    /// settle that.
    void plan_collision(const PlannedCollision& collision) {
        std::vector<std::size_t> members;
        for (std::size_t b = 0; b < scenario.batches.size(); ++b) {
            const auto& names = collision.batches;
            if (std::find(names.begin(), names.end(), scenario.batches[b].name) != names.end()) members.push_back(b);
        }
        for (int round = 0; round < 6; ++round) {
            const auto before = runs;
            for (const std::size_t member : members) {
                for (Run& run : runs[member]) slow_down(run, collision.slowed, member, members, before);
            }
        }
    }

    void slow_down(Run& run, double slowed, std::size_t own, const std::vector<std::size_t>& members,
                   const std::vector<std::vector<Run>>& all) const {
        std::vector<Span> shared;
        for (const std::size_t other : members) {
            if (other == own) continue;
            for (const Run& each : all[other]) {
                if (overlap(run.begins, run.ends, each) > 0) shared.push_back({each.begins, each.ends});
            }
        }
        if (shared.empty()) return;
        run.shared = united(std::move(shared));
        run.slowed = slowed;
        double minutes_shared = 0;
        for (const Span& each : run.shared) minutes_shared += overlap(run.begins, run.ends, each);
        const double alone = run.stretch * scenario.batches[own].duration_minutes;
        run.ends = run.begins + alone + minutes_shared * (1 - 1 / slowed);
    }

    void plan_outages() {
        auto own = random_of(options.seed, "outages");
        const double per_minute = scenario.noise.outages_per_week / (7 * 1440.0);
        if (per_minute <= 0) return;
        std::exponential_distribution<double> wait(per_minute);
        std::exponential_distribution<double> length(1 / scenario.noise.outage_minutes);
        for (double at = wait(own); at < static_cast<double>(minutes); at += wait(own)) {
            const Span outage{std::floor(at), std::floor(at + 1 + length(own))};
            outages.push_back(outage);
            truth.outages.push_back({time_of(outage.begins), time_of(outage.ends), 1, 1, "outage", {}});
            at = outage.ends;
        }
    }

    void plan_days() {
        auto own = random_of(options.seed, "days");
        for (std::int64_t day = 0; day <= minutes / 1440 + 1; ++day) {
            day_level.push_back(std::exp(scenario.noise.days * normal(own)));
        }
        double sum = 0;
        for (int weekday = 0; weekday < 7; ++weekday) {
            for (int hour = 0; hour < 24; ++hour) sum += planned_load(scenario, weekday, hour);
        }
        mean_load = std::max(1e-9, sum / (7 * 24));
    }

    /// Factors on calls and time of one statement at a minute, from incidents and changes.
    [[nodiscard]] std::pair<double, double> factors(std::size_t statement, double minute) const {
        double calls = 1;
        double time = 1;
        const auto apply = [&](const std::vector<PlantedSpan>& spans, const auto& chosen) {
            for (std::size_t i = 0; i < spans.size(); ++i) {
                if (minute < minute_of(spans[i].begins) || minute >= minute_of(spans[i].ends)) continue;
                const auto& own = chosen[i];
                if (!own.empty() && std::find(own.begin(), own.end(), statement) == own.end()) continue;
                calls *= spans[i].calls_factor;
                time *= spans[i].time_factor;
            }
        };
        apply(truth.incidents, statements.of_incident);
        apply(truth.changes, statements.of_change);
        return {calls, time};
    }

    std::int64_t poisson(double mean) {
        if (mean <= 0) return 0;
        if (mean > 30) return std::max<std::int64_t>(0, std::llround(mean + std::sqrt(mean) * normal(random)));
        return std::poisson_distribution<std::int64_t>(mean)(random);
    }

    void add_calls(SimulatedInterval& interval, std::size_t index, std::int64_t calls, double mean_time_ms) {
        if (calls <= 0) return;
        const SimulatedStatement& statement = statements.all[index];
        const auto count = static_cast<double>(calls);
        workload::Counters delta;
        delta.calls = calls;
        delta.total_exec_time_ms = mean_time_ms * count;
        delta.rows = std::llround(statement.rows_per_call * count);
        delta.shared_blks_hit = std::llround(0.98 * statement.blocks_per_call * count);
        delta.shared_blks_read = std::llround(0.02 * statement.blocks_per_call * count);
        delta.shared_blk_read_time_ms = 0.01 * static_cast<double>(delta.shared_blks_read);
        // Times of single calls spread by about their half.
        delta.sum_squared_deviation_ms2 = count * 0.25 * mean_time_ms * mean_time_ms;
        catalog->count(index, delta.rows);
        interval.busy += delta.total_exec_time_ms / 60'000;
        interval.statements.push_back({statement.key, interval.begins, interval.ends, delta});
    }

    void add_traffic(SimulatedInterval& interval, double minute, double load) {
        const PlannedNoise& noise = scenario.noise;
        const double slower = 1 + noise.contention * (load / mean_load - 1);
        for (std::size_t i = 0; i < statements.all.size(); ++i) {
            const SimulatedStatement& statement = statements.all[i];
            if (statement.rate_per_minute <= 0) continue;
            const auto [calls_factor, time_factor] = factors(i, minute);
            const std::int64_t calls = poisson(statement.rate_per_minute * load * calls_factor);
            const double wobble = std::exp(noise.times * normal(random));
            add_calls(interval, i, calls, statement.mean_time_ms * time_factor * std::max(0.2, slower) * wobble);
        }
    }

    void add_batches(SimulatedInterval& interval, double minute) {
        for (std::size_t b = 0; b < runs.size(); ++b) {
            auto& at = run_at[b];
            while (at < runs[b].size() && runs[b][at].ends <= minute) ++at;
            if (at == runs[b].size()) continue;
            const Run& run = runs[b][at];
            const double present = overlap(minute, minute + 1, run);
            const double work = work_between(run, minute, minute + 1);
            const double share = work / work_between(run, run.begins, run.ends);
            if (present <= 0 || share <= 0) continue;
            const PlannedBatch& batch = scenario.batches[b];
            for (const std::size_t each : statements.of_batch[b]) {
                const SimulatedStatement& statement = statements.all[each];
                const std::int64_t calls = std::max<std::int64_t>(1, poisson(batch.calls * share));
                add_calls(interval, each, calls,
                          statement.mean_time_ms * run.stretch * present / work * std::exp(0.1 * normal(random)));
            }
        }
    }

    std::optional<SimulatedInterval> next() {
        while (next_minute < minutes) {
            const auto minute = static_cast<double>(next_minute++);
            const PlannedNoise& noise = scenario.noise;
            const double keep = noise.correlation_minutes > 0 ? std::exp(-1 / noise.correlation_minutes) : 0;
            excursion = keep * excursion + std::sqrt(1 - keep * keep) * noise.minutes * normal(random);
            const base::Timestamp begins_at = begins + std::chrono::minutes{next_minute - 1};
            const double load = planned_load(scenario, weekday_of(begins_at), minute_of_day(begins_at) / 60) *
                                day_level[static_cast<std::size_t>(minute / 1440)] * std::exp(excursion);
            SimulatedInterval interval;
            interval.begins = begins_at;
            interval.ends = begins_at + 1min;
            interval.load = load / mean_load;
            add_traffic(interval, minute, load);
            add_batches(interval, minute);
            const bool unseen = std::any_of(outages.begin(), outages.end(), [&](const Span& outage) {
                return minute >= outage.begins && minute < outage.ends;
            });
            if (!unseen) return interval;
        }
        return std::nullopt;
    }
};

HistorySimulator::HistorySimulator(std::unique_ptr<State> state) : state_(std::move(state)) {}
HistorySimulator::HistorySimulator(HistorySimulator&&) noexcept = default;
HistorySimulator& HistorySimulator::operator=(HistorySimulator&&) noexcept = default;
HistorySimulator::~HistorySimulator() = default;

base::Result<HistorySimulator> HistorySimulator::make(const Scenario& scenario, const HistoryOptions& options) {
    if (options.days < 1 || options.days > 400) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("{} days cannot be simulated", options.days),
                           "Give 1 to 400.", "--days"};
    }
    auto state = std::make_unique<State>();
    state->scenario = scenario;
    state->options = options;
    PGANALYTICS_ASSIGN(state->statements, choose_statements(scenario, options.seed));
    PGANALYTICS_ASSIGN(const auto names, ShopNames::make(options.seed, 1));
    state->catalog.emplace(names, state->statements.all, options.database_name);
    HistoryTruth& truth = state->truth;
    truth.scenario = scenario.name;
    truth.seed = options.seed;
    truth.ends = std::chrono::floor<std::chrono::minutes>(options.ends);
    truth.begins = truth.ends - std::chrono::days{options.days};
    truth.database_name = options.database_name;
    truth.noise = scenario.noise;
    state->begins = truth.begins;
    state->minutes = std::int64_t{options.days} * 1440;
    state->random = random_of(options.seed, "minutes");
    state->plan_runs();
    state->plan_outages();
    state->plan_days();
    plant_truth(scenario, state->statements, truth);
    return HistorySimulator(std::move(state));
}

const std::vector<SimulatedStatement>& HistorySimulator::statements() const {
    return state_->statements.all;
}
const HistoryTruth& HistorySimulator::truth() const {
    return state_->truth;
}
const catalog::Database& HistorySimulator::catalog() const {
    return state_->catalog->now();
}
std::optional<SimulatedInterval> HistorySimulator::next() {
    return state_->next();
}

}  // namespace pganalytics::simulation
