#include "workflow/live_analysis.hpp"

#include <fmt/format.h>

#include "collector/catalog_reader.hpp"
#include "collector/workload_reader.hpp"
#include "postgres/server_planner.hpp"
#include "workflow/server_memory.hpp"
#include "workflow/verify_settings.hpp"

namespace pganalytics::workflow {

namespace {

class LiveAnalysis {
  public:
    LiveAnalysis(const LiveRequest& request, postgres::Connection& connection)
        : request_(request), connection_(connection) {}

    base::Result<LiveReport> run() {
        say("reading server facts");
        PGANALYTICS_ASSIGN(const auto facts, collector::read_server_facts(connection_));
        report_.server = connection_.redacted();
        report_.server_version = facts.version.number;
        std::vector<workload::Workload> workloads;
        if (request_.workload_files) {
            PGANALYTICS_ASSIGN(auto files, read_workload_files(*request_.workload_files, connection_.database()));
            report_.origins = std::move(files.origins);
            report_.skipped = std::move(files.skipped);
            workloads.push_back(std::move(files.workload));
        } else {
            say("reading pg_stat_statements");
            collector::WorkloadOptions options;
            if (!request_.all_databases) options.databases.include = {connection_.database()};
            PGANALYTICS_ASSIGN(auto reading, collector::read_workload(connection_, request_.conninfo, facts, options));
            report_.notes = std::move(reading.notes);
            workloads = std::move(reading.workloads);
        }
        for (const auto& workload : workloads) {
            if (auto done = analyze_database(workload); !done) {
                if (workloads.size() == 1) return std::move(done).error();
                report_.notes.push_back(
                    fmt::format("database {} was left out: {}", workload.database_name, done.error().to_string()));
            }
        }
        return std::move(report_);
    }

  private:
    void say(std::string_view stage) const {
        if (request_.progress) request_.progress(stage);
    }

    base::Status analyze_database(const workload::Workload& workload) {
        if (workload.database_name == connection_.database()) return analyze_on(connection_, workload);
        PGANALYTICS_ASSIGN(const auto conninfo, postgres::with_database(request_.conninfo, workload.database_name));
        PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(conninfo));
        return analyze_on(connection, workload);
    }

    base::Status analyze_on(postgres::Connection& connection, const workload::Workload& workload) {
        say(fmt::format("{}: reading the catalog", workload.database_name));
        PGANALYTICS_ASSIGN(auto reading, collector::read_catalog(connection));
        for (const auto& note : reading.notes)
            report_.notes.push_back(fmt::format("{}: {}", workload.database_name, note));
        postgres::ServerPlanner planner(connection);
        AnalysisOptions options;
        options.only = request_.only;
        options.progress = [&](std::string_view stage) { say(fmt::format("{}: {}", workload.database_name, stage)); };
        PGANALYTICS_RETURN_IF_ERROR(add_server_memory(connection, std::nullopt, options));
        auto analysis = analyze(workload, reading.database, planner, options);
        if (request_.verify) {
            verify_settings(connection, workload, reading.database, analysis, {}, options.progress);
        }
        report_.analyses.push_back(std::move(analysis));
        return {};
    }

    const LiveRequest& request_;
    postgres::Connection& connection_;
    LiveReport report_;
};

}  // namespace

base::Result<LiveReport> analyze_live(const LiveRequest& request) {
    if (request.progress) request.progress("connecting");
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(request.conninfo));
    return LiveAnalysis(request, connection).run();
}

}  // namespace pganalytics::workflow
