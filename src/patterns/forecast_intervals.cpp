#include "patterns/forecast_intervals.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace pganalytics::patterns {
namespace {

constexpr double forgetting = 0.97;          // of a window's say per window back
constexpr double windows_in_prior = 4;       // that the smooth growth of the error counts for beside one step's own
constexpr double doubt_in_liveliness = 0.3;  // ridge of its exponent, in squared logarithms
constexpr double furthest_liveliness = 3;    // from the usual, up or down

struct Moments {
    double weight = 0;
    double square = 0;  // mean
};

std::vector<double> window_weights(std::size_t count) {
    std::vector<double> weights(count, 1.0);
    for (std::size_t w = 1; w < count; ++w) weights[w] = forgetting * weights[w - 1];
    return weights;
}

std::vector<Moments> moments_by_step(const WindowErrors& windows, std::size_t horizon) {
    std::vector<Moments> moments(horizon);
    const std::vector<double> weights = window_weights(windows.errors.size());
    for (std::size_t w = 0; w < windows.errors.size(); ++w) {
        for (std::size_t h = 0; h < std::min(horizon, windows.errors[w].size()); ++h) {
            const double error = windows.errors[w][h];
            if (std::isnan(error)) continue;
            moments[h].weight += weights[w];
            moments[h].square += weights[w] * error * error;
        }
    }
    for (Moments& each : moments) {
        if (each.weight > 0) each.square /= each.weight;
    }
    return moments;
}

/// The error grows with a power of the steps ahead; a random walk's with a half.
double growth_exponent(const std::vector<Moments>& moments) {
    double weight = 0, mean_x = 0, mean_y = 0;
    std::size_t steps = 0;
    for (std::size_t h = 0; h < moments.size(); ++h) {
        if (moments[h].weight <= 0 || moments[h].square <= 0) continue;
        weight += moments[h].weight;
        mean_x += moments[h].weight * std::log(static_cast<double>(h + 1));
        mean_y += moments[h].weight * std::log(moments[h].square) / 2;
        ++steps;
    }
    if (steps < 3) return 0.5;
    mean_x /= weight;
    mean_y /= weight;
    double products = 0, squares = 0;
    for (std::size_t h = 0; h < moments.size(); ++h) {
        if (moments[h].weight <= 0 || moments[h].square <= 0) continue;
        const double x = std::log(static_cast<double>(h + 1)) - mean_x;
        products += moments[h].weight * x * (std::log(moments[h].square) / 2 - mean_y);
        squares += moments[h].weight * x * x;
    }
    return std::clamp(products / squares, 0.0, 1.0);
}

/// Root mean square error by step ahead: its own and its neighbours' drawn to the smooth growth, since a handful of
/// windows says little about one step.
std::vector<double> error_scale(const std::vector<Moments>& moments) {
    const std::size_t horizon = moments.size();
    const double exponent = growth_exponent(moments);
    const auto grown = [&](std::size_t h) { return std::pow(static_cast<double>(h + 1), 2 * exponent); };
    double squares = 0, sizes = 0;
    for (std::size_t h = 0; h < horizon; ++h) {
        squares += moments[h].weight * moments[h].square;
        sizes += moments[h].weight * grown(h);
    }
    std::vector<double> scale(horizon, 0.0);
    for (std::size_t h = 0; h < horizon; ++h) {
        double sum = windows_in_prior * squares / sizes * grown(h);
        double weight = windows_in_prior;
        for (std::size_t near = h < 2 ? 0 : h - 2; near < std::min(horizon, h + 3); ++near) {
            sum += moments[near].weight * moments[near].square;
            weight += moments[near].weight;
        }
        scale[h] = std::sqrt(sum / weight);
        // Steps that no window reached grow at least like a random walk from the last that one did.
        if (moments[h].weight <= 0 && h > 0) {
            const double step = static_cast<double>(h + 1) / static_cast<double>(h);
            scale[h] = std::max(scale[h], scale[h - 1] * std::pow(step, std::max(0.5, exponent)));
        }
    }
    return scale;
}

/// What each window's errors were multiplied by because the series was lively or calm, and what the next ones will be.
struct Liveliness {
    std::vector<double> of_window;
    double now = 1;
};

Liveliness liveliness_factors(const WindowErrors& windows, const std::vector<double>& scale) {
    const std::size_t count = windows.errors.size();
    Liveliness result{std::vector<double>(count, 1.0), 1};
    if (windows.liveliness.size() != count || count < 4) return result;
    const std::vector<double> weights = window_weights(count);
    std::vector<double> sizes(count, 0.0);
    double weight = 0, mean_x = 0, mean_y = 0;
    for (std::size_t w = 0; w < count; ++w) {
        double known = 0;
        for (std::size_t h = 0; h < std::min(scale.size(), windows.errors[w].size()); ++h) {
            if (std::isnan(windows.errors[w][h]) || scale[h] <= 0) continue;
            sizes[w] += std::abs(windows.errors[w][h]) / scale[h];
            ++known;
        }
        // A window without an error has no logarithm; a hundredth of the usual is as good as none.
        sizes[w] = std::log(std::max(0.01, known > 0 ? sizes[w] / known : 0.0));
        weight += weights[w];
        mean_x += weights[w] * std::log(windows.liveliness[w]);
        mean_y += weights[w] * sizes[w];
    }
    mean_x /= weight;
    mean_y /= weight;
    double products = 0, squares = doubt_in_liveliness;
    for (std::size_t w = 0; w < count; ++w) {
        const double x = std::log(windows.liveliness[w]) - mean_x;
        products += weights[w] * x * (sizes[w] - mean_y);
        squares += weights[w] * x * x;
    }
    const double exponent = std::clamp(products / squares, 0.0, 1.0);
    const auto factor = [&](double liveliness) {
        const double relative = std::exp(exponent * (std::log(liveliness) - mean_x));
        return std::clamp(relative, 1 / furthest_liveliness, furthest_liveliness);
    };
    for (std::size_t w = 0; w < count; ++w) result.of_window[w] = factor(windows.liveliness[w]);
    result.now = factor(windows.liveliness_now);
    return result;
}

struct Score {
    double value = 0;
    double weight = 0;
};

double weighted_quantile(std::vector<Score>& scores, double level) {
    std::sort(scores.begin(), scores.end(), [](const Score& a, const Score& b) { return a.value < b.value; });
    double all = 0;
    for (const Score& score : scores) all += score.weight;
    double below = 0;
    for (const Score& score : scores) {
        below += score.weight;
        if (below >= level * all) return score.value;
    }
    return scores.back().value;
}

/// Share of a window's errors that the steps ahead of one window have in common (intraclass correlation, Fisher 1925).
double shared_in_window(const std::vector<std::vector<double>>& scores) {
    double sum = 0, count = 0;
    for (const std::vector<double>& window : scores) {
        for (const double score : window) sum += score;
        count += static_cast<double>(window.size());
    }
    const double mean = sum / count;
    double between = 0, within = 0, windows = 0, squared_sizes = 0;
    for (const std::vector<double>& window : scores) {
        if (window.empty()) continue;
        const auto size = static_cast<double>(window.size());
        double own = 0;
        for (const double score : window) own += score / size;
        between += size * (own - mean) * (own - mean);
        for (const double score : window) within += (score - own) * (score - own);
        squared_sizes += size * size;
        ++windows;
    }
    const double usual_size = windows > 1 ? (count - squared_sizes / count) / (windows - 1) : 1;
    if (windows < 2 || count <= windows || usual_size <= 1) return 1;
    const double of_windows = between / (windows - 1);
    const double of_steps = within / (count - windows);
    const double both = of_windows + (usual_size - 1) * of_steps;
    return both > 0 ? std::clamp((of_windows - of_steps) / both, 0.0, 1.0) : 1;
}

/// How many errors stand for themselves: those of one window go together, and windows that overlap are not so many.
double independent_errors(const std::vector<std::vector<double>>& scores, const WindowErrors& windows,
                          const std::vector<Moments>& moments) {
    double sum = 0, ahead = 0, steps = 0;
    for (std::size_t h = 0; h < moments.size(); ++h) {
        if (moments[h].weight <= 0) continue;
        sum += moments[h].weight;
        ahead += moments[h].weight * static_cast<double>(h + 1);
        ++steps;
    }
    if (steps <= 0) return 0;
    const double apart = std::min(1.0, static_cast<double>(windows.stride) * sum / ahead);
    return sum * apart / (1 + (steps - 1) * shared_in_window(scores));
}

double student_quantile(double level, double degrees) {
    return boost::math::quantile(boost::math::students_t(std::max(1.5, degrees)), (1 + level) / 2);
}

/// The rank that covers `level` of one more error, kept inside what was seen; so few that it would lie outside, and the
/// interval is stretched as Student's grows from where it would not.
double conformal_factor(std::vector<Score>& scores, double level, double independent) {
    const double highest = level + 0.7 * (1 - level);
    const double wanted = level * (1 + 1 / independent);
    const double factor = weighted_quantile(scores, std::min(wanted, highest));
    if (wanted <= highest) return factor;
    const double enough = level / (highest - level);
    return factor * student_quantile(level, independent) / student_quantile(level, enough);
}

}  // namespace

