#include "simulation/history_writer.hpp"

#include <fmt/format.h>

#include "simulation/history_plans.hpp"
#include "sql/identity.hpp"
#include "store/ingest.hpp"

namespace pganalytics::simulation {

namespace {

/// In one transaction: few enough to keep memory flat, enough that a month needs a hundred of them.
constexpr std::size_t intervals_at_once = 360;
constexpr std::size_t minutes_between_samples = 10;
constexpr std::string_view nowhere = "host=simulated.invalid";
constexpr std::string_view simulated_words = "a simulated history: nothing is collected";

base::Result<base::TargetId> simulated_target(store::Repository& repository, store::TargetStore& targets,
                                              const std::string& name) {
    PGANALYTICS_ASSIGN(const auto known, targets.list());
    for (const auto& target : known) {
        if (target.name != name) continue;
        if (!target.enabled) return target.id;
        return base::Error{base::ErrorCode::conflict, fmt::format("target \"{}\" is a real server", name),
                           "Choose another --target-name.", "--target-name"};
    }
    store::NewTarget added;
    added.name = name;
    added.conninfo = base::Secret{std::string(nowhere)};
    PGANALYTICS_ASSIGN(const auto target, targets.add(added));
    auto disabled = repository.with_connection([&](postgres::Connection& connection) {
        return connection.query(
            "update pganalytics.targets set enabled = false, state_detail = $2 where target_id = $1",
            {std::to_string(base::to_integer(target.id)), std::string(simulated_words)});
    });
    if (!disabled) return std::move(disabled).error();
    return target.id;
}

base::Status announce(store::Ingest& ingest, base::TargetId target, const HistorySimulator& history) {
    std::vector<store::KnownStatement> known;
    for (const SimulatedStatement& statement : history.statements()) {
        store::KnownStatement row;
        row.key = statement.key;
        row.database_name = history.truth().database_name;
        row.user_name = "shop";
        row.query_hash = statement.query_hash;
        if (const auto family = sql::fingerprint_hash(statement.text)) row.fingerprint_hash = *family;
        row.text = statement.text;
        known.push_back(std::move(row));
    }
    return ingest.upsert_statements(target, known);
}

store::ActivitySample sample_of(const SimulatedInterval& interval, const std::string& database_name) {
    store::ActivitySample sample;
    sample.sampled_at = interval.ends;
    sample.database_name = database_name;
    sample.active = static_cast<int>(std::lround(interval.busy));
    sample.total = 10 + sample.active;
    sample.available_memory_percent = std::max(5.0, 70 - 15 * interval.load);
    return sample;
}

class Writer {
  public:
    Writer(store::Repository& repository, base::TargetId target, HistorySimulator& history)
        : ingest_(repository), target_(target), history_(history) {}

    base::Result<WrittenHistory> run(const std::function<void(double)>& progress) {
        PGANALYTICS_RETURN_IF_ERROR(announce(ingest_, target_, history_));
        PGANALYTICS_RETURN_IF_ERROR(ingest_.plans(target_, captured_plans(history_)));
        const HistoryTruth& truth = history_.truth();
        while (auto interval = history_.next()) {
            if (seen_++ % minutes_between_samples == 0) {
                samples_.push_back(sample_of(*interval, truth.database_name));
            }
            const auto day = std::chrono::floor<std::chrono::days>(interval->ends);
            if (day != catalog_day_) {
                catalog_day_ = day;
                PGANALYTICS_RETURN_IF_ERROR(ingest_.catalog(target_, history_.catalog(), interval->ends));
            }
            held_.push_back(std::move(*interval));
            if (held_.size() < intervals_at_once) continue;
            if (progress) progress((held_.back().ends - truth.begins) / base::Seconds(truth.ends - truth.begins));
            PGANALYTICS_RETURN_IF_ERROR(flush());
        }
        PGANALYTICS_RETURN_IF_ERROR(flush());
        return written_;
    }

  private:
    base::Status flush() {
        if (held_.empty()) return {};
        std::vector<store::IntervalBatch> batches;
        for (const SimulatedInterval& interval : held_) {
            store::IntervalBatch batch;
            batch.begins = interval.begins;
            batch.ends = interval.ends;
            batch.statements = interval.statements;
            batches.push_back(batch);
        }
        PGANALYTICS_ASSIGN(const auto report, ingest_.intervals(target_, batches));
        PGANALYTICS_RETURN_IF_ERROR(ingest_.activity(target_, samples_));
        written_.target_id = target_;
        written_.intervals += batches.size() - report.intervals_known;
        written_.rows += report.rows_stored;
        held_.clear();
        samples_.clear();
        return {};
    }

    store::Ingest ingest_;
    base::TargetId target_;
    HistorySimulator& history_;
    std::vector<SimulatedInterval> held_;
    std::vector<store::ActivitySample> samples_;
    std::size_t seen_ = 0;
    base::Timestamp catalog_day_{};  ///< of the newest catalog written
    WrittenHistory written_;
};

}  // namespace

base::Result<WrittenHistory> write_history(store::Repository& repository, store::TargetStore& targets,
                                           const std::string& target_name, HistorySimulator& history,
                                           const std::function<void(double)>& progress) {
    PGANALYTICS_ASSIGN(const auto target, simulated_target(repository, targets, target_name));
    return Writer(repository, target, history).run(progress);
}

}  // namespace pganalytics::simulation
