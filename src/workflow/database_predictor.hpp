#pragma once
// What is known of one database's times at one moment: its model with a past that goes on to now, or, where none was
// trained, the planner's cost set against the times that this server's own statements took; and what was observed of
// the database. Asked with a plan it gives a time, an interval and the reasons.
//
// Without a model the line from cost to time is fitted to the median of each statement (prediction/cost_fit.hpp) and
// its errors are each statement's distance from the line that the others give, so its intervals are as honest as a
// model's; with too few statements they are infinite, and the answer is `unknown`.
//
// Immutable but for the interval that adapts, which `with_newer` hands on; thread-safe. Reading takes tens to hundreds
// of milliseconds: keep it. Errors as store/repository.hpp; unprocessable where there is neither a model nor a
// statement with a plan and a time.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "prediction/adaptive_interval.hpp"
#include "prediction/predictor.hpp"
#include "store/models.hpp"
#include "store/repository.hpp"
#include "workflow/model_content.hpp"
#include "workflow/observation.hpp"

namespace pganalytics::workflow {

/// Which statement a plan is of. `query_hash` absent: one that never ran.
struct StatementIdentity {
    std::optional<base::QueryHash> query_hash;
    std::string group;  ///< workflow/training_samples.hpp, template_key
};

/// A time in log milliseconds and what stands behind it.
struct SpokenTime {
    prediction::LogPrediction time;
    prediction::PredictionSource source = prediction::PredictionSource::unknown;
    prediction::FeatureVector features;
    std::vector<prediction::Contribution> contributions;  ///< base first
};

class DatabasePredictor {
  public:
    /// With `model` that one serves, else the active one of the database. `now`: the end of the past.
    [[nodiscard]] static base::Result<std::shared_ptr<const DatabasePredictor>> read(
        store::Repository& repository, base::TargetId target, const std::string& database_name, base::Timestamp now,
        std::optional<base::ModelId> model = {});
    /// The same with what was collected since; the interval has learned from how this one's answers fared.
    [[nodiscard]] base::Result<std::shared_ptr<const DatabasePredictor>> with_newer(store::Repository& repository,
                                                                                    base::Timestamp now) const;

    /// `work_mem`: under which it is to run, where that is not the server's own.
    [[nodiscard]] SpokenTime say(const StatementIdentity& statement, const plan::Plan& plan, base::Timestamp now,
                                 double level = 0.9, std::optional<base::Bytes> work_mem = {}) const;
    /// The statement under a plan that it does not have yet. What it took before counts only if it had that plan
    /// before; a plan that the planner finds no costlier than `before` is not said to be slower than it is now.
    [[nodiscard]] SpokenTime say_changed(const StatementIdentity& statement, const plan::Plan& before,
                                         const plan::Plan& after, base::Timestamp now, double level = 0.9,
                                         std::optional<base::Bytes> work_mem = {}) const;

    [[nodiscard]] const std::optional<store::StoredModel>& model() const { return stored_; }
    /// "gradient_boosting 3", or what stands in for a model.
    [[nodiscard]] const std::string& version() const { return version_; }
    /// Sentences: models that could not be read.
    [[nodiscard]] const std::vector<std::string>& refused() const { return refused_; }

  private:
    /// The line from cost to time, where there is no model.
    struct CostLine {
        prediction::CostFit fit;
        double spread = 0.5;
        prediction::ErrorDistribution errors;
        prediction::History history;
        [[nodiscard]] prediction::LogPrediction say(double cost, double level) const;
    };

    DatabasePredictor(base::TargetId target, std::string database_name)
        : target_(target), database_name_(std::move(database_name)) {}
    [[nodiscard]] base::Status read_past(store::Repository& repository, base::Timestamp now);
    [[nodiscard]] base::Status fit_cost_line(const prediction::Dataset& data);
    [[nodiscard]] prediction::History::Answer ask(const std::string& key, const std::string& group,
                                                  const prediction::FeatureVector& features, base::Timestamp at,
                                                  double level) const;
    [[nodiscard]] prediction::LogPrediction model_alone(const prediction::FeatureVector& features, double level) const;
    [[nodiscard]] SpokenTime spoken(const prediction::History::Answer& answer,
                                    prediction::FeatureVector features) const;

    base::TargetId target_;
    std::string database_name_;
    std::optional<store::StoredModel> stored_;
    std::shared_ptr<const LoadedModel> trained_;  ///< as it was stored
    std::shared_ptr<const LoadedModel> model_;    ///< with a past that goes on to now; null without a model
    std::shared_ptr<const CostLine> line_;        ///< null with a model
    std::optional<Observations> observations_;
    prediction::AdaptiveInterval interval_;
    base::Timestamp past_to_{};
    std::string version_;
    std::vector<std::string> refused_;
};

}  // namespace pganalytics::workflow
