#pragma once
// Training a model as a job: samples from the repository, a model trained on them, figures from time it did not see,
// the bytes into the repository. Claimed by a worker (server_roles.hpp); one that dies midway leaves nothing behind,
// and the job begins again: a model is stored in one statement, and activated in another only after it is whole.
//
// Champion and challenger: the newest fifth of the samples (by time) is held out; a challenger learned from the rest
// and the active model as it is both answer it. The new model, trained on everything, becomes active only if its
// challenger has the smaller mean |log error| there, or if no active model can be read. One that does not is stored all
// the same.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "prediction/model.hpp"
#include "store/jobs.hpp"
#include "store/models.hpp"
#include "store/repository.hpp"

namespace pganalytics::workflow {

inline constexpr std::string_view training_job_kind = "train_performance_model";
inline constexpr int default_training_days = 90;
inline constexpr int least_training_days = 7;
inline constexpr int most_training_days = 400;

struct TrainingRequest {
    base::TargetId target{};
    std::string database_name;
    int lookback_days = default_training_days;
    prediction::ModelType type = prediction::ModelType::gradient_boosting;
    /// Trains even while a training of the same database and type is under way, which is joined otherwise.
    bool force_retrain = false;
    std::string reason = "asked";  ///< asked, first, age, drift
};
[[nodiscard]] nlohmann::json to_json(const TrainingRequest& request);
/// fix_input where the payload is not one.
[[nodiscard]] base::Result<TrainingRequest> read_training_request(std::string_view payload_json);

/// The one target where the database was seen; conflict with the choices where it is in several, not_found in none.
[[nodiscard]] base::Result<base::TargetId> target_of_database(store::Repository& repository,
                                                              std::optional<base::TargetId> target,
                                                              const std::string& database_name);

/// Queues it. unprocessable with fewer than 100 samples: how many there are and when there will be enough.
[[nodiscard]] base::Result<store::Job> enqueue_training(store::Repository& repository, const TrainingRequest& request,
                                                        base::Timestamp now);

struct TrainedModel {
    store::StoredModel stored;
    bool activated = false;
    std::string comparison;  ///< a sentence
};
/// `go_on` is asked between and within stages: false ends it (the error is `conflict`) with nothing stored.
[[nodiscard]] base::Result<TrainedModel> train_performance_model(
    store::Repository& repository, const base::Clock& clock, const TrainingRequest& request,
    std::optional<base::JobId> job, const std::function<bool(double progress, std::string_view stage)>& go_on);

/// The job's result: model_id, r_squared, rmse, mae, training_samples, activated, comparison.
[[nodiscard]] nlohmann::json to_json(const TrainedModel& trained);

}  // namespace pganalytics::workflow
