#include "patterns/noise_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "patterns/spectrum.hpp"

namespace pganalytics::patterns {
namespace {

/// Mean of the periodogram over neighbours among which no ARMA(1,1) differs: single frequencies at the low end, wider
/// bands above, so that a likelihood takes a hundred terms whatever the length of the series.
struct Band {
    double cosine = 0;  ///< cos 2πf at its middle
    double power = 0;   ///< mean |X|²/n
    double weight = 0;  ///< share of all frequencies
};

// The spectrum is taken of r_t − 0.9 r_{t−1} and divided by that filter's response: the jump between the two ends of a
// random walk would else leak over all frequencies and make its noise look larger than it is.
std::vector<Band> bands_of(std::span<const double> residual) {
    constexpr double filter = 0.9;
    std::vector<double> filtered(residual.size() - 1);
    for (std::size_t t = 0; t < filtered.size(); ++t) filtered[t] = residual[t + 1] - filter * residual[t];
    const std::size_t padded = fast_length(filtered.size());
    const std::vector<double> power = power_spectrum(filtered, padded);
    const auto count = static_cast<double>(power.size() - 1);
    std::vector<Band> bands;
    for (std::size_t k = 1; k < power.size();) {
        const std::size_t width = std::max<std::size_t>(1, k / 16);
        const std::size_t end = std::min(power.size(), k + width);
        Band band;
        for (std::size_t i = k; i < end; ++i) band.power += power[i];
        const auto inside = static_cast<double>(end - k);
        band.weight = inside / count;
        band.cosine =
            std::cos(2 * std::numbers::pi * (static_cast<double>(k + end - 1) / 2) / static_cast<double>(padded));
        const double response = 1 + filter * filter - 2 * filter * band.cosine;
        band.power /= inside * static_cast<double>(filtered.size()) * response;
        bands.push_back(band);
        k = end;
    }
    return bands;
}

double shape(double phi, double theta, double cosine) {
    return (1 + theta * theta + 2 * theta * cosine) / std::max(1e-12, 1 + phi * phi - 2 * phi * cosine);
}

// Whittle: for a minimum-phase model the mean of log g is 0, so the innovation variance alone is to be minimised. It is
// asked for at a hundred places of each search; four sums side by side let the vector unit divide.
double innovation_variance(const std::vector<Band>& bands, double phi, double theta) {
    constexpr std::size_t lanes = 4;
    const double of_poles = 1 + phi * phi;
    const double of_zeros = 1 + theta * theta;
    std::array<double, lanes> sums{};
    std::size_t i = 0;
    for (; i + lanes <= bands.size(); i += lanes) {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const Band& band = bands[i + lane];
            sums[lane] += band.weight * band.power * std::max(1e-12, of_poles - 2 * phi * band.cosine) /
                          (of_zeros + 2 * theta * band.cosine);
        }
    }
    double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (; i < bands.size(); ++i) sum += bands[i].weight * bands[i].power / shape(phi, theta, bands[i].cosine);
    return sum;
}

}  // namespace

double RedNoise::density(double frequency) const {
    return innovation * shape(phi, theta, std::cos(2 * std::numbers::pi * frequency));
}

RedNoise fit_red_noise(std::span<const double> residual) {
    RedNoise best;
    if (residual.size() < 8) return best;
    const std::vector<Band> bands = bands_of(residual);
    best.innovation = innovation_variance(bands, 0, 0);
    if (best.innovation <= 0) return best;
    const auto attempt = [&](double phi, double theta) {
        const double variance = innovation_variance(bands, phi, theta);
        if (variance >= best.innovation) return false;
        best = {phi, theta, variance};
        return true;
    };
    for (const double phi : {-0.5, 0.3, 0.6, 0.8, 0.9, 0.96, 0.985, 0.995, 0.999}) {
        for (const double theta : {0.0, -0.3, -0.6, -0.8, -0.92, 0.4}) attempt(phi, theta);
    }
    // Pattern search; φ and θ by the logarithm of their distance to the unit circle, where small steps matter.
    double stride = 0.5;
    while (stride > 0.03) {
        const double to_one = 1 - best.phi;
        const double from_minus_one = 1 + best.theta;
        const bool moved = attempt(std::clamp(1 - to_one * (1 + stride), -0.9, 0.9995), best.theta) ||
                           attempt(std::clamp(1 - to_one / (1 + stride), -0.9, 0.9995), best.theta) ||
                           attempt(best.phi, std::clamp(from_minus_one * (1 + stride) - 1, -0.98, 0.9)) ||
                           attempt(best.phi, std::clamp(from_minus_one / (1 + stride) - 1, -0.98, 0.9)) ||
                           attempt(std::clamp(1 - to_one * (1 + stride), -0.9, 0.9995),
                                   std::clamp(from_minus_one * (1 + stride) - 1, -0.98, 0.9)) ||
                           attempt(std::clamp(1 - to_one / (1 + stride), -0.9, 0.9995),
                                   std::clamp(from_minus_one / (1 + stride) - 1, -0.98, 0.9));
        if (!moved) stride /= 2;
    }
    return best;
}

double log_chi_square_tail(double x, std::size_t pairs) {
    if (x <= 0 || pairs == 0) return 0;
    const double half = x / 2;
    // Σ_{k<pairs} half^k / k!, in logs: x may be thousands.
    double log_term = 0;
    double log_sum = 0;
    for (std::size_t k = 1; k < pairs; ++k) {
        log_term += std::log(half) - std::log(static_cast<double>(k));
        const double high = std::max(log_sum, log_term);
        log_sum = high + std::log(std::exp(log_sum - high) + std::exp(log_term - high));
    }
    return std::min(0.0, log_sum - half);
}

}  // namespace pganalytics::patterns
