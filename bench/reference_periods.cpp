#include "reference_periods.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <random>

#include "patterns/spectrum.hpp"

namespace pganalytics::bench {
namespace {

struct Candidate {
    double period = 0;
    double power = 0;
};

std::vector<double> centred(std::span<const double> values) {
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    std::vector<double> result(values.begin(), values.end());
    for (double& value : result) value -= mean;
    return result;
}

std::vector<double> detrended(std::span<const double> values) {
    std::vector<double> result = centred(values);
    const double half = static_cast<double>(values.size() - 1) / 2;
    double moments = 0;
    double squares = 0;
    for (std::size_t t = 0; t < result.size(); ++t) {
        moments += (static_cast<double>(t) - half) * result[t];
        squares += (static_cast<double>(t) - half) * (static_cast<double>(t) - half);
    }
    for (std::size_t t = 0; t < result.size(); ++t) result[t] -= moments / squares * (static_cast<double>(t) - half);
    return result;
}

std::vector<Candidate> candidates(const std::vector<double>& values) {
    constexpr int shuffles = 100;
    std::mt19937_64 random(1);
    std::vector<double> shuffled = values;
    std::vector<double> highest;
    for (int i = 0; i < shuffles; ++i) {
        std::shuffle(shuffled.begin(), shuffled.end(), random);
        const std::vector<double> power = patterns::power_spectrum(shuffled, shuffled.size());
        highest.push_back(*std::max_element(power.begin() + 1, power.end()));
    }
    std::sort(highest.begin(), highest.end());
    const double bar = highest[98];
    const std::vector<double> power = patterns::power_spectrum(values, values.size());
    std::vector<Candidate> result;
    for (std::size_t k = 2; k < power.size(); ++k) {
        const double period = static_cast<double>(values.size()) / static_cast<double>(k);
        if (power[k] > bar && period >= 2) result.push_back({period, power[k]});
    }
    std::sort(result.begin(), result.end(), [](const Candidate& a, const Candidate& b) { return a.power > b.power; });
    return result;
}

/// Two lines fitted to the autocorrelation on both sides of the best split: a hill rises, then falls. The top, if so.
std::optional<double> hill(const std::vector<double>& correlations, double from, double to, double around) {
    const auto first = static_cast<std::size_t>(std::max(1.0, std::floor(from)));
    const auto last = std::min(correlations.size() - 1, static_cast<std::size_t>(std::ceil(to)));
    if (last < first + 4) {
        const auto lag = static_cast<std::size_t>(std::lround(around));
        if (lag < 1 || lag + 1 >= correlations.size()) return std::nullopt;
        const bool is_top = correlations[lag] >= correlations[lag - 1] && correlations[lag] >= correlations[lag + 1];
        return is_top ? std::optional(static_cast<double>(lag)) : std::nullopt;
    }
    const auto line = [&](std::size_t a, std::size_t b) {
        const auto n = static_cast<double>(b - a + 1);
        double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
        for (std::size_t i = a; i <= b; ++i) {
            const auto at = static_cast<double>(i);
            x += at, y += correlations[i], xx += at * at, xy += at * correlations[i],
                yy += correlations[i] * correlations[i];
        }
        const double slope = (n * xy - x * y) / std::max(1e-12, n * xx - x * x);
        const double level = (y - slope * x) / n;
        return std::pair{slope, yy - level * y - slope * xy};
    };
    double best = INFINITY;
    std::pair<double, double> slopes;
    for (std::size_t split = first + 1; split + 1 < last; ++split) {
        const auto [left, left_error] = line(first, split);
        const auto [right, right_error] = line(split + 1, last);
        if (left_error + right_error < best) {
            best = left_error + right_error;
            slopes = {left, right};
        }
    }
    if (!(slopes.first > 0 && slopes.second < 0)) return std::nullopt;
    const auto begin = correlations.begin();
    return static_cast<double>(
        std::max_element(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(last) + 1) -
        begin);
}

void keep(std::vector<double>& periods, double period) {
    const bool is_there =
        std::any_of(periods.begin(), periods.end(), [&](double p) { return std::abs(p / period - 1) < 0.05; });
    if (!is_there) periods.push_back(period);
}

std::vector<double> low_passed(std::vector<double> values, double longest) {
    const auto width = static_cast<std::size_t>(std::max(1.0, longest));
    std::vector<double> result(values.size());
    for (std::size_t t = 0; t < values.size(); ++t) {
        const std::size_t first = t >= width / 2 ? t - width / 2 : 0;
        const std::size_t last = std::min(values.size() - 1, t + width / 2);
        result[t] = std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(first),
                                    values.begin() + static_cast<std::ptrdiff_t>(last) + 1, 0.0) /
                    static_cast<double>(last - first + 1);
    }
    return result;
}

}  // namespace

std::vector<double> autoperiod(std::span<const double> values) {
    const std::vector<double> series = centred(values);
    const std::vector<double> correlations = patterns::autocorrelations(series, series.size() / 2);
    const auto n = static_cast<double>(series.size());
    std::vector<double> periods;
    for (const Candidate& candidate : candidates(series)) {
        const double k = n / candidate.period;
        const double from = (n / (k + 1) + candidate.period) / 2 - 1;
        const double to = (candidate.period + n / (k - 1)) / 2 + 1;
        if (const std::optional<double> top = hill(correlations, from, to, candidate.period)) keep(periods, *top);
    }
    return periods;
}

std::vector<double> cfd_autoperiod(std::span<const double> values) {
    const std::vector<double> series = detrended(values);
    const auto n = static_cast<double>(series.size());
    std::vector<Candidate> found = candidates(series);
    std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.period < b.period; });
    // Density clusters: a candidate within the spectrum's resolution of the one before is of its cluster.
    std::vector<Candidate> centres;
    for (std::size_t i = 0; i < found.size();) {
        double sum = 0;
        double count = 0;
        double power = 0;
        std::size_t j = i;
        for (; j < found.size(); ++j) {
            const double k = j > i ? n / found[j - 1].period : 0;
            if (j > i && found[j].period > n / std::max(1.0, k - 1) + 1) break;
            sum += found[j].period;
            power += found[j].power;
            ++count;
        }
        centres.push_back({sum / count, power});
        i = j;
    }
    std::vector<double> periods;
    for (const Candidate& centre : centres) {
        const std::vector<double> smooth = low_passed(series, centre.period / 4);
        const std::vector<double> correlations = patterns::autocorrelations(smooth, series.size() / 2);
        const double reach = centre.period / 3;
        const std::optional<double> top =
            hill(correlations, centre.period - reach, centre.period + reach, centre.period);
        if (top) keep(periods, *top);
    }
    return periods;
}

}  // namespace pganalytics::bench
