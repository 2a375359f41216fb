#pragma once
// Periods of rare spikes: a nightly job is two hours in a hundred, which a robust fit takes for outliers and a
// spectrum spreads over all harmonics. Spikes of the remainder are folded at every whole period; a period holds if they
// hit one place of its cycle far more often than as many spikes strewn at random (binomial tail, all periods and places
// counted), on most cycles, and if that explains most spikes. A single incident of many samples fails the second.
//
// Adds to `result.periods`, moves the spikes from remainder to seasonal. Never fails. Thread-safe.

#include <span>

#include "patterns/periodicity.hpp"

namespace pganalytics::patterns {

void add_spike_periods(std::span<const double> values, const PeriodOptions& options, Decomposition& result);

}  // namespace pganalytics::patterns
