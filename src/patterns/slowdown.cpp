#include "patterns/slowdown.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "advice/confidence.hpp"
#include "patterns/binomial.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t least_in_a_group = 4;
constexpr std::size_t least_pairs = 5;
constexpr double tail_of_interval = 0.05;

/// t with P(T > t) = tail, for tail below a half.
double student_quantile(double tail, double degrees) {
    double low = 0;
    double high = 1000;
    for (int step = 0; step < 80; ++step) {
        const double middle = (low + high) / 2;
        (student_tail(middle, degrees) > tail ? low : high) = middle;
    }
    return high;
}

/// One-sided p of the rank sum, by the normal approximation with ties and continuity counted.
double rank_test(std::span<const PaceReading> readings) {
    std::vector<std::pair<double, bool>> sorted;
    for (const auto& each : readings) sorted.emplace_back(each.value, each.together);
    std::sort(sorted.begin(), sorted.end());
    const auto n = static_cast<double>(sorted.size());
    double rank_sum = 0;
    double members = 0;
    double ties = 0;
    for (std::size_t first = 0; first < sorted.size();) {
        std::size_t last = first;
        while (last < sorted.size() && sorted[last].first == sorted[first].first) ++last;
        const double rank = (static_cast<double>(first + last) + 1) / 2;
        const auto alike = static_cast<double>(last - first);
        ties += alike * alike * alike - alike;
        for (std::size_t i = first; i < last; ++i) {
            if (!sorted[i].second) continue;
            rank_sum += rank;
            ++members;
        }
        first = last;
    }
    const double others = n - members;
    const double variance = members * others / 12 * (n + 1 - ties / (n * (n - 1)));
    if (variance <= 0) return 1;
    const double z = (rank_sum - members * (n + 1) / 2 - 0.5) / std::sqrt(variance);
    return std::erfc(z / std::sqrt(2.0)) / 2;
}

Slowdown slowdown_of(double effect, double error, double degrees) {
    Slowdown result;
    const double reach = student_quantile(tail_of_interval, degrees) * error;
    result.ratio = std::exp(effect);
    result.lower = std::exp(effect - reach);
    result.upper = std::exp(effect + reach);
    result.p_value = error > 0 ? student_tail(effect / error, degrees) : (effect > 0 ? 0.0 : 1.0);
    return result;
}

}  // namespace

double student_tail(double t, double degrees) {
    const double tail = advice::regularised_incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
    return t >= 0 ? tail : 1 - tail;
}

std::optional<Slowdown> compare_groups(std::span<const PaceReading> readings) {
    const auto together = static_cast<std::size_t>(
        std::count_if(readings.begin(), readings.end(), [](const auto& each) { return each.together; }));
    const std::size_t apart = readings.size() - together;
    if (together < least_in_a_group || apart < least_in_a_group) return std::nullopt;
    const auto n = static_cast<Eigen::Index>(readings.size());
    const auto columns = static_cast<Eigen::Index>(2 + readings.front().covariates.size());
    const double degrees = static_cast<double>(n - columns);
    if (degrees < 3) return std::nullopt;
    Eigen::MatrixXd x(n, columns);
    Eigen::VectorXd y(n);
    for (Eigen::Index row = 0; row < n; ++row) {
        const PaceReading& reading = readings[static_cast<std::size_t>(row)];
        y(row) = reading.value;
        x(row, 0) = 1;
        x(row, 1) = reading.together ? 1 : 0;
        for (Eigen::Index column = 2; column < columns; ++column) {
            x(row, column) = reading.covariates[static_cast<std::size_t>(column - 2)];
        }
    }
    // A covariate that never moves explains nothing; centred and scaled the others cannot swamp the solution.
    Eigen::Index moving = 2;
    for (Eigen::Index column = 2; column < columns; ++column) {
        x.col(column).array() -= x.col(column).mean();
        const double scale = x.col(column).norm();
        if (scale > 1e-9) {
            x.col(column) /= scale;
            ++moving;
        } else {
            x.col(column).setZero();
        }
    }
    Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver;
    solver.setThreshold(1e-6);
    solver.compute(x);
    // Where the covariates tell the groups apart by themselves, nothing is left to compare.
    if (solver.rank() < moving) return std::nullopt;
    const Eigen::VectorXd solution = solver.solve(y);
    const double leverage = solver.pseudoInverse().row(1).squaredNorm();
    const double variance = (y - x * solution).squaredNorm() / degrees;
    Slowdown result = slowdown_of(solution(1), std::sqrt(variance * leverage), degrees);
    result.p_value = std::max(result.p_value, rank_test(readings));
    result.together = together;
    result.apart = apart;
    return result;
}

std::optional<Slowdown> compare_pairs(std::span<const double> differences) {
    if (differences.size() < least_pairs) return std::nullopt;
    const auto n = static_cast<double>(differences.size());
    double mean = 0;
    for (const double each : differences) mean += each / n;
    double squares = 0;
    for (const double each : differences) squares += (each - mean) * (each - mean);
    Slowdown result = slowdown_of(mean, std::sqrt(squares / (n - 1) / n), n - 1);
    const auto slower = static_cast<std::size_t>(
        std::count_if(differences.begin(), differences.end(), [](double each) { return each > 0; }));
    result.p_value = std::max(result.p_value, std::exp(log_binomial_tail(slower, differences.size(), 0.5)));
    result.together = result.apart = differences.size();
    return result;
}

}  // namespace pganalytics::patterns
