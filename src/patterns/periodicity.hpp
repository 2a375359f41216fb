#pragma once
// Which periods a series has, in spite of trend, level shifts, outliers, gaps and noise; and none where there are none.
//
// The series is modelled as trend (lines, bends, steps) + harmonic groups + AR(1) noise. Groups enter by matching
// pursuit and all frequencies are refined together (Li and Stoica 1996, RELAX), on data whose outliers are winsorised
// against the current model (Huber 1981), so that neither a trend's leakage nor an outlier sets a period. A group
// stays only if
//   - it lowers the variance of the AR(1) innovations by more than the greatest of all searched frequencies would in
//     noise (a likelihood ratio with the search counted: Fisher 1929; the noise red: Allen and Robertson 1996),
//   - the autocorrelation of what is left for it has its hill at the period (Vlachos, Yu and Castelli 2005),
//   - the same wave is there in separate parts of the series, in phase.
// Multiples are one period, unless the finer one carries most of the coarser one's energy (a day in a week).
// A second pass finds periods of rare spikes, which robust fitting would call outliers.
// Benchmark and measured figures: docs/patterns.md. Related: Wen et al. 2021, RobustPeriod.
//
// Units: samples. Never fails: too short, empty or constant series have no period. Thread-safe.

#include <cstddef>
#include <span>
#include <vector>

namespace pganalytics::patterns {

struct Period {
    double samples = 0;          ///< length of the period
    double strength = 0;         ///< share of the detrended variance that it explains, 0..1
    double amplitude = 0;        ///< half of peak to trough of its mean wave, in the unit of the series
    double autocorrelation = 0;  ///< at the period, of the series without trend and other periods
    double p_value = 1;          ///< with the search over all frequencies counted
    double recurrence = 0;       ///< share of cycles that follow the mean wave
    bool is_spikes = false;      ///< found as rare spikes, not as a wave
    std::vector<double> wave;    ///< the mean wave over one period, mean 0, at whole samples from the series' start
};

struct PeriodOptions {
    double significance = 0.01;  ///< of the whole series: chance that noise yields any period
    double minimum_cycles = 3;   ///< a period must fit this often
    double minimum_samples = 2;
    std::size_t maximum_periods = 8;
};

struct Decomposition {
    std::vector<Period> periods;     ///< strongest first
    std::vector<double> trend;       ///< of the size of the series
    std::vector<double> seasonal;    ///< sum of all periods' waves
    std::vector<double> remainder;   ///< series − trend − seasonal; NaN where the series has a gap
    double noise_scale = 0;          ///< robust standard deviation of the remainder
    std::vector<std::size_t> steps;  ///< first sample after each step of the trend
};

/// `values` may hold NaN for gaps.
[[nodiscard]] Decomposition decompose(std::span<const double> values, const PeriodOptions& options = {});

}  // namespace pganalytics::patterns
