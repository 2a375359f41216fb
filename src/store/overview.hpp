#pragma once
// How much there is of what: figures for /metrics and readiness. Two index scans; cheap enough for each scrape.
// Errors as store/repository.hpp. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

struct Overview {
    struct Jobs {
        std::string kind, status;
        std::int64_t count = 0;
    };
    struct Recommendations {
        std::string database_name, source_type;
        std::int64_t count = 0;
    };
    std::vector<Jobs> jobs;                        ///< pending, running and failed
    std::vector<Recommendations> recommendations;  ///< shown: neither stale nor dismissed
};

[[nodiscard]] base::Result<Overview> read_overview(Repository& repository);

}  // namespace pganalytics::store
