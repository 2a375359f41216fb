#include "prediction/level_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>

#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

/// Statements that "no shift" counts for.
constexpr double prior_statements = 1;

struct Sums {
    double actual = 0, predicted = 0, runs = 0;
};

/// Half of each statement of one group, alternating over a drawn order.
std::map<std::string, std::size_t> halves_of(const std::map<std::string, Sums>& statements, std::mt19937& random) {
    std::vector<std::string> order;
    for (const auto& [name, sums] : statements) order.push_back(name);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    std::map<std::string, std::size_t> half;
    for (std::size_t i = 0; i < order.size(); ++i) half[order[i]] = i % 2;
    return half;
}

}  // namespace

double level_shift(std::span<const CountedStatement> statements) {
    if (statements.empty()) return 0;
    std::vector<double> shifts;
    for (const auto& statement : statements)
        shifts.push_back(std::log(statement.mean_ms / statement.predicted_mean_ms));
    const double count = static_cast<double>(shifts.size());
    return median(std::move(shifts)) * count / (count + prior_statements);
}

std::vector<double> shifts_of_other_half(std::span<const LevelledRun> runs, std::uint32_t seed) {
    std::map<std::string, std::map<std::string, Sums>> groups;
    for (const auto& run : runs) {
        Sums& sums = groups[run.group][run.statement];
        sums.actual += std::exp(run.log_ms);
        sums.predicted += std::exp(run.predicted_log_ms);
        sums.runs += 1;
    }
    std::mt19937 random(seed);
    std::map<std::string, std::map<std::string, std::size_t>> halves;
    std::map<std::string, std::array<double, 2>> shift;
    for (const auto& [group, statements] : groups) {
        if (statements.size() < fewest_statements_for_level) continue;
        halves[group] = halves_of(statements, random);
        std::array<std::vector<CountedStatement>, 2> counted;
        for (const auto& [name, sums] : statements)
            counted[halves[group].at(name)].push_back({sums.actual / sums.runs, sums.predicted / sums.runs});
        shift[group] = {level_shift(counted[1]), level_shift(counted[0])};
    }
    std::vector<double> shifts;
    for (const auto& run : runs) {
        const auto known = halves.find(run.group);
        shifts.push_back(known == halves.end() ? 0.0 : shift.at(run.group)[known->second.at(run.statement)]);
    }
    return shifts;
}

}  // namespace pganalytics::prediction
