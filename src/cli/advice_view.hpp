#pragma once
// Advice as a person reads it: what to run, what it gains, why, what was checked and what was not.

#include <nlohmann/json_fwd.hpp>

#include "cli/terminal.hpp"

namespace pganalytics::cli {

/// `recommendation`: an object with the API's fields (a stored recommendation, or one of a report). `rank` from 1.
void print_advice(Terminal& terminal, int rank, const nlohmann::ordered_json& recommendation, bool with_details);

}  // namespace pganalytics::cli
