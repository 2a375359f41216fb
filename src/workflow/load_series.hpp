#pragma once
// History rows laid into the series that detection reads: hours for every statement, minutes for those that are idle
// most of the time (what a batch job is). A row is laid over the time in which its statement ran, not over its whole
// bucket: the roll-ups keep when that began, so that a nightly start is known to the minute for as long as ten-minute
// sums are kept. A statement is counted where it ends; one that takes longer than the interval it ended in is laid back
// over the time that it took. Time that nobody watched is a gap. Pure functions, thread-safe, never fail.

#include <span>
#include <string>
#include <vector>

#include "patterns/detect.hpp"
#include "store/history.hpp"
#include "store/load_history.hpp"

namespace pganalytics::workflow {

/// Statements that are active in less than half of the time that they were watched: worth a look by the minute.
/// Heaviest first, at most `most`.
[[nodiscard]] std::vector<base::QueryHash> mostly_idle(std::span<const store::LoadRow> by_hour,
                                                       std::span<const store::ObservedSpan> watched, std::size_t most);

/// `fine` may hold rows of any of the statements; only those get a series by the minute.
[[nodiscard]] patterns::DatabaseHistory database_history(std::string database_name, patterns::TimeZone zone,
                                                         const store::Window& window,
                                                         std::span<const store::LoadRow> by_hour,
                                                         std::span<const store::LoadRow> fine,
                                                         std::span<const store::ObservedSpan> watched);

}  // namespace pganalytics::workflow
