#pragma once
// SQL that reads the history tables as one, for the files of this module only.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/history.hpp"
#include "store/levels.hpp"

namespace pganalytics::store {

/// fix_input unless it begins before it ends.
[[nodiscard]] base::Status check_window(const Window& window);

/// "(select … union all …)" over the pieces: target_id, statement_id, begins, length_s, active_from, active_to,
/// peak_calls_per_minute and the counters with `absent`. `condition` (on alias m) narrows every part.
[[nodiscard]] std::string history_source(const std::vector<Piece>& pieces, std::string_view condition);

/// Minutes really observed by target over the window.
[[nodiscard]] base::Result<std::vector<std::pair<base::TargetId, base::Minutes>>> observed_minutes(
    postgres::Connection& connection, const Coverages& coverages, const Window& window);

}  // namespace pganalytics::store
