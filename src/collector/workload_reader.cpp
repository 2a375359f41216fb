#include "collector/workload_reader.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"

namespace pganalytics::collector {

namespace {

using workload::ObservedStatement;
using workload::StatementKey;
using workload::Workload;

/// Since when the sums count, and how that is known.
struct Since {
    base::Timestamp at;
    std::string note;
};

Since counted_since(const CumulativeSample& sample) {
    // A reset time of 2000-01-01 is PostgreSQL's zero: the counters were lost in a crash and the start is the
    // beginning.
    constexpr base::Timestamp postgres_epoch{std::chrono::seconds(946684800)};
    if (sample.stats_reset && *sample.stats_reset > postgres_epoch) return {*sample.stats_reset, ""};
    return {sample.server_started,
            "This version does not tell when the counters were reset; rates are per minute since the server started."};
}

/// One entry per database and text, whatever the users and queryids.
class Builder {
  public:
    Builder(const ServerFacts& facts, const WorkloadOptions& options) : facts_(facts), options_(options) {}

    void add(const CumulativeEntry& entry, const StatementText& text, const std::string& user_name) {
        const auto* database = facts_.find_database(entry.key.database);
        if (!database || !options_.databases.admits(database->name) || entry.counters.calls == 0) return;
        auto& statement = databases_[database->name][text.query_hash];
        if (statement.query_ids.empty()) {
            statement.query_hash = text.query_hash;
            statement.fingerprint_hash = text.fingerprint_hash;
            statement.text = text.text;
            statement.database_name = database->name;
            statement.user_name = user_name;
        } else if (statement.user_name != user_name) {
            statement.user_name.clear();
        }
        if (std::find(statement.query_ids.begin(), statement.query_ids.end(), entry.key.query_id) ==
            statement.query_ids.end())
            statement.query_ids.push_back(entry.key.query_id);
        statement.sum += entry.counters;
    }

    std::vector<Workload> finish(base::Minutes window) {
        std::vector<Workload> workloads;
        for (auto& [name, statements] : databases_) {
            Workload workload;
            workload.database_name = name;
            workload.window = window;
            for (auto& [hash, statement] : statements) {
                statement.stddev_exec_time_ms = statement.sum.stddev_exec_time_ms();
                if (window.count() > 0)
                    statement.max_calls_per_minute = static_cast<double>(statement.sum.calls) / window.count();
                workload.statements.push_back(std::move(statement));
            }
            std::sort(workload.statements.begin(), workload.statements.end(),
                      [](const auto& a, const auto& b) { return a.sum.total_exec_time_ms > b.sum.total_exec_time_ms; });
            if (workload.statements.size() > options_.max_statements)
                workload.statements.resize(options_.max_statements);
            workloads.push_back(std::move(workload));
        }
        std::sort(workloads.begin(), workloads.end(),
                  [](const Workload& a, const Workload& b) { return total_time(a) > total_time(b); });
        return workloads;
    }

  private:
    static double total_time(const Workload& workload) {
        double sum = 0;
        for (const auto& statement : workload.statements) sum += statement.sum.total_exec_time_ms;
        return sum;
    }

    const ServerFacts& facts_;
    const WorkloadOptions& options_;
    std::map<std::string, std::map<base::QueryHash, ObservedStatement>> databases_;
};

}  // namespace

base::Result<WorkloadReading> read_workload(postgres::Connection& connection, const base::Secret& conninfo,
                                            const ServerFacts& facts, const WorkloadOptions& options) {
    PGANALYTICS_ASSIGN(const auto source, discover_statement_source(connection));
    PGANALYTICS_ASSIGN(const auto sample, read_counters(connection, source));
    if (sample.entries.empty() && sample.hidden > 0)
        return base::Error{base::ErrorCode::grant_access,
                           "Every entry of pg_stat_statements is hidden from role \"" + facts.role + "\"",
                           "Run: GRANT pg_monitor TO " + catalog::quote_identifier(facts.role) + ";", ""};
    std::vector<StatementKey> keys;
    std::set<base::Oid> roles;
    for (const auto& entry : sample.entries) {
        keys.push_back(entry.key);
        roles.insert(entry.key.user);
    }
    PGANALYTICS_ASSIGN(auto texts, read_texts(connection, conninfo, facts, source, keys, options.texts));
    PGANALYTICS_ASSIGN(const auto role_names, read_role_names(connection, roles));

    std::map<StatementKey, const StatementText*> text_of;
    for (const auto& text : texts.texts) text_of.emplace(text.key, &text);
    Builder builder(facts, options);
    for (const auto& entry : sample.entries) {
        const auto text = text_of.find(entry.key);
        if (text == text_of.end()) continue;
        const auto role = role_names.find(entry.key.user);
        builder.add(entry, *text->second, role == role_names.end() ? "" : role->second);
    }
    WorkloadReading reading;
    const auto since = counted_since(sample);
    reading.workloads = builder.finish(std::chrono::duration_cast<base::Minutes>(sample.ended - since.at));
    reading.hidden = sample.hidden;
    if (!since.note.empty()) reading.notes.push_back(since.note);
    if (!texts.problem.empty()) reading.notes.push_back(texts.problem);
    if (texts.left_for_later > 0)
        reading.notes.push_back("The texts of " + base::with_thousands(texts.left_for_later) +
                                " statements are over the size cap and were left out.");
    if (sample.hidden > 0)
        reading.notes.push_back(base::with_thousands(sample.hidden) +
                                " statements of other roles are hidden; GRANT pg_monitor shows them.");
    return reading;
}

}  // namespace pganalytics::collector
