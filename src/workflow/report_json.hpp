#pragma once
// Advice and analyses as JSON with the field names of the API, for the command line's --output json and for programs.

#include <nlohmann/json_fwd.hpp>

#include "store/recommendations.hpp"
#include "workflow/analysis.hpp"
#include "workflow/live_analysis.hpp"

namespace pganalytics::workflow {

/// The recommendation object of the API, without what only a stored one has (id, dismissal, times).
[[nodiscard]] nlohmann::ordered_json to_json(const RankedAdvice& ranked);
[[nodiscard]] nlohmann::ordered_json to_json(const LiveReport& report);
/// The recommendation object of the API.
[[nodiscard]] nlohmann::ordered_json to_json(const store::Recommendation& recommendation);
/// The parameter suggestion of the API.
[[nodiscard]] nlohmann::ordered_json to_json(const store::ParameterSuggestion& suggestion);

}  // namespace pganalytics::workflow
