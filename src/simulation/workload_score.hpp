#pragma once
// What is advised of the workload (workflow/workload_advice.hpp) in a simulated history, against what is planted there.
// The history is run twice: once for detection, once for what the jobs' statements did. No repository. Pure but for
// memory; thread-safe.

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/result.hpp"
#include "patterns/detect.hpp"
#include "simulation/history.hpp"

namespace pganalytics::simulation {

struct WorkloadScore {
    std::size_t planted = 0;
    std::size_t found = 0;
    std::size_t invented = 0;
    std::vector<std::string> missed_words;
    std::vector<std::string> invented_words;

    WorkloadScore& operator+=(const WorkloadScore& other);
    [[nodiscard]] double precision() const;  ///< 1 where nothing was advised
    [[nodiscard]] double recall() const;     ///< 1 where nothing was planted
    [[nodiscard]] nlohmann::json to_json() const;
};

[[nodiscard]] WorkloadScore score_workload(const HistoryTruth& truth, std::span<const advice::Advice> advised);

/// What would be advised of the history, `history` and `found` being what detection had of it.
[[nodiscard]] base::Result<std::vector<advice::Advice>> advise_on(const Scenario& scenario,
                                                                  const HistoryOptions& options,
                                                                  const patterns::DatabaseHistory& history,
                                                                  const patterns::Detection& found);

}  // namespace pganalytics::simulation
