#include "simulation/workload_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "workflow/workload_advice.hpp"

namespace pganalytics::simulation {

namespace {

using namespace std::chrono_literals;

constexpr auto raw_kept = 48h;
constexpr std::chrono::seconds rolled_up = 600s;

/// What every statement did (raw intervals of the newest two days, ten minutes before that), and the catalog of each
/// day.
struct Replay {
    std::map<base::QueryHash, std::vector<patterns::StatementActivity>> activity;
    std::vector<std::pair<base::Timestamp, catalog::Database>> catalogs;

    explicit Replay(HistorySimulator& history) {
        std::map<workload::StatementKey, base::QueryHash> hashes;
        for (const SimulatedStatement& each : history.statements()) hashes[each.key] = each.query_hash;
        const auto raw_from = history.truth().ends - raw_kept;
        base::Timestamp day{};
        while (const auto interval = history.next()) {
            for (const auto& statement : interval->statements) add(hashes.at(statement.key), statement, raw_from);
            if (const auto today = std::chrono::floor<std::chrono::days>(interval->ends); today != day) {
                day = today;
                catalogs.emplace_back(interval->ends, history.catalog());
            }
        }
    }

    [[nodiscard]] std::vector<patterns::ChangeReading> changes_of(
        std::span<const catalog::Relation* const> tables) const {
        std::vector<patterns::ChangeReading> readings;
        for (const auto& [at, catalog] : catalogs) {
            readings.push_back({at, 0});
            for (const auto* table : tables) {
                const auto& counters = *catalog.find_relation(table->schema, table->name)->activity;
                readings.back().changes +=
                    static_cast<double>(counters.rows_inserted + counters.rows_updated + counters.rows_deleted);
            }
        }
        return readings;
    }

  private:
    void add(base::QueryHash query, const workload::StatementInterval& statement, base::Timestamp raw_from) {
        const auto& delta = statement.delta;
        const patterns::StatementActivity row{query,
                                              statement.begins,
                                              statement.ends,
                                              static_cast<double>(delta.calls),
                                              delta.total_exec_time_ms,
                                              static_cast<double>(delta.shared_blks_hit + delta.shared_blks_read),
                                              static_cast<double>(delta.rows)};
        auto& rows = activity[query];
        const auto bucket = [](base::Timestamp at) { return at.time_since_epoch() / rolled_up; };
        if (rows.empty() || row.begins >= raw_from || bucket(rows.back().begins) != bucket(row.begins)) {
            rows.push_back(row);
            return;
        }
        rows.back().ends = row.ends;
        rows.back().calls += row.calls;
        rows.back().time_ms += row.time_ms;
        rows.back().pages += row.pages;
        rows.back().rows += row.rows;
    }
};

bool serves_any(const advice::Advice& advice, const std::vector<base::QueryHash>& queries) {
    return std::any_of(advice.served.begin(), advice.served.end(), [&](const advice::ServedStatement& served) {
        return std::find(queries.begin(), queries.end(), served.query_hash) != queries.end();
    });
}

bool is_meant(const PlantedAdvice& planted, const advice::Advice& advice) {
    return planted.rule == advice.rule && serves_any(advice, planted.query_hashes) &&
           (planted.other_query_hashes.empty() || serves_any(advice, planted.other_query_hashes));
}

}  // namespace

WorkloadScore& WorkloadScore::operator+=(const WorkloadScore& other) {
    planted += other.planted;
    found += other.found;
    invented += other.invented;
    missed_words.insert(missed_words.end(), other.missed_words.begin(), other.missed_words.end());
    invented_words.insert(invented_words.end(), other.invented_words.begin(), other.invented_words.end());
    return *this;
}

double WorkloadScore::precision() const {
    return found + invented == 0 ? 1 : static_cast<double>(found) / static_cast<double>(found + invented);
}

double WorkloadScore::recall() const {
    return planted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(planted);
}

nlohmann::json WorkloadScore::to_json() const {
    return {{"planted", planted},
            {"found", found},
            {"invented", invented},
            {"precision", precision()},
            {"recall", recall()},
            {"missed", missed_words},
            {"invented_advice", invented_words}};
}

WorkloadScore score_workload(const HistoryTruth& truth, std::span<const advice::Advice> advised) {
    WorkloadScore score;
    for (const PlantedAdvice& planted : truth.advice) {
        ++score.planted;
        const bool found =
            std::any_of(advised.begin(), advised.end(), [&](const auto& advice) { return is_meant(planted, advice); });
        if (found) {
            ++score.found;
        } else {
            score.missed_words.push_back(fmt::format("{} of {} (seed {})", planted.rule, planted.why, truth.seed));
        }
    }
    for (const auto& advice : advised) {
        const bool meant = std::any_of(truth.advice.begin(), truth.advice.end(),
                                       [&](const auto& planted) { return is_meant(planted, advice); });
        if (meant) continue;
        ++score.invented;
        score.invented_words.push_back(fmt::format("{} (seed {}): {}", advice.rule, truth.seed, advice.title));
    }
    return score;
}

base::Result<std::vector<advice::Advice>> advise_on(const Scenario& scenario, const HistoryOptions& options,
                                                    const patterns::DatabaseHistory& history,
                                                    const patterns::Detection& found) {
    PGANALYTICS_ASSIGN(auto again, HistorySimulator::make(scenario, options));
    const Replay replay(again);
    workflow::ActivityReader reader([&](std::span<const base::QueryHash> queries) {
        std::vector<patterns::StatementActivity> rows;
        for (const base::QueryHash query : queries) {
            if (const auto own = replay.activity.find(query); own != replay.activity.end()) {
                rows.insert(rows.end(), own->second.begin(), own->second.end());
            }
        }
        return base::Result(std::move(rows));
    });
    std::vector<workflow::ObservedText> texts;
    for (const SimulatedStatement& statement : again.statements()) {
        texts.push_back({statement.query_hash, statement.text});
    }
    PGANALYTICS_ASSIGN(auto advice, workflow::advise_on_collisions(history, found.patterns, reader));
    PGANALYTICS_ASSIGN(auto reads,
                       workflow::advise_on_repeated_reads(history, texts, again.catalog(), reader, [&](auto tables) {
                           return base::Result(replay.changes_of(tables));
                       }));
    std::move(reads.begin(), reads.end(), std::back_inserter(advice));
    return advice;
}

}  // namespace pganalytics::simulation
