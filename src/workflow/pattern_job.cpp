#include "workflow/pattern_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "patterns/pattern_json.hpp"
#include "store/history.hpp"
#include "workflow/job_move.hpp"
#include "workflow/load_series.hpp"
#include "workflow/peak_ahead.hpp"
#include "workflow/workload_job.hpp"

namespace pganalytics::workflow {

namespace {

/// More than these carry next to none of a database's load; a series of each costs memory and time.
constexpr std::size_t most_queries = 1000;
constexpr std::size_t most_fine_queries = 300;

patterns::TimeZone zone_of(const store::Target& target) {
    // A zone that this machine's tzdata lacks costs the words their local time, not the detection.
    return patterns::TimeZone::find(target.time_zone.empty() ? "UTC" : target.time_zone).value_or(patterns::TimeZone{});
}

std::string clock_words(int minute_of_day) {
    return fmt::format("{:02}:{:02} UTC", minute_of_day / 60 % 24, minute_of_day % 60);
}

/// "this job moved": its start against the one stored before.
void note_move(const patterns::Pattern& pattern, const nlohmann::json& before, store::PatternToSave& row,
               nlohmann::json& metadata) {
    if (pattern.type != patterns::PatternType::batch_job || !pattern.metadata.start_minute) return;
    const auto start = before.find("start_minute");
    if (start == before.end() || !start->is_number_integer()) return;
    const int from = start->get<int>();
    if (!moved_from(pattern.metadata, from)) {
        // Still news until another detection finds it where this one does.
        if (const auto earlier = before.find("moved_from_minute"); earlier != before.end()) {
            metadata["moved_from_minute"] = *earlier;
        }
        return;
    }
    metadata["moved_from_minute"] = from;
    const bool is_daily = pattern.metadata.period_hours.value_or(24) >= 24;
    row.description += is_daily ? fmt::format("; it used to start at {}", clock_words(from))
                                : fmt::format("; it used to start at minute {}", from % 60);
}

/// Capacity is a matter of the load's rhythm: the note stands with the pattern that says most about it.
void note_peak_ahead(const patterns::Series& hourly_calls, std::vector<store::PatternToSave>& rows) {
    for (const auto type : {patterns::PatternType::daily_cycle, patterns::PatternType::weekly_pattern,
                            patterns::PatternType::hourly_peak}) {
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const store::PatternToSave& each) {
            return each.pattern_type == patterns::to_string(type);
        });
        if (row == rows.end()) continue;
        const auto peak = peak_ahead(hourly_calls);
        if (!peak) return;
        row->description += to_words(*peak);
        auto metadata = nlohmann::json::parse(row->pattern_metadata_json);
        metadata["peak_ahead"] = {{"at", base::to_rfc3339(peak->at)},
                                  {"expected_calls", peak->mean},
                                  {"upper_80_calls", peak->upper_80},
                                  {"most_seen_calls", peak->most_seen},
                                  {"seen_at", base::to_rfc3339(peak->seen_at)}};
        row->pattern_metadata_json = metadata.dump();
        return;
    }
}

class DatabaseDetection {
  public:
    DatabaseDetection(store::Repository& repository, const store::Target& target, store::Window window,
                      base::Timestamp now)
        : repository_(repository), target_(target), window_(window), now_(now) {}

    base::Result<DetectedDatabase> run(const std::string& database_name) {
        PGANALYTICS_ASSIGN(const auto history, load_database_history(repository_, target_, database_name, window_));
        DetectedDatabase result;
        result.target_id = target_.id;
        result.database_name = database_name;
        result.days_observed = static_cast<double>(history.calls.observed()) / 24;
        result.found = patterns::detect_patterns(history);
        PGANALYTICS_ASSIGN(auto rows, rows_of(database_name, result.found.patterns));
        note_peak_ahead(history.calls, rows);
        PGANALYTICS_ASSIGN(result.saved, store::PatternStore(repository_).save(target_.id, database_name, rows, now_));
        PGANALYTICS_ASSIGN(result.advised, advise_on_workload(repository_, target_.id, history, result.found, window_));
        return result;
    }

  private:
    base::Result<std::vector<store::PatternToSave>> rows_of(const std::string& database_name,
                                                            const std::vector<patterns::Pattern>& found) {
        store::PatternFilter filter;
        filter.target = target_.id;
        filter.database_name = database_name;
        filter.limit = most_queries;
        PGANALYTICS_ASSIGN(const auto known, store::PatternStore(repository_).list(filter));
        std::map<std::string, nlohmann::json> before;
        for (const auto& pattern : known.items) {
            before[pattern.identity] = nlohmann::json::parse(pattern.pattern_metadata_json, nullptr, false);
        }
        std::vector<store::PatternToSave> rows;
        std::set<std::string> names;
        for (const auto& pattern : found) {
            store::PatternToSave row;
            row.identity = pattern_identity(pattern);
            // Two that cannot be told apart by what they are about: the first is the more confident one.
            if (!names.insert(row.identity).second) continue;
            row.pattern_type = patterns::to_string(pattern.type);
            row.description = pattern.description;
            row.affected_query_count = static_cast<int>(pattern.metadata.affected_queries.size());
            nlohmann::json metadata = patterns::metadata_json(pattern.metadata);
            if (const auto old = before.find(row.identity); old != before.end() && old->second.is_object()) {
                note_move(pattern, old->second, row, metadata);
            }
            row.pattern_metadata_json = metadata.dump();
            rows.push_back(std::move(row));
        }
        return rows;
    }

