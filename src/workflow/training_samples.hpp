#pragma once
// From the repository to what prediction learns from: one sample a statement, plan and interval (hours beyond the days
// that raw intervals are kept). The time is the interval's mean; the weight is the square root of its calls, bounded,
// because a mean of many calls is surer but not in proportion. Intervals at a reset and statements without a plan are
// left out.
//
// Which plan held: of those captured by then the newest that was still seen later, else the newest captured; the first
// one also for the day before its capture, because a statement runs before it is first planned.
// Errors as store/repository.hpp; not_found where nothing was ever collected of the database.

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "prediction/dataset.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"
#include "store/training_history.hpp"

namespace pganalytics::workflow {

inline constexpr std::size_t fewest_training_samples = 100;

/// Names a statement under one plan shape, in samples and in the history that predictions stand on.
[[nodiscard]] std::string statement_key(base::QueryHash query_hash, std::int64_t plan_shape);
/// Names its template: the family where it is known.
[[nodiscard]] std::string template_key(base::QueryHash query_hash,
                                       const std::optional<base::FingerprintHash>& fingerprint_hash);

/// Which of a statement's plans (first captured first) held at a time; null where that is not known.
[[nodiscard]] const store::StoredPlan* plan_at(const std::vector<const store::StoredPlan*>& plans, base::Timestamp at);

struct SampleRequest {
    base::TargetId target{};
    std::string database_name;
    store::Window window;
    std::size_t most = 20'000;  ///< thinned evenly over time, statement by statement
};

struct TrainingSamples {
    prediction::Dataset data;                   ///< oldest first
    std::vector<base::QueryHash> query_hashes;  ///< of each sample
    std::size_t statements = 0;
    std::size_t without_plan = 0;  ///< rows of statements of which no plan is known
};
[[nodiscard]] base::Result<TrainingSamples> collect_training_samples(store::Repository& repository,
                                                                     const SampleRequest& request);

/// How many samples there are, without making them, and when there will be enough.
struct SampleOutlook {
    std::int64_t available = 0;
    double per_hour = 0;                       ///< gained over the last day, while it was watched
    std::optional<base::Timestamp> enough_at;  ///< absent where none are gained, or there are enough
    [[nodiscard]] bool enough() const { return available >= static_cast<std::int64_t>(fewest_training_samples); }
};
[[nodiscard]] base::Result<SampleOutlook> sample_outlook(store::Repository& repository, const SampleRequest& request,
                                                         base::Timestamp now);
/// The 422 of it: how many there are, how many are needed, when there will be enough.
[[nodiscard]] base::Error too_few_samples(const SampleOutlook& outlook, const std::string& database_name);

}  // namespace pganalytics::workflow
