#pragma once
// Keeps the models of collected targets fit: watches the active ones (model_monitor.hpp), and queues a training where a
// database has enough history and no model yet, where its newest model is too old, or where it drifts. Never within six
// hours of another training of the same database. Errors as store/repository.hpp.

#include <chrono>
#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "prediction/model.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"

namespace pganalytics::workflow {

struct UpkeepOptions {
    std::chrono::hours train_every{7 * 24};  ///< zero: never by schedule
    bool train_on_drift = true;
    int lookback_days = 90;
    prediction::ModelType type = prediction::ModelType::gradient_boosting;
};
[[nodiscard]] UpkeepOptions upkeep_options(const base::Config& config);

/// Whether a training is due, and why; empty where it is not.
struct ModelAge {
    bool any = false;                             ///< a model of the database is active
    std::chrono::seconds since_last_training{0};  ///< or attempt at one
    bool drifts = false;
    bool enough_for_first = false;
};
[[nodiscard]] std::string reason_to_train(const ModelAge& age, const UpkeepOptions& options);

class ModelUpkeep {
  public:
    ModelUpkeep(store::Repository& repository, store::TargetStore& targets, UpkeepOptions options, base::Log log)
        : repository_(repository), targets_(targets), options_(options), log_(std::move(log)) {}

    [[nodiscard]] base::Status run(base::Timestamp now);

  private:
    [[nodiscard]] base::Status look_at(const store::Target& target, const std::string& database_name, bool drifts,
                                       base::Timestamp now);

    store::Repository& repository_;
    store::TargetStore& targets_;
    UpkeepOptions options_;
    base::Log log_;
};

}  // namespace pganalytics::workflow