    store::Repository& repository_;
    const store::Target& target_;
    store::Window window_;
    base::Timestamp now_;
};

base::Error bad_payload(std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("The job's payload {}", what),
            R"(It is {"database_name": …, "lookback_days": 7 to 365, "target_id": …}; each may be null.)", "payload"};
}

}  // namespace

base::Result<PatternRequest> read_pattern_request(std::string_view payload_json) {
    const auto json = nlohmann::json::parse(payload_json, nullptr, false);
    if (!json.is_object()) return bad_payload("is not a JSON object");
    const auto field = [&](const char* name) { return json.contains(name) ? json[name] : nlohmann::json(nullptr); };
    PatternRequest request;
    if (const auto target = field("target_id"); target.is_number_integer()) {
        request.target = base::TargetId{target.get<std::int64_t>()};
    } else if (!target.is_null()) {
        return bad_payload("has a target_id that is no whole number");
    }
    if (const auto name = field("database_name"); name.is_string()) {
        request.database_name = name.get<std::string>();
    } else if (!name.is_null()) {
        return bad_payload("has a database_name that is no text");
    }
    if (const auto days = field("lookback_days"); days.is_number_integer()) {
        const auto given = days.get<std::int64_t>();
        if (given < least_lookback_days) return bad_payload("asks for less than 7 days");
        request.lookback_days = static_cast<int>(std::min<std::int64_t>(given, most_lookback_days));
    } else if (!days.is_null()) {
        return bad_payload("has lookback_days that are no whole number");
    }
    return request;
}

base::Result<patterns::DatabaseHistory> load_database_history(store::Repository& repository,
                                                              const store::Target& target,
                                                              const std::string& database_name,
                                                              const store::Window& window) {
    const store::Window hours{std::chrono::floor<std::chrono::hours>(window.from),
                              std::chrono::ceil<std::chrono::hours>(window.to)};
    store::LoadHistory load(repository);
    PGANALYTICS_ASSIGN(const auto watched, load.observed_spans(target.id, hours));
    PGANALYTICS_ASSIGN(const auto by_hour, load.by_hour(target.id, database_name, hours, most_queries));
    const auto idle = mostly_idle(by_hour, watched, most_fine_queries);
    PGANALYTICS_ASSIGN(const auto fine, load.finest(target.id, database_name, hours, idle));
    return database_history(database_name, zone_of(target), hours, by_hour, fine, watched);
}

base::Result<std::vector<DetectedDatabase>> detect_workload_patterns(
    store::Repository& repository, store::TargetStore& targets, const base::Clock& clock, const PatternRequest& request,
    const std::function<bool(double, std::string_view)>& go_on) {
    const base::Timestamp now = clock.now();
    const store::Window window{now - std::chrono::days(request.lookback_days), now};
    store::History history(repository);
    PGANALYTICS_ASSIGN(const auto known, targets.list());
    std::vector<std::pair<store::Target, std::string>> work;
    for (const auto& target : known) {
        if (request.target && target.id != *request.target) continue;
        PGANALYTICS_ASSIGN(const auto databases, history.databases(target.id, window));
        for (const auto& database : databases) {
            if (!request.database_name || *request.database_name == database) work.emplace_back(target, database);
        }
    }
    if (work.empty() && request.database_name) {
        return base::Error{base::ErrorCode::not_found,
                           fmt::format("Nothing was collected of database \"{}\" in the last {} days",
                                       *request.database_name, request.lookback_days),
                           "`pganalytics targets list` shows what is collected.", "database_name"};
    }
    std::vector<DetectedDatabase> results;
    for (const auto& [target, database] : work) {
        const double progress = static_cast<double>(results.size()) / static_cast<double>(work.size());
        if (go_on && !go_on(progress, "patterns of " + database)) break;
        PGANALYTICS_ASSIGN(auto detected, DatabaseDetection(repository, target, window, now).run(database));
        results.push_back(std::move(detected));
    }
    return results;
}

std::string pattern_identity(const patterns::Pattern& pattern) {
    const auto& data = pattern.metadata;
    const std::string type(patterns::to_string(pattern.type));
    switch (pattern.type) {
        case patterns::PatternType::hourly_peak:
            return fmt::format("{}/{}", type, data.peak_hour.value_or(-1));
        case patterns::PatternType::daily_cycle:
        case patterns::PatternType::weekly_pattern:
            return type;
        case patterns::PatternType::batch_job: {
            // The smallest hash, not the heaviest query: which one is heaviest changes from night to night.
            const auto& queries = data.affected_queries;
            const auto least = queries.empty() ? base::QueryHash{} : *std::min_element(queries.begin(), queries.end());
            return fmt::format("{}/{}/{:.3g}", type, base::to_integer(least), data.period_hours.value_or(0));
        }
        case patterns::PatternType::periodic:
            // To a tenth of its logarithm: an estimate that wavers by a percent is the same period.
            return fmt::format("{}/{}", type, std::lround(10 * std::log(data.period_hours.value_or(1))));
    }
    return type;
}

}  // namespace pganalytics::workflow
