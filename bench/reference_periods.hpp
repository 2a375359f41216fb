#pragma once
// Two published period detectors, to set ours against. Written from the papers:
//   Autoperiod: Vlachos, Yu and Castelli 2005, On Periodicity Detection and Structural Periodic Similarity. Candidates
//   are
//     periodogram bins above the 99 % quantile of the greatest power of shuffled series; each is kept if the
//     autocorrelation has a hill at its lag, and moved to the top of it.
//   CFD-Autoperiod: Puech, Boussard, D'Amato and Millerand 2020, A fully automated periodicity detection in time
//   series.
//     The series is detrended, candidates are clustered by density, each cluster is validated on the autocorrelation,
//     after a low-pass filter for the longer ones.

#include <span>
#include <vector>

namespace pganalytics::bench {

[[nodiscard]] std::vector<double> autoperiod(std::span<const double> values);
[[nodiscard]] std::vector<double> cfd_autoperiod(std::span<const double> values);

}  // namespace pganalytics::bench
