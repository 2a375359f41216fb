#pragma once
// The history of one database as prediction learns from it: what each statement did in each interval, and which plans
// it had. Errors as store/repository.hpp; fix_input for a window that ends before it begins.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

/// One statement in one interval (raw where raw intervals are kept, else an hour), over all users.
struct StatementRow {
    base::QueryHash query_hash{};
    base::Timestamp begins;
    base::Seconds length{0};
    double calls = 0;
    double time_ms = 0;
    double rows = 0;
    double blocks_hit = 0, blocks_read = 0;  ///< shared
    double temp_blocks = 0;                  ///< written
};

struct StatementFamily {
    base::QueryHash query_hash{};
    std::optional<base::FingerprintHash> fingerprint_hash;
};

/// Means of what was sampled of the database's activity in ten minutes.
struct ActivityMean {
    base::Timestamp begins;
    double active = 0;  ///< running statements
    std::optional<double> available_memory_percent;
};

enum class Grain {
    intervals,  ///< as collected, where that is kept
    hours,
};

class TrainingHistory {
  public:
    explicit TrainingHistory(Repository& repository) : repository_(&repository) {}

    /// Rows in which statements ran, oldest first. Intervals that begin at a reset of the counters are left out: what
    /// they lack is not known. At most `most_each` of each statement, spread evenly over the time (0: all).
    [[nodiscard]] base::Result<std::vector<StatementRow>> rows(base::TargetId target, std::string_view database_name,
                                                               const Window& window, Grain grain,
                                                               std::size_t most_each = 0);
    /// Rows of a whole window and of its last day, of statements that have a plan; without reading them.
    struct Count {
        std::int64_t rows = 0;
        std::int64_t rows_of_last_day = 0;
        base::Seconds observed_of_last_day{0};
    };
    [[nodiscard]] base::Result<Count> count(base::TargetId target, std::string_view database_name,
                                            const Window& window);
    /// All plans of the database's statements, by statement, first captured first.
    [[nodiscard]] base::Result<std::vector<StoredPlan>> plans(base::TargetId target, std::string_view database_name);
    [[nodiscard]] base::Result<std::vector<StatementFamily>> families(base::TargetId target,
                                                                      std::string_view database_name);
    /// Oldest first.
    [[nodiscard]] base::Result<std::vector<ActivityMean>> activity(base::TargetId target,
                                                                   std::string_view database_name,
                                                                   const Window& window);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
