#pragma once
// Whether a batch job starts at another time than it did. Minutes of the day in UTC, of the cycle for jobs that run
// more often. Pure, thread-safe.

#include <optional>

#include "patterns/pattern.hpp"

namespace pganalytics::workflow {

/// `before` where the job no longer starts there: 10 minutes off at least, and further than its own jitter explains.
[[nodiscard]] std::optional<int> moved_from(const patterns::PatternMetadata& job, int before);

}  // namespace pganalytics::workflow
