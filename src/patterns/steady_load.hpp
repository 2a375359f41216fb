#pragma once
// A load as periods and changes are looked for in it: its quiet days with the course of busy ones (weekday_groups.hpp),
// and on one level. Pure functions, thread-safe.

#include <optional>
#include <vector>

#include "patterns/periodicity.hpp"
#include "patterns/series.hpp"

namespace pganalytics::patterns {

struct Seen {
    Series series;              ///< with its days alike
    std::vector<double> added;  ///< to each value of the original; empty where nothing was
    Decomposition model;        ///< of `series`
};
[[nodiscard]] Seen see(const Series& series, const PeriodOptions& options);

/// Stretches between steps of the trend brought to one level: a load that doubles doubles its day too, and a day that
/// changes its height has lines beside its own. Absent where the level hardly moved.
[[nodiscard]] std::optional<Series> levelled(const Series& series, const Decomposition& model);

/// The decomposition in which periods are looked for: that of the levelled series where the level moved.
[[nodiscard]] Decomposition steady(const Seen& seen, const PeriodOptions& options);

}  // namespace pganalytics::patterns
