#include "collector/check.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/connection_flags.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"

namespace pganalytics::cli {

namespace {

struct CheckFlags {
    ConnectionFlags connection;
    bool exit_code = false;
};

Style style_of(collector::Severity severity) {
    switch (severity) {
        case collector::Severity::blocking:
            return Style::bad;
        case collector::Severity::degraded:
            return Style::warning;
        case collector::Severity::advice:
            break;
    }
    return Style::dim;
}

void print_report(Terminal& terminal, const collector::CheckReport& report) {
    auto& out = terminal.out();
    out << fmt::format("PostgreSQL {}.{}, role {}{}\n", report.facts.version.major(),
                       report.facts.version.number % 10000, report.facts.role,
                       report.facts.standby ? ", a standby" : "");
    for (const auto& tier : report.tiers) {
        out << fmt::format("  tier {:<9} {}\n", collector::to_string(tier.tier),
                           tier.reached ? terminal.styled(Style::good, "reached")
                                        : terminal.styled(Style::warning, "not reached: " + tier.why_not));
    }
    out << '\n';
    if (report.findings.empty()) out << terminal.styled(Style::good, "Nothing is missing.") << '\n';
    for (const auto& finding : report.findings) {
        out << terminal.styled(style_of(finding.severity), fmt::format("{:<9}", collector::to_string(finding.severity)))
            << (finding.database.empty() ? "" : finding.database + ": ") << finding.message << '\n';
        if (!finding.remedy.empty()) out << wrapped(finding.remedy, 0, 11);
        if (finding.needs_restart) out << "           (needs a restart of the server)\n";
    }
}

/// The report as a JSON document: what the server is beside what is missing there.
std::string to_json_text(const collector::CheckReport& report) {
    using nlohmann::ordered_json;
    ordered_json document{{"server_version", report.facts.version.number},
                          {"role", report.facts.role},
                          {"standby", report.facts.standby},
                          {"tiers", ordered_json::array()},
                          {"findings", ordered_json::array()}};
    for (const auto& tier : report.tiers) {
        document["tiers"].push_back(
            {{"tier", collector::to_string(tier.tier)}, {"reached", tier.reached}, {"why_not", tier.why_not}});
    }
    for (const auto& finding : report.findings) {
        document["findings"].push_back({{"severity", collector::to_string(finding.severity)},
                                        {"code", finding.code},
                                        {"database_name", finding.database},
                                        {"message", finding.message},
                                        {"remedy", finding.remedy},
                                        {"needs_restart", finding.needs_restart}});
    }
    return document.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

/// One line a finding.
Table to_table(const collector::CheckReport& report) {
    Table table;
    table.columns = {{"Severity", "severity"},
                     {"Code", "code"},
                     {"Database", "database_name"},
                     {"Message", "message"},
                     {"Remedy", "remedy"}};
    for (const auto& finding : report.findings) {
        table.rows.push_back({text_cell(collector::to_string(finding.severity)), text_cell(finding.code),
                              text_cell(finding.database), text_cell(finding.message), text_cell(finding.remedy)});
    }
    return table;
}

base::Result<int> run_check(Invocation& invocation, const CheckFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(const auto conninfo, flags.connection.conninfo(invocation.terminal));
    invocation.terminal.progress("checking");
    PGANALYTICS_ASSIGN(const auto report, collector::check_target(conninfo));
    invocation.terminal.clear_progress();
    switch (format) {
        case OutputFormat::table:
            print_report(invocation.terminal, report);
            break;
        case OutputFormat::json:
            invocation.terminal.out() << to_json_text(report) << '\n';
            break;
        case OutputFormat::csv:
            print(invocation.terminal, to_table(report), format);
            break;
    }
    for (const auto& finding : report.findings) {
        if (finding.severity == collector::Severity::blocking) return base::mapping_of(finding.error_code).exit_code;
    }
    return flags.exit_code && !report.findings.empty() ? exit_findings : 0;
}

base::Result<int> run_setup_target(Invocation& invocation, const ConnectionFlags& connection,
                                   const collector::SetupOptions& chosen, int version) {
    collector::SetupOptions options = chosen;
    catalog::ServerVersion server{version * 10000};
    std::vector<collector::DatabaseSchemas> databases;
    if (version == 0) {
        PGANALYTICS_ASSIGN(const auto conninfo, connection.conninfo(invocation.terminal));
        invocation.terminal.progress("reading the server's version and databases");
        PGANALYTICS_ASSIGN(const auto report, collector::check_target(conninfo));
        server = report.facts.version;
        PGANALYTICS_ASSIGN(databases, collector::read_schemas(conninfo, report.facts));
    }
    invocation.terminal.clear_progress();
    invocation.terminal.out() << collector::to_psql_script(collector::setup_steps(server, databases, options));
    return 0;
}

}  // namespace

void add_check(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<CheckFlags>();
    auto* command =
        tree.add_subcommand("check", "Say what keeps a server from being collected in full, and how to mend it");
    flags->connection.add_to(*command);
    command->add_flag("--exit-code", flags->exit_code, "Exit with 5 when anything is missing");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_check(invocation, *flags); });
    });
}

void add_setup_target(CLI::App& tree, Program& program) {
    struct Flags {
        ConnectionFlags connection;
        collector::SetupOptions options;
        int version = 0;
    };
    auto flags = std::make_shared<Flags>();
    auto* command = tree.add_subcommand("setup-target",
                                        "Print the SQL that prepares a server, with the least privilege; runs nothing");
    flags->connection.add_to(*command);
    command->add_option("--role", flags->options.role, "Name of the role to make")->type_name("ROLE");
    command->add_flag("--apply", flags->options.include_apply, "Also the role that may create indexes");
    command
        ->add_option("--server-version", flags->version, "Print for this major version without connecting (13 to 18)")
        ->type_name("N")
        ->check(CLI::Range(13, 18));
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) {
            return run_setup_target(invocation, flags->connection, flags->options, flags->version);
        });
    });
}

}  // namespace pganalytics::cli
