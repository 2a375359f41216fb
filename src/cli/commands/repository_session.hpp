#pragma once
// What commands that use the repository share.

#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "store/targets.hpp"
#include "workflow/analysis_job.hpp"
#include "workflow/repository_access.hpp"

namespace pganalytics::cli {

/// The target that `conninfo` reaches: the stored one of the same server, else a new one named after `shown`
/// ("user@host:port/db").
[[nodiscard]] base::Result<store::Target> target_for(workflow::RepositoryAccess& session, const base::Secret& conninfo,
                                                     std::string_view shown);

/// By name or number. not_found names the targets there are.
[[nodiscard]] base::Result<store::Target> find_target(store::TargetStore& targets, std::string_view name_or_id);

}  // namespace pganalytics::cli
