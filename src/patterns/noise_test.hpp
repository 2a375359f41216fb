#pragma once
// The noise that a period has to rise above: ARMA(1,1), which holds white noise, AR(1), the random walk, and a random
// walk seen through white noise, fitted to the residual at hand by Whittle's likelihood, so that none of them looks
// periodic. Pure functions, thread-safe.
// Sources: Whittle 1953 (likelihood from the periodogram); Allen and Robertson 1996 (red noise as null); Fisher 1929
// (search over frequencies); χ² tail: exact for even degrees of freedom.

#include <cstddef>
#include <span>
#include <vector>

namespace pganalytics::patterns {

struct RedNoise {
    double phi = 0;         ///< autoregressive coefficient, below 1
    double theta = 0;       ///< moving-average coefficient, −1 … 1
    double innovation = 0;  ///< variance of the innovations; 0 for all-zero residuals

    /// Expected periodogram |X|²/n at a frequency.
    [[nodiscard]] double density(double frequency) const;
};

/// `residual` free of NaN, 0 where nothing is known (those samples dilute, they do not bias the shape).
[[nodiscard]] RedNoise fit_red_noise(std::span<const double> residual);

/// log P(χ² with 2·pairs degrees of freedom > x).
[[nodiscard]] double log_chi_square_tail(double x, std::size_t pairs);

}  // namespace pganalytics::patterns
