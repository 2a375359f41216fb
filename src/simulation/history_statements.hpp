#pragma once
// Which statements a simulated history has, and what one call of each costs. Internal to `simulation`.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "simulation/history.hpp"
#include "simulation/scenario.hpp"

namespace pganalytics::simulation {

struct HistoryStatements {
    std::vector<SimulatedStatement> all;
    std::vector<std::vector<std::size_t>> of_batch;     ///< by the scenario's batches
    std::vector<std::vector<std::size_t>> of_incident;  ///< empty: all
    std::vector<std::vector<std::size_t>> of_change;
};

[[nodiscard]] base::Result<HistoryStatements> choose_statements(const Scenario& scenario, std::uint64_t seed);

}  // namespace pganalytics::simulation
