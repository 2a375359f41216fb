#pragma once
// What a statement's own past says of its next time where nothing else does: COMMIT, FETCH and utility statements have
// no plan, so neither a model nor a line of costs knows them.
//
// The median of its intervals' means, without those from before a lasting change; the interval is conformal, of each
// mean's distance from the median of the others. Log milliseconds. Reads nothing; thread-safe.

#include <optional>
#include <vector>

#include "prediction/model.hpp"
#include "store/history.hpp"

namespace pganalytics::workflow {

/// Nothing where it never ran in them. Too few intervals promise nothing: their ends are infinite.
[[nodiscard]] std::optional<prediction::LogPrediction> predict_from_own_past(
    const std::vector<store::HistoryPoint>& oldest_first, double level);

}  // namespace pganalytics::workflow
