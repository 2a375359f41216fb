#include "workflow/server_memory.hpp"

#include <algorithm>

#include "collector/server_facts.hpp"

namespace pganalytics::workflow {

base::Status add_server_memory(postgres::Connection& connection, std::optional<base::Bytes> said,
                               AnalysisOptions& options) {
    PGANALYTICS_ASSIGN(const auto seen, collector::read_server_memory(connection));
    options.total_memory = said;
    if (!seen) return {};
    options.total_memory = said ? std::min(*said, seen->total) : seen->total;
    if (!options.available_memory_pct) options.available_memory_pct = seen->available_percent();
    return {};
}

}  // namespace pganalytics::workflow
