#pragma once
// Advice about the workload of one database, made from the repository alone and kept there: the last part of pattern
// detection (workflow/pattern_job.hpp). Errors as store/repository.hpp.

#include <string>

#include "base/result.hpp"
#include "patterns/detect.hpp"
#include "store/history.hpp"
#include "store/recommendations.hpp"
#include "store/repository.hpp"

namespace pganalytics::workflow {

/// Recommendations of the workload rules that are found no more become stale. Reads are judged only where the catalog
/// was read; until then what is stored of them stays.
[[nodiscard]] base::Result<store::SaveReport> advise_on_workload(store::Repository& repository, base::TargetId target,
                                                                 const patterns::DatabaseHistory& history,
                                                                 const patterns::Detection& found,
                                                                 const store::Window& window);

}  // namespace pganalytics::workflow
