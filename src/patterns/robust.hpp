#pragma once
// Robust location and scale, and the winsorising that the period search rests on. Medians of even counts are the upper
// one where speed matters more than half a rank. NaN must be left out by the caller. Pure functions, thread-safe.
// Source: Hampel, Ronchetti, Rousseeuw and Stahel 1986, Robust Statistics; Huber 1981.

#include <span>
#include <vector>

namespace pganalytics::patterns {

/// 0 for an empty span.
[[nodiscard]] double median(std::vector<double> values);
/// Linear interpolation between order statistics, `share` in 0..1; 0 for an empty span.
[[nodiscard]] double quantile(std::vector<double> values, double share);
/// The known values of a series with gaps.
[[nodiscard]] std::vector<double> known_values(std::span<const double> values);
/// 1.4826 × median |residual|; where that is 0 (more than half are alike), 1.2533 × mean |residual|; at least a quarter
/// of what 12 % exceed. NaN is left out.
[[nodiscard]] double scale_of_residuals(std::span<const double> residuals);

/// Hampel's three-part ψ (2.5, 5, 7.5): the residual itself while it is plain, bounded while it is suspect, 0 where it
/// is gross. In units of `scale`.
[[nodiscard]] double hampel_psi(double residual, double scale);

/// Gaps filled by straight lines; at the ends by the nearest value. All zeros if nothing is known.
[[nodiscard]] std::vector<double> interpolated(std::span<const double> values);

}  // namespace pganalytics::patterns
