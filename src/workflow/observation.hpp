#pragma once
// What was observed of a statement beside its plan (prediction::Observation), from the repository: one definition for
// training and for serving. Of a moment only what was known then:
//   calls (an hour, their deviation, the busiest hour)  the 7 days before, by the hour; hours that nobody watched are
//                                                       left out, hours in which it did not run count as 0
//   cache hit ratio, temp blocks and rows a call        the last day in which it ran, of those 7
//   running statements, available memory                samples of the hour that ends at the moment
//   work_mem                                            the setting's value then
//   table sizes, rows and indexes                       the newest catalog, of the relations in the plan
// What cannot be had is missing, never zero.
//
// Holds what it read; `of` reads nothing. Immutable after `read`, thread-safe. Reading a database takes tens of
// milliseconds: read once a minute and keep it. Errors as store/repository.hpp.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "plan/plan.hpp"
#include "prediction/features.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"

namespace pganalytics::workflow {

class Observations {
  public:
    /// For moments in `moments`; the week before is read too.
    [[nodiscard]] static base::Result<Observations> read(store::Repository& repository, base::TargetId target,
                                                         const std::string& database_name,
                                                         const store::Window& moments);

    /// For an execution that begins at `begins` and was over by `ends` (serving: now and now). Without a statement, or
    /// of one that never ran: what the plan and the server say alone. `work_mem`: under which it is to run, where that
    /// is not the server's own.
    [[nodiscard]] prediction::Observation of(std::optional<base::QueryHash> statement, const plan::Plan& plan,
                                             base::Timestamp begins, base::Timestamp ends,
                                             std::optional<base::Bytes> work_mem = {}) const;

  private:
    struct Data;
    explicit Observations(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
    std::shared_ptr<const Data> data_;
};

}  // namespace pganalytics::workflow
