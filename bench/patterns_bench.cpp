// The cost of detection and forecasts: a year of hours of one query, thirty days of one database with its queries, one
// forecast of two days.

#include <benchmark/benchmark.h>

#include <cmath>
#include <numbers>
#include <random>

#include "patterns/detect.hpp"
#include "patterns/forecast.hpp"
#include "patterns/periodicity.hpp"

namespace {

using namespace pganalytics;

/// 0 flat, 1 office hours, 2 a daily wave in red noise, 3 a nightly job, as a workload mixes them.
std::vector<double> load(std::size_t hours, std::size_t kind, unsigned seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<> normal;
    std::vector<double> values(hours);
    double state = 0;
    for (std::size_t t = 0; t < hours; ++t) {
        const bool is_office = t % 24 > 7 && t % 24 < 18 && t / 24 % 7 < 5;
        state = 0.9 * state + normal(engine);
        const double daily = std::sin(2 * std::numbers::pi * static_cast<double>(t) / 24);
        const double level = kind == 1 ? (is_office ? 100 : 10) : 20;
        values[t] =
            kind == 3
                ? (t % 24 == 2 ? 50 + 5 * normal(engine) : 0)
                : std::max(0.0, level + std::sqrt(level) * normal(engine) + (kind == 2 ? 3 * state + 10 * daily : 0));
    }
    return values;
}

void year_of_hours(benchmark::State& state) {
    std::vector<std::vector<double>> series;
    for (unsigned seed = 0; seed < 16; ++seed)
        series.push_back(load(
            8760, static_cast<std::size_t>(state.range(0)) < 4 ? static_cast<std::size_t>(state.range(0)) : seed % 4,
            seed));
    std::size_t next = 0;
    for (auto _ : state) benchmark::DoNotOptimize(patterns::decompose(series[next++ % series.size()]));
}
// The kinds one by one, then a mix of them.
BENCHMARK(year_of_hours)->DenseRange(0, 4)->Unit(benchmark::kMillisecond);

void thirty_days_of_a_database(benchmark::State& state) {
    patterns::DatabaseHistory history;
    const base::Timestamp begins{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
    const auto series = [&](std::size_t kind, unsigned seed) {
        return patterns::Series{begins, base::Seconds{3600}, load(720, kind, seed)};
    };
    history.calls = history.time_ms = series(1, 99);
    for (unsigned query = 0; query < static_cast<unsigned>(state.range(0)); ++query) {
        const patterns::Series own = series(query % 4, query);
        history.queries.push_back({base::QueryHash{query + 1}, own, own, std::nullopt, std::nullopt});
    }
    for (auto _ : state) benchmark::DoNotOptimize(patterns::detect_patterns(history));
}
BENCHMARK(thirty_days_of_a_database)->Arg(0)->Arg(10)->Arg(100)->Unit(benchmark::kMillisecond);

void forecast_two_days(benchmark::State& state) {
    const std::vector<double> values = load(static_cast<std::size_t>(state.range(0)), 1, 5);
    for (auto _ : state) benchmark::DoNotOptimize(patterns::forecast(values, 48));
}
BENCHMARK(forecast_two_days)->Arg(720)->Arg(8760)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
