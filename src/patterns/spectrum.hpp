#pragma once
// Spectra and autocorrelations through FFTW. Inputs are free of NaN. Thread-safe (FFTW's planner is locked).

#include <cstddef>
#include <span>
#include <vector>

namespace pganalytics::patterns {

/// The smallest length of at least `minimum` whose only prime factors are 2, 3 and 5.
[[nodiscard]] std::size_t fast_length(std::size_t minimum);

/// |Σ x_t e^{-2πi k t / padded}|² for k = 0 … padded / 2. `padded` is at least the size of `values`.
[[nodiscard]] std::vector<double> power_spectrum(std::span<const double> values, std::size_t padded);

/// r_0 … r_max_lag of the values minus their mean, each sum divided by n (biased, so positive definite); zeros for a
/// constant.
[[nodiscard]] std::vector<double> autocorrelations(std::span<const double> values, std::size_t max_lag);

}  // namespace pganalytics::patterns
