#pragma once
// query_performance_models: trained models as bytes with what is known of them. Versions count up for each database and
// type. At most one model of a database is active; activation switches in one transaction, so that a reader sees the
// one or the other and never none. Each activation, new model and removal notifies `models_channel`; `active_models` is
// cheap enough to be asked every second where nobody listens.
//
// The bytes mean nothing here (workflow/model_content.hpp reads them). Errors as store/repository.hpp; not_found for an
// id that does not exist, fix_input for a cursor that is not ours. Thread-safe as Repository is.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

inline constexpr std::string_view models_channel = "pganalytics_models";

struct ModelFigures {
    std::optional<double> r_squared;  ///< of log time
    std::optional<double> rmse, mae;  ///< ms
    std::optional<double> q_error_p50, q_error_p90, q_error_p95;
    std::optional<double> interval_coverage;
};

/// A model without its bytes.
struct StoredModel {
    base::ModelId id{};
    std::optional<base::TargetId> target_id;
    std::string target_name;  ///< "" without a target
    std::string database_name;
    std::string model_type;
    std::string model_name;
    std::string version;
    int format_version = 0;  ///< of the bytes
    std::int64_t feature_version = 0;
    std::int64_t training_samples = 0;
    base::Timestamp training_date{};
    std::optional<base::Timestamp> trained_from, trained_to;  ///< of the samples
    ModelFigures figures;                                     ///< held out
    std::vector<std::string> feature_names;
    std::string feature_importance_json;  ///< {name: share}
    std::string details_json;             ///< what tuning chose, other figures, the comparison with the active model
    std::string drift_json;               ///< "" where nothing was watched yet
    bool is_active = false;
    std::optional<base::Timestamp> activated_at;  ///< last time
    std::optional<base::JobId> job_id;
    std::int64_t content_bytes = 0;
    std::string content_sha256;
};

struct NewModel {
    std::optional<base::TargetId> target_id;
    std::string database_name;
    std::string model_type;
    int format_version = 1;
    std::int64_t feature_version = 0;
    std::int64_t training_samples = 0;
    std::optional<base::Timestamp> trained_from, trained_to;
    ModelFigures figures;
    std::vector<std::string> feature_names;
    std::string feature_importance_json = "{}";
    std::string details_json = "{}";
    std::optional<base::JobId> job_id;
    std::string content;  ///< bytes
};

struct ModelFilter {
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    std::optional<std::string> model_type;
    std::size_t limit = 50;
    std::optional<std::string> cursor;
};

struct ActiveModel {
    base::ModelId id{};
    std::optional<base::TargetId> target_id;
    std::string database_name;
    base::Timestamp activated_at{};
    friend bool operator==(const ActiveModel&, const ActiveModel&) = default;
};

class ModelStore {
  public:
    explicit ModelStore(Repository& repository) : repository_(&repository) {}

    /// Stores it, not active, as the next version of its database and type. A job that saves twice (it ran again after
    /// its worker died) gets the model it saved first.
    [[nodiscard]] base::Result<StoredModel> save(const NewModel& model);
    /// Makes it the active one of its database. With `instead_of`, only while that one is still active (0: while none
    /// is): conflict otherwise. Activating the active one again changes nothing.
    [[nodiscard]] base::Result<StoredModel> activate(base::ModelId id, std::optional<base::ModelId> instead_of = {});
    [[nodiscard]] base::Result<StoredModel> find(base::ModelId id);
    /// What a job has saved already.
    [[nodiscard]] base::Result<std::optional<StoredModel>> of_job(base::JobId job);
    /// Of the database; nothing where none is active. Without a target: the newest activation of that name.
    [[nodiscard]] base::Result<std::optional<StoredModel>> active(std::optional<base::TargetId> target,
                                                                  const std::optional<std::string>& database_name);
    /// Those that may serve, best first: the active one, then those that were active before, newest activation first.
    [[nodiscard]] base::Result<std::vector<StoredModel>> serving_order(base::TargetId target,
                                                                       std::string_view database_name);
    [[nodiscard]] base::Result<std::vector<ActiveModel>> active_models();
    /// Newest training first.
    [[nodiscard]] base::Result<Page<StoredModel>> list(const ModelFilter& filter);
    [[nodiscard]] base::Result<std::int64_t> count(const ModelFilter& filter);
    /// The bytes. fix_input where they are not those whose SHA-256 was stored.
    [[nodiscard]] base::Result<std::string> content(base::ModelId id);

    /// What watching it found, for readers (API field `drift`).
    [[nodiscard]] base::Status set_drift(base::ModelId id, std::string_view drift_json);
    /// What watching it needs to go on after a restart, and up to when it watched.
    struct Watch {
        base::Timestamp watched_to{};
        std::string state_json;
    };
    [[nodiscard]] base::Result<std::optional<Watch>> watch(base::ModelId id);
    /// conflict where another has watched on since `before` (absent: it was not watched): of two that look at once, the
    /// later drops its look, so that nothing counts twice.
    [[nodiscard]] base::Status set_watch(base::ModelId id, const Watch& watch, std::optional<base::Timestamp> before);
    /// Of each database and type the newest `keep` stay, and each that was active among the newest `keep` activations
    /// of its database. Gives how many went.
    [[nodiscard]] base::Result<std::size_t> thin(std::size_t keep);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
