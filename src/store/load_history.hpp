#pragma once
// The load of one database as series are made of it: what each statement did when, in few bytes a row, and when anybody
// was watching. Errors as store/repository.hpp; fix_input for a window that ends before it begins.

#include <span>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

/// One statement in one bucket of the history (raw interval, 10 minutes or hour).
struct LoadRow {
    base::QueryHash query_hash{};
    base::Timestamp begins;
    base::Seconds length{0};      ///< of the bucket
    base::Timestamp active_from;  ///< begin of the first and end of the last raw interval in which it ran
    base::Timestamp active_to;
    double calls = 0;
    double time_ms = 0;
};

/// A span in which the target was watched without a break.
struct ObservedSpan {
    base::Timestamp begins;
    base::Timestamp ends;
};

class LoadHistory {
  public:
    explicit LoadHistory(Repository& repository) : repository_(&repository) {}

    /// From the coarsest roll-ups: hours, and what is not rolled up yet. The heaviest `max_queries` statements.
    [[nodiscard]] base::Result<std::vector<LoadRow>> by_hour(base::TargetId target, std::string_view database_name,
                                                             const Window& window, std::size_t max_queries);
    /// The same of `queries` from the finest that is kept of each part of the window.
    [[nodiscard]] base::Result<std::vector<LoadRow>> finest(base::TargetId target, std::string_view database_name,
                                                            const Window& window,
                                                            std::span<const base::QueryHash> queries);
    /// Oldest first. Where the ledger of intervals is no longer kept, whole hours that were watched for the most part.
    [[nodiscard]] base::Result<std::vector<ObservedSpan>> observed_spans(base::TargetId target, const Window& window);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