HalfWidths half_widths(const WindowErrors& windows, std::size_t horizon) {
    const std::vector<Moments> moments = moments_by_step(windows, horizon);
    if (std::all_of(moments.begin(), moments.end(), [](const Moments& each) { return each.weight <= 0; })) return {};
    const std::vector<double> scale = error_scale(moments);
    const Liveliness liveliness = liveliness_factors(windows, scale);
    const std::vector<double> weights = window_weights(windows.errors.size());
    std::vector<Score> scores;
    std::vector<std::vector<double>> of_window(windows.errors.size());
    for (std::size_t w = 0; w < windows.errors.size(); ++w) {
        for (std::size_t h = 0; h < std::min(horizon, windows.errors[w].size()); ++h) {
            const double error = windows.errors[w][h];
            if (std::isnan(error) || scale[h] <= 0) continue;
            of_window[w].push_back(std::abs(error) / (scale[h] * liveliness.of_window[w]));
            scores.push_back({of_window[w].back(), weights[w]});
        }
    }
    HalfWidths result{std::vector<double>(horizon, 0.0), std::vector<double>(horizon, 0.0)};
    if (scores.empty()) return result;
    const double independent = independent_errors(of_window, windows, moments);
    const double wide = conformal_factor(scores, 0.95, independent);
    const double narrow = std::min(wide, conformal_factor(scores, 0.80, independent));
    for (std::size_t h = 0; h < horizon; ++h) {
        result.of_80[h] = narrow * scale[h] * liveliness.now;
        result.of_95[h] = wide * scale[h] * liveliness.now;
    }
    return result;
}

HalfWidths half_widths_of_walk(double step, std::size_t steps_known, std::size_t horizon) {
    HalfWidths result;
    const auto degrees = static_cast<double>(steps_known);
    for (std::size_t h = 0; h < horizon; ++h) {
        const double scale = step * std::sqrt(static_cast<double>(h + 1));
        result.of_80.push_back(student_quantile(0.80, degrees) * scale);
        result.of_95.push_back(student_quantile(0.95, degrees) * scale);
    }
    return result;
}

}  // namespace pganalytics::patterns
