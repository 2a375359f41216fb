#pragma once
// One claimed job under its lease: the work runs here, the lease is renewed beside it, and how it ended is written
// down. A lost lease or a wish to cancel ends the work where it next asks `go_on`. Errors of the work become the job's;
// the repository's own are left to the lease.

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "store/jobs.hpp"

namespace pganalytics::workflow {

inline constexpr std::chrono::seconds job_lease{30};

using JobGoOn = std::function<bool(double progress, std::string_view stage)>;
/// Gives the job's result as JSON.
using JobWork = std::function<base::Result<std::string>(const JobGoOn& go_on)>;

void run_claimed_job(store::Repository& repository, const store::Job& job, const std::stop_token& stop,
                     const JobWork& work, const base::Log& log);

}  // namespace pganalytics::workflow
