// Reading EXPLAIN's JSON, hashing its shape, and turning it into features.

#include <benchmark/benchmark.h>

#include <string>

#include "plan/features.hpp"
#include "plan/plan.hpp"

namespace {

using namespace pganalytics::plan;

std::string node_text(const char* type, int depth) {
    std::string text =
        std::string("{\"Node Type\": \"") + type +
        "\", \"Parallel Aware\": false, \"Async Capable\": false, \"Startup Cost\": 0.42, \"Total Cost\": "
        "1234.56, \"Plan Rows\": 5000, \"Plan Width\": 32, \"Relation Name\": \"orders\", \"Alias\": \"o\", "
        "\"Filter\": \"((status = 'open'::text) AND (total > '10'::numeric))\"";
    if (depth > 0) {
        text += ", \"Plans\": [" + node_text("Hash Join", depth - 1) + ", " + node_text("Index Scan", depth - 1) + "]";
    }
    return text + "}";
}

/// A balanced tree of 2^(depth + 1) - 1 nodes.
std::string explain_text(int depth) {
    return "[{\"Plan\": " + node_text("Hash Join", depth) + "}]";
}

void parse(benchmark::State& state) {
    const std::string text = explain_text(static_cast<int>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(parse_explain_json(text));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(parse)->Arg(1)->Arg(3)->Arg(5);

void shape(benchmark::State& state) {
    const Plan plan = parse_explain_json(explain_text(static_cast<int>(state.range(0)))).value();
    for (auto _ : state) benchmark::DoNotOptimize(shape_hash(plan));
}
BENCHMARK(shape)->Arg(1)->Arg(3)->Arg(5);

void featurise(benchmark::State& state) {
    const Plan plan = parse_explain_json(explain_text(static_cast<int>(state.range(0)))).value();
    for (auto _ : state) benchmark::DoNotOptimize(features(plan));
}
BENCHMARK(featurise)->Arg(1)->Arg(3)->Arg(5);

}  // namespace

BENCHMARK_MAIN();
