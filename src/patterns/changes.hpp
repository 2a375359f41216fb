#pragma once
// What happened once: outliers and level shifts, so that an incident is not taken for a pattern.
//
// Level shifts are the steps of the decomposition's trend, which had to beat red noise to stay there, and stretches of
// gross residuals too long to be an incident. Two opposite steps close together are an incident.
// Outliers: residuals beyond a bound that a clean series of this length exceeds once in a hundred, on a robust scale;
// neighbours are one event.
//
// Times as sample indices. Never fails. Thread-safe.

#include <cstddef>
#include <span>
#include <vector>

#include "patterns/periodicity.hpp"

namespace pganalytics::patterns {

struct Outlier {
    std::size_t first = 0;  ///< first sample of the event
    std::size_t last = 0;   ///< last sample, inclusive
    std::size_t at = 0;     ///< the most extreme sample
    double value = 0;       ///< of the most extreme sample
    double expected = 0;    ///< what trend, level and periods say for it
    double score = 0;       ///< (value − expected) / robust scale
};

struct LevelShift {
    std::size_t at = 0;  ///< first sample of the new level
    double before = 0;
    double after = 0;
    double score = 0;  ///< |after − before| / robust scale of the remainder
};

struct Changes {
    std::vector<Outlier> outliers;         ///< in time
    std::vector<LevelShift> level_shifts;  ///< in time
};

/// `model` is the decomposition of the same values.
[[nodiscard]] Changes find_changes(std::span<const double> values, const Decomposition& model);

}  // namespace pganalytics::patterns
