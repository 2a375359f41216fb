#pragma once
// Keeping the history small: raw intervals are rolled up into 10 minutes and hours, old partitions are dropped, and
// when the disk budget is exceeded the oldest and coarsest go first, which is said. Safe to run from several workers at
// once (an advisory lock; the second finds nothing to do).

#include <chrono>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

struct RetentionPolicy {
    std::chrono::hours raw{48};
    std::chrono::hours ten_minutes{35 * 24};
    std::chrono::hours hours{400 * 24};
    std::chrono::hours plans{400 * 24};  ///< since last seen
    base::Bytes disk_budget = base::mebibytes(10 * 1024);
};

struct MaintenanceReport {
    std::size_t rolled_up_rows = 0;
    std::size_t partitions_made = 0;
    std::vector<std::string> dropped;  ///< partitions dropped by age
    std::vector<std::string> thinned;  ///< sentences: what the disk budget cost
    base::Bytes size{};                ///< of schema pganalytics afterwards
};

class Retention {
  public:
    explicit Retention(Repository& repository, RetentionPolicy policy = {})
        : repository_(&repository), policy_(policy) {}

    /// Rolls up what is complete at `now`, makes partitions ahead, drops what is too old, holds the budget. Every
    /// minute or so; cheap when there is nothing to do.
    [[nodiscard]] base::Result<MaintenanceReport> run(base::Timestamp now);
    [[nodiscard]] base::Result<base::Bytes> size();

  private:
    Repository* repository_;
    RetentionPolicy policy_;
};

}  // namespace pganalytics::store
