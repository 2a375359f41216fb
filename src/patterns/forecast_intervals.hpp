#pragma once
// How far a forecast may be off, from the errors that the same combination made on the series' own newest windows.
//
// Split conformal prediction over windows (Stankevičiūtė, Alaa and van der Schaar 2021) with scores divided by what is
// known beforehand: the usual error so many steps ahead, and how lively the series was just before (locally weighted
// conformal prediction, Lei et al. 2018). Newer windows count for more (Barber, Candès, Ramdas and Tibshirani 2023).
// The rank is that of one more error among as many as stand for themselves: the errors of one window go together, by
// their intraclass correlation. Where so few do that the rank lies beyond them, Student's quantile tells how much more.
//
// Same unit as the series. Pure functions, thread-safe.

#include <cstddef>
#include <vector>

namespace pganalytics::patterns {

struct WindowErrors {
    /// Newest window first, then by step ahead; NaN where the future of that window is not known.
    std::vector<std::vector<double>> errors;
    /// How lively the series was before each window and now, above 0; of any unit.
    std::vector<double> liveliness;
    double liveliness_now = 1;
    /// Samples from one window to the next.
    std::size_t stride = 1;
};

struct HalfWidths {
    std::vector<double> of_80;  ///< one a step ahead
    std::vector<double> of_95;
};

/// `horizon` half-widths; nothing where no error is known at all.
[[nodiscard]] HalfWidths half_widths(const WindowErrors& windows, std::size_t horizon);

/// Where nothing could be tried: a random walk of this step, known from so many of them.
[[nodiscard]] HalfWidths half_widths_of_walk(double step, std::size_t steps_known, std::size_t horizon);

}  // namespace pganalytics::patterns
