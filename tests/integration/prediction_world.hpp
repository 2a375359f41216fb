#pragma once
// Everything a prediction rests on, for real: a private PostgreSQL that is target and repository, tables, statements
// that were really run and timed, their plans and intervals as the collector would have stored them, and models trained
// on that. One thread at a time, but for the service.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "store/models.hpp"
#include "store/repository.hpp"
#include "store/targets.hpp"
#include "support/test_cluster.hpp"
#include "workflow/prediction_service.hpp"

namespace pganalytics::test {

template <typename T>
T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(result).value();
}
inline void must(const base::Status& status) {
    if (!status) throw std::runtime_error(status.error().to_string());
}

/// A statement with `$1`, and literals it is run with.
struct TimedStatement {
    std::string name, text;
    std::vector<std::string> literals;
    base::QueryHash query_hash{};
    double median_ms = 0;  ///< of the runs
};

class PredictionWorld {
  public:
    static constexpr std::string_view database = "app";
    static inline const base::Secret signing_key{std::string(32, 's')};

    /// Throws where any part of it cannot be had.
    PredictionWorld();

    [[nodiscard]] std::unique_ptr<workflow::PredictionService> service(
        std::shared_ptr<prediction::PredictionCache> outer_cache = nullptr, bool keep_answers = true);
    /// Trains on what was ingested and stores the model, not active.
    base::ModelId train(prediction::ModelType type = prediction::ModelType::linear_regression);
    /// Runs it `runs` times, each with one of its literals; the median in milliseconds.
    double run(const TimedStatement& statement, int runs);
    /// A statement that no planner plans, seen by the collector in as many intervals.
    base::QueryHash ingest_without_plan(std::string_view text, double median_ms, int intervals_seen);
    [[nodiscard]] const TimedStatement& statement(std::string_view name) const;
    [[nodiscard]] prediction::PredictionRequest request(std::string_view name) const;

    base::SystemClock clock;
    test_support::TestCluster cluster;
    std::unique_ptr<store::Repository> repository;
    std::unique_ptr<store::TargetStore> targets;
    base::TargetId target{};
    std::vector<TimedStatement> statements;

  private:
    void make_tables();
    void observe();
    void observe_intervals(const std::vector<workload::StatementKey>& keys);

    std::unique_ptr<postgres::Connection> connection_;
    std::int64_t without_plan_ = 0;
};

}  // namespace pganalytics::test
