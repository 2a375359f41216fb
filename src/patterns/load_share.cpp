#include "patterns/load_share.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "patterns/robust.hpp"
#include "patterns/spectrum.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_known = 48;
constexpr double chance = 0.01;          // that white noise is taken for something else
constexpr double outlier_bound = 4;      // robust standard deviations
constexpr double most_outliers = 0.005;  // of the places
constexpr double clear_correlation = 5;  // times its standard error

}  // namespace

LoadShare load_share(const Series& query, const Series& database) {
    if (query.size() != database.size()) return LoadShare::unlike;
    double of_query = 0;
    double of_database = 0;
    double known = 0;
    for (std::size_t t = 0; t < query.size(); ++t) {
        if (is_gap(query.values[t]) || is_gap(database.values[t])) continue;
        of_query += query.values[t];
        of_database += database.values[t];
        ++known;
    }
    if (known < minimum_known || of_database <= 0 || of_query <= 0) return LoadShare::unlike;

    const double share = of_query / of_database;
    const double mean = of_query / known;
    std::vector<double> rest(query.size(), 0.0);
    std::vector<double> sizes;
    double products = 0;
    double squares = 0;
    double moves = 0;
    for (std::size_t t = 0; t < query.size(); ++t) {
        if (is_gap(query.values[t]) || is_gap(database.values[t])) continue;
        const double expected = share * database.values[t];
        // Counts scatter by the root of their size.
        rest[t] = (query.values[t] - expected) / std::sqrt(std::max(expected, 0.05 * mean));
        sizes.push_back(std::abs(rest[t]));
        products += (query.values[t] - mean) * (expected - mean);
        squares += (query.values[t] - mean) * (query.values[t] - mean);
        moves += (expected - mean) * (expected - mean);
    }
    const double scale = median(std::move(sizes)) / 0.6745;
    if (scale <= 0) return LoadShare::unlike;
    double outliers = 0;
    for (double& each : rest) {
        if (std::abs(each) > outlier_bound * scale) ++outliers;
        each = std::clamp(each, -outlier_bound * scale, outlier_bound * scale);
    }
    if (outliers > most_outliers * known) return LoadShare::unlike;

    const std::vector<double> power = power_spectrum(rest, fast_length(rest.size()));
    double sum = 0;
    double strongest = 0;
    for (std::size_t k = 1; k < power.size(); ++k) {
        sum += power[k];
        strongest = std::max(strongest, power[k]);
    }
    const auto lines = static_cast<double>(power.size() - 1);
    if (strongest > sum / lines * std::log(lines / chance)) return LoadShare::unlike;
    const double correlation = squares > 0 && moves > 0 ? products / std::sqrt(squares * moves) : 0;
    return correlation * std::sqrt(known) > clear_correlation ? LoadShare::share : LoadShare::noise;
}

}  // namespace pganalytics::patterns
