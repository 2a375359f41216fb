#pragma once
// A simulated history into a repository, by the way that the collector's data take: store::Ingest, with raw intervals
// for as long as the repository keeps them and roll-ups before that. Errors as store/repository.hpp.

#include <functional>
#include <string>

#include "simulation/history.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"

namespace pganalytics::simulation {

struct WrittenHistory {
    base::TargetId target_id{};
    std::size_t intervals = 0;
    std::size_t rows = 0;
};

/// The target is made where there is none of that name; it is not collected from. A target that is collected from is
/// conflict: a made-up past must not mix with a real one.
[[nodiscard]] base::Result<WrittenHistory> write_history(store::Repository& repository, store::TargetStore& targets,
                                                         const std::string& target_name, HistorySimulator& history,
                                                         const std::function<void(double share)>& progress = {});

}  // namespace pganalytics::simulation
