#include "simulation/history_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "workflow/load_series.hpp"

namespace pganalytics::simulation {

namespace {

using namespace std::chrono_literals;

constexpr auto raw_kept = 48h;

/// Sums of intervals in buckets, with the first and last moment in which a statement ran: what the repository keeps.
class RollUp {
  public:
    explicit RollUp(std::chrono::seconds bucket) : bucket_(bucket) {}

    void add(base::QueryHash query, const workload::StatementInterval& interval) {
        const auto since = interval.begins.time_since_epoch();
        const base::Timestamp begins = interval.begins - since % bucket_;
        auto [it, is_new] = rows_.try_emplace({query, begins});
        store::LoadRow& row = it->second;
        if (is_new) {
            row = {query, begins, base::Seconds(bucket_), interval.begins, interval.ends, 0, 0};
        }
        row.active_from = std::min(row.active_from, interval.begins);
        row.active_to = std::max(row.active_to, interval.ends);
        row.calls += static_cast<double>(interval.delta.calls);
        row.time_ms += interval.delta.total_exec_time_ms;
    }

    [[nodiscard]] std::vector<store::LoadRow> rows() const {
        std::vector<store::LoadRow> list;
        for (const auto& [key, row] : rows_) list.push_back(row);
        return list;
    }

  private:
    std::chrono::seconds bucket_;
    std::map<std::pair<base::QueryHash, base::Timestamp>, store::LoadRow> rows_;
};

double cyclic_distance(double a, double b, double cycle) {
    return std::abs(std::remainder(a - b, cycle));
}

bool is_same_period(double a, double b) {
    return std::abs(a / b - 1) <= period_tolerance;
}

bool share_a_query(const std::vector<base::QueryHash>& a, const std::vector<base::QueryHash>& b) {
    return std::any_of(a.begin(), a.end(),
                       [&](base::QueryHash each) { return std::find(b.begin(), b.end(), each) != b.end(); });
}

double start_distance(const PlantedPattern& planted, const patterns::PatternMetadata& found) {
    const double cycle = std::min(1440.0, planted.period_hours * 60);
    return cyclic_distance(planted.start_minute.value_or(0), found.start_minute.value_or(0), cycle);
}

bool explains(const PlantedPattern& planted, const patterns::Pattern& found) {
    const auto& data = found.metadata;
    const std::string_view type = patterns::to_string(found.type);
    // A pattern is named by its period: a job's six hours are `periodic` where the database's load shows them.
    if (planted.pattern_type != type) return false;
    switch (found.type) {
        case patterns::PatternType::hourly_peak:
            return planted.hour == data.peak_hour;
        case patterns::PatternType::daily_cycle:
        case patterns::PatternType::weekly_pattern:
            return true;
        case patterns::PatternType::periodic:
            return data.period_hours && is_same_period(*data.period_hours, planted.period_hours);
        case patterns::PatternType::batch_job:
            return data.period_hours && is_same_period(*data.period_hours, planted.period_hours) &&
                   share_a_query(planted.query_hashes, data.affected_queries) &&
                   start_distance(planted, data) <= start_tolerance_minutes;
    }
    return false;
}

std::string words(const PlantedPattern& planted) {
    return fmt::format(
        "{} {}{}{}", planted.pattern_type, planted.hour ? fmt::format("at {:02}:00 ", *planted.hour) : std::string(),
        planted.start_minute ? fmt::format("from minute {} every {:g} h ", *planted.start_minute, planted.period_hours)
                             : std::string(),
        planted.why);
}

std::string words(const patterns::Pattern& found) {
    return fmt::format(
        "{} {}(period {:g} h): {}", patterns::to_string(found.type),
        found.metadata.start_minute ? fmt::format("from minute {} ", *found.metadata.start_minute) : std::string(),
        found.metadata.period_hours.value_or(0), found.description);
}

}  // namespace

HistoryScore& HistoryScore::operator+=(const HistoryScore& other) {
    planted += other.planted;
    found += other.found;
    invented += other.invented;
    incidents += other.incidents;
    incidents_found += other.incidents_found;
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(missed_words, other.missed_words);
    append(invented_words, other.invented_words);
    append(start_errors, other.start_errors);
    append(peak_confidences, other.peak_confidences);
    return *this;
}

double HistoryScore::f1() const {
    const double wrong = static_cast<double>(invented + planted - found);
    return found == 0 ? (wrong == 0 ? 1.0 : 0.0)
                      : 2 * static_cast<double>(found) / (2 * static_cast<double>(found) + wrong);
}

nlohmann::json HistoryScore::to_json() const {
    const auto worst = [](const std::vector<double>& list) {
        return list.empty() ? nlohmann::json(nullptr) : nlohmann::json(*std::max_element(list.begin(), list.end()));
    };
    const auto least = [](const std::vector<double>& list) {
        return list.empty() ? nlohmann::json(nullptr) : nlohmann::json(*std::min_element(list.begin(), list.end()));
    };
    return {{"planted", planted},
            {"found", found},
            {"invented", invented},
            {"f1", f1()},
            {"missed", missed_words},
            {"invented_patterns", invented_words},
            {"worst_start_error_minutes", worst(start_errors)},
            {"least_peak_confidence", least(peak_confidences)},
            {"incidents", incidents},
            {"incidents_found", incidents_found}};
}

HistoryScore score_detection(const HistoryTruth& truth, const patterns::Detection& found) {
    HistoryScore score;
    for (const PlantedPattern& planted : truth.patterns) {
        if (!planted.required) continue;
        ++score.planted;
        const auto match = std::find_if(found.patterns.begin(), found.patterns.end(),
                                        [&](const auto& pattern) { return explains(planted, pattern); });
        if (match == found.patterns.end()) {
            score.missed_words.push_back(words(planted));
            continue;
        }
        ++score.found;
        if (planted.start_minute) score.start_errors.push_back(start_distance(planted, match->metadata));
        if (planted.hour) score.peak_confidences.push_back(match->metadata.confidence);
    }
    for (const patterns::Pattern& pattern : found.patterns) {
        const bool explained = std::any_of(truth.patterns.begin(), truth.patterns.end(),
                                           [&](const auto& planted) { return explains(planted, pattern); });
        if (explained) continue;
        ++score.invented;
        score.invented_words.push_back(words(pattern));
    }
    for (const PlantedSpan& incident : truth.incidents) {
        ++score.incidents;
        const bool seen = std::any_of(
            found.outliers.begin(), found.outliers.end(),
            [&](const patterns::Incident& each) { return each.begins < incident.ends && each.ends > incident.begins; });
        if (seen) ++score.incidents_found;
    }
    return score;
}

patterns::DatabaseHistory roll_up(HistorySimulator& history) {
    const HistoryTruth& truth = history.truth();
    std::map<workload::StatementKey, base::QueryHash> hashes;
    for (const SimulatedStatement& statement : history.statements()) hashes[statement.key] = statement.query_hash;
    RollUp hours(3600s);
    RollUp tens(600s);
    std::vector<store::LoadRow> raw;
    std::vector<store::ObservedSpan> watched;
    while (const auto interval = history.next()) {
        if (!watched.empty() && watched.back().ends == interval->begins) {
            watched.back().ends = interval->ends;
        } else {
            watched.push_back({interval->begins, interval->ends});
        }
        for (const auto& statement : interval->statements) {
            const base::QueryHash query = hashes.at(statement.key);
            hours.add(query, statement);
            if (statement.begins < truth.ends - raw_kept) {
                tens.add(query, statement);
            } else {
                raw.push_back({query, statement.begins, base::Seconds(60), statement.begins, statement.ends,
                               static_cast<double>(statement.delta.calls), statement.delta.total_exec_time_ms});
            }
        }
    }
    const auto by_hour = hours.rows();
    const auto idle = workflow::mostly_idle(by_hour, watched, 300);
    std::vector<store::LoadRow> fine;
    const auto take = [&](const std::vector<store::LoadRow>& rows) {
        for (const store::LoadRow& row : rows) {
            if (std::find(idle.begin(), idle.end(), row.query_hash) != idle.end()) fine.push_back(row);
        }
    };
    take(tens.rows());
    take(raw);
    const store::Window window{std::chrono::floor<std::chrono::hours>(truth.begins),
                               std::chrono::ceil<std::chrono::hours>(truth.ends)};
    return workflow::database_history(truth.database_name, {}, window, by_hour, fine, watched);
}

}  // namespace pganalytics::simulation
