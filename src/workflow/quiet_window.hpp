#pragma once
// When a database has least to do, for work that waits for what is running (CREATE INDEX CONCURRENTLY).
// Pure functions, thread-safe.

#include <optional>
#include <string>

#include "patterns/series.hpp"

namespace pganalytics::workflow {

struct QuietWindow {
    int begins_hour = 0;  ///< 0..23 UTC; two hours long
    double share = 0;     ///< of the mean load, 0..1
    double days = 0;      ///< observed
};

/// Two hours of the day with the least time spent, by an hourly series of it. Nothing where less than a week was
/// observed, where an hour of the day is unknown, or where no hour is quiet: below four fifths of the mean.
[[nodiscard]] std::optional<QuietWindow> quietest_hours(const patterns::Series& hourly_time_ms);

/// A sentence of evidence.
[[nodiscard]] std::string to_words(const QuietWindow& window);

}  // namespace pganalytics::workflow
