#pragma once
// What a prediction is about, found in the repository: the one statement in the one database that a request names, its
// text and the plan it has now. Kept for some seconds, because the same statement is asked about again and again and
// none of it changes faster.
// Errors: fix_input for a request that names nothing; not_found; conflict with the choices where it runs in several
// places. Thread-safe.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "plan/plan.hpp"
#include "prediction/predictor.hpp"
#include "store/history.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "workflow/database_predictor.hpp"
#include "workflow/statement_change.hpp"

namespace pganalytics::workflow {

struct PredictionSubject {
    base::QueryHash query_hash{};
    base::TargetId target{};
    std::string database_name;
    std::string text;
    bool as_asked = false;  ///< the text is the request's own, with its literals
    bool has_run = false;   ///< the repository knows it there
    std::string group;
    std::shared_ptr<const plan::Plan> plan;  ///< as last captured; null where none was
    base::Timestamp captured_at{};
    std::int64_t plan_shape = 0;
    std::vector<Proposal> proposals;  ///< open recommendations that serve it, best first
    std::string proposals_version;    ///< changes when they do
};

class PredictionSubjects {
  public:
    /// What was read is believed for `kept_for`.
    PredictionSubjects(store::Repository& repository, store::TargetStore targets, const base::Clock& clock,
                       std::chrono::milliseconds kept_for)
        : repository_(repository), targets_(std::move(targets)), clock_(clock), kept_for_(kept_for) {}

    [[nodiscard]] base::Result<std::shared_ptr<const PredictionSubject>> find(
        const prediction::PredictionRequest& request);

    /// The intervals in which it ran, oldest first.
    [[nodiscard]] base::Result<std::vector<store::HistoryPoint>> past_of(const PredictionSubject& subject,
                                                                         const store::Window& window);

  private:
    using Subject = std::shared_ptr<const PredictionSubject>;
    [[nodiscard]] base::Result<Subject> read(const prediction::PredictionRequest& request);
    [[nodiscard]] base::Status place_text(const prediction::PredictionRequest& request, PredictionSubject& subject);
    [[nodiscard]] base::Status read_statement(PredictionSubject& subject);
    [[nodiscard]] base::Status read_proposals(PredictionSubject& subject);

    store::Repository& repository_;
    store::TargetStore targets_;
    const base::Clock& clock_;
    const std::chrono::milliseconds kept_for_;
    std::mutex mutex_;
    std::map<std::string, std::pair<Subject, std::chrono::steady_clock::time_point>> known_;
};

}  // namespace pganalytics::workflow
