#pragma once
// Predictions as they are served: which statement, which plan, what is known of its database, all put together, signed
// and cached. The Predictor port on the repository and its targets.
//
// The plan: as last captured; or planned now on the target where parameters or a text are given, for the scenario
// `optimized`, and where none was captured. Where the target cannot be asked the captured plan stands in, and a note
// says so. A statement that has none at all (COMMIT, FETCH, utility statements) is answered from its own past.
//
// Answers are kept for a minute in this process and, where there is one, in a cache outside it; the key holds the
// model, the statement, its plan, parameters, scenario, level and the recommendations it rests on.
// Thread-safe. Errors as prediction/predictor.hpp.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "prediction/lru_cache.hpp"
#include "prediction/prediction_id.hpp"
#include "prediction/predictor.hpp"
#include "workflow/prediction_subject.hpp"
#include "workflow/serving_models.hpp"
#include "workflow/target_planners.hpp"

namespace pganalytics::workflow {

struct PredictionDependencies {
    store::Repository& repository;
    store::TargetStore targets;
    const base::Clock& clock;
    base::Log log;
    base::Secret signing_key;
    std::shared_ptr<prediction::PredictionCache> outer_cache = nullptr;  ///< asked where this process has no answer
    prediction::LruOptions cache{};
    ServingOptions serving{};
    std::chrono::milliseconds statements_kept_for{15'000};  ///< text, plan and recommendations of a statement
};

/// Since the process began.
struct PredictionCounters {
    std::array<std::uint64_t, 4> by_source{};  ///< in the order of PredictionSource
    std::uint64_t failed = 0;
    std::uint64_t cache_hits = 0, outer_cache_hits = 0, cache_misses = 0;
    std::uint64_t plans = 0;  ///< made on targets
    std::uint64_t validated = 0;
    double accuracy_sum = 0;
    [[nodiscard]] std::uint64_t total() const { return by_source[0] + by_source[1] + by_source[2] + by_source[3]; }
};

class PredictionService final : public prediction::Predictor {
  public:
    /// What the dependencies refer to must outlive it.
    explicit PredictionService(PredictionDependencies dependencies);

    [[nodiscard]] base::Result<prediction::Prediction> predict(const prediction::PredictionRequest& request) override;
    [[nodiscard]] std::vector<base::Result<prediction::Prediction>> predict_all(
        std::span<const prediction::PredictionRequest> requests) override;

    /// Sets a prediction against what happened. fix_input for an identifier that is not ours, for one of another
    /// statement, and where `actual_ms` is not above 0.
    struct Validated {
        prediction::PredictionClaim claim;
        prediction::Validation result;
    };
    [[nodiscard]] base::Result<Validated> validate(std::string_view prediction_id,
                                                   std::optional<base::QueryHash> query_hash, double actual_ms);

    [[nodiscard]] PredictionCounters counters() const;
    /// Models that serve now, of databases that were asked for.
    [[nodiscard]] std::vector<store::StoredModel> serving() const { return models_.serving(); }

  private:
    /// The plans that a prediction is made of.
    struct Planned {
        std::shared_ptr<const plan::Plan> before;
        std::shared_ptr<const plan::Plan> after;  ///< `optimized`; null where nothing changes
        std::optional<base::Bytes> work_mem;
        std::vector<std::string> notes;
    };
    [[nodiscard]] base::Result<prediction::Prediction> answer(const prediction::PredictionRequest& request);
    [[nodiscard]] prediction::CacheKey key_of(const prediction::PredictionRequest& request,
                                              const PredictionSubject& subject,
                                              const DatabasePredictor& predictor) const;
    [[nodiscard]] base::Result<prediction::Prediction> make(const prediction::PredictionRequest& request,
                                                            const PredictionSubject& subject,
                                                            const DatabasePredictor& predictor);
    /// Of a statement that has no plan: its own past, or the error.
    [[nodiscard]] base::Result<prediction::Prediction> make_without_plan(const prediction::PredictionRequest& request,
                                                                         const PredictionSubject& subject,
                                                                         base::Error why_no_plan);
    [[nodiscard]] base::Result<Planned> plan(const prediction::PredictionRequest& request,
                                             const PredictionSubject& subject);
    [[nodiscard]] base::Status plan_present(const prediction::PredictionRequest& request,
                                            const PredictionSubject& subject, Planned& planned);
    [[nodiscard]] base::Status plan_optimized(const prediction::PredictionRequest& request,
                                              const PredictionSubject& subject, Planned& planned);
    [[nodiscard]] base::Result<plan::PlannedStatement> ask_target(const PredictionSubject& subject,
                                                                  const std::string& text,
                                                                  const plan::WhatIf& what_if = {});

    const base::Clock& clock_;
    base::Secret signing_key_;
    PredictionSubjects subjects_;
    TargetPlanners planners_;
    ServingModels models_;
    prediction::LruCache cache_;
    std::shared_ptr<prediction::PredictionCache> outer_cache_;
    std::array<std::atomic<std::uint64_t>, 4> by_source_{};
    std::atomic<std::uint64_t> failed_ = 0, cache_hits_ = 0, outer_cache_hits_ = 0, cache_misses_ = 0, plans_ = 0,
                               validated_ = 0;
    std::atomic<double> accuracy_sum_ = 0;
};

}  // namespace pganalytics::workflow
