#pragma once
// How many rows of a table were ever changed, as the server counted it each time the catalog was read: what shows
// whether anybody wrote it in between. Errors as store/repository.hpp.

#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

struct TableReading {
    base::Timestamp at;
    double changes = 0;  ///< rows inserted, updated and deleted since the server's counters were reset
};

/// One reading for each catalog kept of the window, oldest first: the sum over `tables` (schema, name). A catalog that
/// lacks the counters of any of them gives no reading.
[[nodiscard]] base::Result<std::vector<TableReading>> table_changes(
    Repository& repository, base::TargetId target, std::string_view database_name, const Window& window,
    const std::vector<std::pair<std::string, std::string>>& tables);

}  // namespace pganalytics::store
