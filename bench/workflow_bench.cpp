// Loading a stored model that remembers as many runs as training keeps: reading its bytes, and learning from its past.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <random>

#include "prediction/features.hpp"
#include "workflow/model_content.hpp"

namespace {

using namespace pganalytics;
using namespace pganalytics::prediction;

constexpr std::size_t samples = 1000, statements = 400, runs = 8000;

/// Trained on statements of twenty templates; 8,000 past runs of 400 statements over a month.
workflow::ModelContent content() {
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    Dataset data;
    for (std::size_t i = 0; i < samples; ++i) {
        Sample sample;
        sample.group = std::to_string(i % 20);
        sample.id = std::to_string(i % statements);
        sample.features.assign(feature_definitions().size(), 0.0);
        for (std::size_t f = 0; f < sample.features.size(); f += 3)
            sample.features[f] = std::exp(4 + 2 * normal(random));
        sample.runtime_ms = std::exp(0.8 * std::log1p(sample.features[total_cost_feature()]) + 0.3 * normal(random));
        data.push_back(std::move(sample));
    }
    auto training = train_model(data, {}).value();
    std::vector<PastRun> past;
    for (std::size_t i = 0; i < runs; ++i) {
        const auto& unseen = training.unseen[i % statements];
        past.push_back({std::to_string(i % statements), std::to_string(i % 20), unseen.center + 0.3 * normal(random),
                        unseen.center, unseen, base::Timestamp(std::chrono::minutes(5 * i)), i % 10 == 0});
    }
    return {std::move(training.model), FeatureSpread::learn(data), std::move(past)};
}

const std::string& stored() {
    static const std::string bytes = workflow::to_bytes(content());
    return bytes;
}

void read_content(benchmark::State& state) {
    const auto& bytes = stored();
    for (auto _ : state) benchmark::DoNotOptimize(workflow::read_model_content(bytes));
    state.counters["bytes"] = static_cast<double>(stored().size());
}
BENCHMARK(read_content)->Unit(benchmark::kMillisecond);

void load_with_past(benchmark::State& state) {
    for (auto _ : state)
        benchmark::DoNotOptimize(workflow::LoadedModel(workflow::read_model_content(stored()).value()));
}
BENCHMARK(load_with_past)->Unit(benchmark::kMillisecond);

void learn_past(benchmark::State& state) {
    const auto read = workflow::read_model_content(stored()).value();
    for (auto _ : state) benchmark::DoNotOptimize(History::learn(read.past));
}
BENCHMARK(learn_past)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
