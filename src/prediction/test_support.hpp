#pragma once
// Made-up plans and times for the tests of this module: the time follows cost with a factor for each group, a nested
// loop costs more than it says, and noise.

#include <fmt/format.h>

#include <cmath>
#include <random>
#include <string>

#include "prediction/dataset.hpp"

namespace pganalytics::prediction::test {

struct World {
    int groups = 30;
    int a_group = 8;
    double group_spread = 0.5;
    double noise = 0.2;
    std::uint32_t seed = 1;
};

inline Dataset made_up(const World& world) {
    std::mt19937 random(world.seed);
    std::normal_distribution<double> normal;
    Dataset data;
    const auto at = [](std::string_view name) { return find_feature(name).value(); };
    for (int group = 0; group < world.groups; ++group) {
        const double factor = world.group_spread * normal(random);
        const bool loop = group % 2 == 0;
        for (int i = 0; i < world.a_group; ++i) {
            Sample sample;
            sample.group = fmt::format("g{}", group);
            sample.id = fmt::format("g{}-{}", group, i);
            sample.features.assign(feature_definitions().size(), 0.0);
            const double log_cost = 6 + 1.5 * normal(random);
            sample.features[at("index_count")] = std::nan("");
            sample.features[at("root_total_cost")] = std::exp(log_cost);
            sample.features[at("has_nested_loop")] = loop ? 1 : 0;
            sample.features[at("root_rows")] = std::exp(4 + normal(random));
            sample.runtime_ms =
                std::exp(0.9 * log_cost - 3 + (loop ? 1.0 : 0.0) + factor + world.noise * normal(random));
            data.push_back(std::move(sample));
        }
    }
    return data;
}

}  // namespace pganalytics::prediction::test
