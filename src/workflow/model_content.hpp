#pragma once
// What is stored of a trained model, and how it answers once it is loaded: the model, the spread of its inputs (drift),
// and the past runs with what a model that had not seen their template said of them (the history beside the model).
//
// A `LoadedModel` is immutable and thread-safe; serving, watching and comparing ask the same one, so that what is
// measured is what is served.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "prediction/drift.hpp"
#include "prediction/history.hpp"
#include "prediction/model.hpp"
#include "store/models.hpp"

namespace pganalytics::workflow {

/// Of the bytes below; a stored model with a higher one is refused.
inline constexpr int model_format_version = 2;

struct ModelContent {
    prediction::Model model;
    prediction::FeatureSpread spread;
    std::vector<prediction::PastRun> past;  ///< `statement` and `group` as workflow/training_samples.hpp names them
};

[[nodiscard]] std::string to_bytes(const ModelContent& content);
/// fix_input (damaged), unsupported (another format or feature version).
[[nodiscard]] base::Result<ModelContent> read_model_content(std::string_view bytes);

class LoadedModel {
  public:
    explicit LoadedModel(ModelContent content);

    /// The ladder: history where there is some, the model, both by precision.
    [[nodiscard]] prediction::History::Answer answer(const std::string& statement, const std::string& group,
                                                     std::span<const double> features, base::Timestamp at) const;
    /// The same model with a past that goes on to now; `newer` runs need no `unseen` (the model's own word stands in).
    [[nodiscard]] LoadedModel with_newer(std::vector<prediction::PastRun> newer) const;

    [[nodiscard]] const prediction::Model& model() const { return content_->model; }
    [[nodiscard]] const prediction::FeatureSpread& spread() const { return content_->spread; }
    [[nodiscard]] const prediction::History& history() const { return history_; }

  private:
    std::shared_ptr<const ModelContent> content_;
    prediction::History history_;
};

/// Reads a stored model: not_found, fix_input (damaged), unsupported (newer, or made with other features).
[[nodiscard]] base::Result<std::shared_ptr<const LoadedModel>> load_model(store::Repository& repository,
                                                                          const store::StoredModel& stored);

struct ServingModel {
    store::StoredModel stored;
    std::shared_ptr<const LoadedModel> loaded;
    std::vector<std::string> refused;  ///< sentences: models before it that cannot serve, and why
};
/// The active model of the database, or, where it cannot be read, the last one before it that can; nothing where there
/// is none. With only unreadable ones: the error of the active one.
[[nodiscard]] base::Result<std::optional<ServingModel>> load_serving_model(store::Repository& repository,
                                                                           base::TargetId target,
                                                                           std::string_view database_name);

/// Activates a model after reading it, so that one that cannot serve never becomes active.
[[nodiscard]] base::Result<store::StoredModel> activate_model(store::Repository& repository, base::ModelId id);

}  // namespace pganalytics::workflow
