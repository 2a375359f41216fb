#pragma once
// Active models set against what happened, without anyone asking and with nothing stored for a prediction: for each
// statement and interval since the last look, what the model says against the interval's mean. Kept of it, in the
// model's `drift`: rolling accuracy and coverage, the miss rate of the adaptive interval, statements whose errors moved
// (likelihood ratio over a window) and inputs that moved (PSI), each with the features concerned. The state survives a
// restart. Of two workers that look at once, the later drops its look: nothing counts twice.

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "prediction/adaptive_interval.hpp"
#include "store/models.hpp"
#include "store/repository.hpp"

namespace pganalytics::workflow {

/// As watching left it; fresh where a model was not watched yet.
[[nodiscard]] prediction::AdaptiveInterval adaptive_interval_of(const std::optional<store::ModelStore::Watch>& watch,
                                                                double level = 0.9);

struct WatchReport {
    base::ModelId model{};
    base::TargetId target{};
    std::string database_name;
    std::size_t intervals = 0;  ///< looked at now
    /// A sentence for each reason to train anew; empty while the model holds.
    std::vector<std::string> drifts;
};

class ModelMonitor {
  public:
    explicit ModelMonitor(store::Repository& repository) : repository_(&repository) {}

    /// Looks at what is new of every active model. One that cannot be read is a reason to train anew.
    [[nodiscard]] base::Result<std::vector<WatchReport>> run(base::Timestamp now);
    [[nodiscard]] base::Result<WatchReport> watch(const store::StoredModel& model, base::Timestamp now);

  private:
    store::Repository* repository_;
};

}  // namespace pganalytics::workflow
