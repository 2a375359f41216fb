#pragma once
// "The peak will exceed what was seen": the next week's forecast of a database's load against the highest hour of its
// history. Pure functions, thread-safe, never fail.

#include <optional>
#include <string>

#include "patterns/series.hpp"

namespace pganalytics::workflow {

struct PeakAhead {
    base::Timestamp at;    ///< begin of the hour
    double mean = 0;       ///< expected calls of it
    double upper_80 = 0;   ///< one time in ten it is more
    double most_seen = 0;  ///< of any hour of the history
    base::Timestamp seen_at;
};

/// The hour of the coming seven days whose 80 % interval reaches highest, where that is above every hour seen. Nothing
/// with less than two weeks of hours, or where no forecast can be made.
[[nodiscard]] std::optional<PeakAhead> peak_ahead(const patterns::Series& hourly_calls);

/// A clause for the end of a description.
[[nodiscard]] std::string to_words(const PeakAhead& peak);

}  // namespace pganalytics::workflow
