// Predicting: the walker, a whole prediction from features, history, reading and storing a model; and learning, by type
// and size.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "prediction/history.hpp"
#include "prediction/lru_cache.hpp"
#include "prediction/model.hpp"
#include "prediction/training.hpp"
#include "prediction/tree_learner.hpp"

namespace {

using namespace pganalytics::prediction;

/// Plans of `count` statements in groups of twenty; a third of the features vary, as in real plans.
Dataset made_up(std::size_t count) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    Dataset data;
    for (std::size_t i = 0; i < count; ++i) {
        Sample sample;
        sample.group = std::to_string(i / 20);
        sample.id = std::to_string(i / 2);
        sample.features.assign(feature_definitions().size(), 0.0);
        for (std::size_t f = 0; f < sample.features.size(); f += 3)
            sample.features[f] = std::exp(4 + 2 * normal(random));
        double& cost = sample.features[total_cost_feature()];
        cost = std::exp(6 + 2 * normal(random));
        sample.runtime_ms =
            std::exp(0.9 * std::log(cost) - 3 + 0.3 * std::log(sample.features[0]) + 0.3 * normal(random));
        data.push_back(std::move(sample));
    }
    return data;
}

struct Rows {
    Matrix rows{feature_definitions().size()};
    std::vector<double> target, weight;
};
Rows rows_of(const Dataset& data) {
    Rows all;
    for (const auto& sample : data) {
        all.rows.add_row(sample.features);
        all.target.push_back(std::log(sample.runtime_ms));
        all.weight.push_back(1);
    }
    return all;
}

void walk_300_trees(benchmark::State& state) {
    const auto all = rows_of(made_up(1000));
    TreeParameters parameters;
    parameters.rounds = 300;
    parameters.depth = static_cast<int>(state.range(0));
    const auto trees = learn_trees(all.rows, all.target, all.weight, parameters).value();
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(trees.predict(all.rows.row(i++ % all.rows.rows())));
    state.counters["nodes"] = static_cast<double>(trees.node_count());
}
BENCHMARK(walk_300_trees)->Arg(4)->Arg(6)->Unit(benchmark::kMicrosecond);

const Training& trained() {
    static const Training training = train_model(made_up(1000), {}).value();
    return training;
}

void predict_from_features(benchmark::State& state) {
    const auto data = made_up(1000);
    const auto& model = trained().model;
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(model.predict(data[i++ % data.size()].features));
}
BENCHMARK(predict_from_features)->Unit(benchmark::kMicrosecond);

void explain(benchmark::State& state) {
    const auto data = made_up(1000);
    const auto& model = trained().model;
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(model.explain(data[i++ % data.size()].features));
}
BENCHMARK(explain)->Unit(benchmark::kMicrosecond);

void answer_from_history(benchmark::State& state) {
    const auto data = made_up(1000);
    std::vector<PastRun> past;
    for (std::size_t i = 0; i < data.size(); ++i) {
        past.push_back({data[i].id,
                        data[i].group,
                        std::log(data[i].runtime_ms),
                        trained().model.predict(data[i].features).center,
                        trained().unseen[i],
                        {},
                        false});
    }
    const auto history = History::learn(past);
    const auto said = trained().model.predict(data[5].features);
    for (auto _ : state) benchmark::DoNotOptimize(history.answer(data[5].id, data[5].group, said, {}));
}
BENCHMARK(answer_from_history)->Unit(benchmark::kMicrosecond);

void cache_hit(benchmark::State& state) {
    static const pganalytics::base::SystemClock clock;
    static LruCache cache({}, clock);
    for (std::uint64_t i = 0; i < 1000; ++i) cache.put({i * 0x9E3779B97F4A7C15U, i}, std::make_shared<Prediction>());
    std::uint64_t i = 0;
    for (auto _ : state) {
        const std::uint64_t number = i++ % 1000;
        benchmark::DoNotOptimize(cache.find({number * 0x9E3779B97F4A7C15U, number}));
    }
}
BENCHMARK(cache_hit)->Threads(1)->Threads(2)->Unit(benchmark::kNanosecond);

void load_model(benchmark::State& state) {
    const std::string bytes = trained().model.to_bytes();
    for (auto _ : state) benchmark::DoNotOptimize(Model::from_bytes(bytes));
    state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(load_model)->Unit(benchmark::kMillisecond);

void train_whole(benchmark::State& state) {
    const auto data = made_up(static_cast<std::size_t>(state.range(1)));
    TrainOptions options;
    options.type = static_cast<ModelType>(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(Model::train(data, options));
    state.SetLabel(std::string(to_string(options.type)));
}
BENCHMARK(train_whole)->ArgsProduct({{0, 1, 2, 3}, {1000}})->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(train_whole)->ArgsProduct({{2, 3}, {20'000}})->Iterations(1)->Unit(benchmark::kSecond);

/// What training does once where tuning does it for each fold and once more for all: both bases, and every correction
/// that the type is made of.
void fit_once(benchmark::State& state) {
    const auto all = rows_of(made_up(static_cast<std::size_t>(state.range(1))));
    const auto type = static_cast<ModelType>(state.range(0));
    const auto recipe = recipe_for(type, all.rows.rows(), 1, 1);
    std::vector<double> cost;
    for (std::size_t i = 0; i < all.rows.rows(); ++i) cost.push_back(all.rows.row(i)[total_cost_feature()]);
    for (auto _ : state) {
        const auto cost_fit = fit_cost(cost, all.target, all.weight);
        const auto work = WorkFit::fit(all.rows, all.target, all.weight, static_cast<double>(all.rows.rows()));
        for (const auto& candidate : recipe.candidates) {
            std::vector<double> left;
            for (std::size_t i = 0; i < all.rows.rows(); ++i) {
                left.push_back(all.target[i] -
                               (candidate.work ? work.log_ms(all.rows.row(i)) : cost_fit.log_ms(cost[i])));
            }
            benchmark::DoNotOptimize(learn_correction(candidate, all.rows, left, all.weight));
        }
    }
    state.SetLabel(std::string(to_string(type)));
}
BENCHMARK(fit_once)->ArgsProduct({{0, 1, 2, 3}, {1000}})->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(fit_once)->Args({3, 100'000})->Iterations(1)->Unit(benchmark::kSecond);

void fit_boosted_trees(benchmark::State& state) {
    const auto all = rows_of(made_up(static_cast<std::size_t>(state.range(0))));
    TreeParameters parameters;
    parameters.rounds = 100;
    for (auto _ : state) benchmark::DoNotOptimize(learn_trees(all.rows, all.target, all.weight, parameters));
}
BENCHMARK(fit_boosted_trees)->Arg(1000)->Arg(100'000)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace

BENCHMARK_MAIN();
