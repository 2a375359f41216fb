#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.hpp"
#include "cli/advice_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/connection_flags.hpp"
#include "cli/program.hpp"
#include "workflow/live_analysis.hpp"
#include "workflow/measured_settings.hpp"
#include "workflow/report_json.hpp"

namespace pganalytics::cli {

namespace {

struct AnalyzeFlags {
    ConnectionFlags connection;
    std::string workload;
    std::vector<std::string> only;
    bool all_databases = false;
    bool save = false;
    bool verify = false;
    bool exit_code = false;
    int limit = 20;
    bool brief = false;
};

/// "1 statement", "1,234 statements"
std::string counted(std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", base::with_thousands(static_cast<std::int64_t>(count)), what, count == 1 ? "" : "s");
}

std::size_t advice_count(const workflow::LiveReport& report) {
    std::size_t count = 0;
    for (const auto& analysis : report.analyses) count += analysis.advice.size();
    return count;
}

void print_table(Terminal& terminal, const workflow::LiveReport& report, const AnalyzeFlags& flags) {
    auto& out = terminal.out();
    int rank = 0;
    for (const auto& analysis : report.analyses) {
        const std::string window = analysis.window.count() > 0
                                       ? fmt::format(" over {}", base::to_words(base::Milliseconds(analysis.window)))
                                       : std::string();
        out << terminal.styled(Style::bold, fmt::format("Database {}", analysis.database_name))
            << fmt::format(": {}{}, {}\n\n", counted(analysis.statements, "statement"), window,
                           counted(analysis.advice.size(), "recommendation"));
        int shown = 0;
        for (const auto& ranked : analysis.advice) {
            if (shown++ == flags.limit) {
                out << fmt::format("     … and {} more (--limit)\n\n",
                                   analysis.advice.size() - static_cast<std::size_t>(flags.limit));
                break;
            }
            print_advice(terminal, ++rank, workflow::to_json(ranked), !flags.brief);
        }
        if (analysis.advice.empty()) out << "     Nothing to change was found.\n\n";
    }
    for (const auto& skipped : report.skipped) {
        if (!skipped.harmless)
            terminal.note(fmt::format("skipped {}:{}: {}", skipped.file, skipped.line, skipped.reason));
    }
    for (const auto& note : report.notes) terminal.note("note: " + note);
    // The same reason for many statements is said once, with their number.
    std::vector<std::pair<std::string, int>> reasons;
    for (const auto& analysis : report.analyses) {
        for (const auto& note : analysis.notes) {
            const auto same = std::find_if(reasons.begin(), reasons.end(),
                                           [&](const auto& reason) { return reason.first == note.text; });
            if (same == reasons.end()) {
                reasons.emplace_back(note.text, 1);
            } else {
                ++same->second;
            }
        }
    }
    constexpr std::size_t most_reasons = 8;
    for (std::size_t i = 0; i < std::min(reasons.size(), most_reasons); ++i) {
        terminal.note(reasons[i].second == 1 ? "note: " + reasons[i].first
                                             : fmt::format("note ({} times): {}", reasons[i].second, reasons[i].first));
    }
    if (reasons.size() > most_reasons) {
        terminal.note(fmt::format("… and {} more notes (--output json has them all)", reasons.size() - most_reasons));
    }
}

void print_ddl(Terminal& terminal, const workflow::LiveReport& report) {
    auto& out = terminal.out();
    for (const auto& analysis : report.analyses) {
        if (report.analyses.size() > 1) out << "-- database " << analysis.database_name << '\n';
        for (const auto& ranked : analysis.advice) {
            // A rewritten query or a setting of one transaction is no DDL: running it here would change nothing.
            if (ranked.advice.source != advice::SourceType::index) continue;
            out << "-- " << base::one_line(ranked.advice.title, 200) << '\n' << ranked.advice.statement;
            out << (ranked.advice.statement.ends_with(';') ? "\n" : ";\n");
        }
    }
}

Table as_table(const workflow::LiveReport& report) {
    Table table;
    table.columns = {{"Rule", "rule"},
                     {"Database", "database_name"},
                     {"What", "recommendation_text"},
                     {"Statement", "statement"},
                     {"Gain %", "estimated_improvement_percent", Align::right},
                     {"Confidence", "confidence_score", Align::right},
                     {"ROI", "roi_score", Align::right}};
    for (const auto& analysis : report.analyses) {
        for (const auto& ranked : analysis.advice) {
            const auto& advice = ranked.advice;
            table.rows.push_back(
                {text_cell(advice.rule), text_cell(advice.database_name), text_cell(advice.title),
                 text_cell(advice.statement),
                 number_cell(advice.estimated_improvement_percent,
                             fmt::format("{:.0f}", advice.estimated_improvement_percent)),
                 number_cell(advice.confidence.mean(), fmt::format("{:.2f}", advice.confidence.mean())),
                 number_cell(ranked.roi_score, fmt::format("{:.4g}", ranked.roi_score))});
        }
    }
    return table;
}

base::Status save_report(Invocation& invocation, const base::Secret& conninfo, const workflow::LiveReport& report) {
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_ASSIGN(const auto target, target_for(session, conninfo, report.server));
    for (auto analysis : report.analyses) {
        const auto known_notes = analysis.notes.size();
        PGANALYTICS_RETURN_IF_ERROR(workflow::recall_measured(session.repository(), target.id, analysis));
        for (auto i = known_notes; i < analysis.notes.size(); ++i) {
            invocation.terminal.note("not saved: " + analysis.notes[i].text);
        }
        PGANALYTICS_ASSIGN(const auto saved, workflow::save_analysis(session.repository(), target.id, analysis,
                                                                     workflow::AnalysisJobOptions{}.min_confidence));
        invocation.terminal.note(fmt::format("saved for target {}: {} new, {} known, {} no longer found", target.name,
                                             saved.added, saved.updated, saved.stale));
    }
    return {};
}

base::Result<int> run_analyze(Invocation& invocation, const AnalyzeFlags& flags) {
    workflow::LiveRequest request;
    const bool ddl = invocation.output_name == "ddl";
    OutputFormat format = OutputFormat::table;
    if (!ddl) {
        PGANALYTICS_ASSIGN(format, parse_output_format(invocation.output_name));
    }
    for (const auto& name : flags.only) {
        PGANALYTICS_RETURN_IF_ERROR(workflow::check_capability(name));
        request.only.insert(name);
    }
    PGANALYTICS_ASSIGN(request.conninfo, flags.connection.conninfo(invocation.terminal));
    if (!flags.workload.empty()) request.workload_files = flags.workload;
    request.all_databases = flags.all_databases;
    request.verify = flags.verify;
    request.progress = [&](std::string_view stage) { invocation.terminal.progress(stage); };
    PGANALYTICS_ASSIGN(const auto report, workflow::analyze_live(request));
    invocation.terminal.clear_progress();
    if (ddl) {
        print_ddl(invocation.terminal, report);
    } else if (format == OutputFormat::json) {
        invocation.terminal.out() << workflow::to_json(report).dump(2) << '\n';
    } else if (format == OutputFormat::csv) {
        print(invocation.terminal, as_table(report), format);
    } else {
        print_table(invocation.terminal, report, flags);
    }
    if (flags.save) PGANALYTICS_RETURN_IF_ERROR(save_report(invocation, request.conninfo, report));
    return flags.exit_code && advice_count(report) > 0 ? exit_findings : 0;
}

}  // namespace

void add_analyze(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<AnalyzeFlags>();
    auto* command = tree.add_subcommand("analyze", "Read a database's workload, think, print what to change");
    flags->connection.add_to(*command);
    command
        ->add_option("--workload", flags->workload,
                     "Judge the statements of a .sql file or folder instead of pg_stat_statements")
        ->type_name("PATH");
    command
        ->add_option("--only", flags->only,
                     "Only these capabilities: " + base::join(workflow::capability_names(), ", "))
        ->type_name("NAME")
        ->delimiter(',');
    command->add_flag("--all-databases", flags->all_databases, "Every database of the server that ran statements");
    command->add_flag("--save", flags->save, "Store the result in the repository");
    command->add_flag("--verify", flags->verify,
                      "Run statements that only read, with and without the setting advised, and compare");
    command->add_flag("--exit-code", flags->exit_code, "Exit with 5 when there is advice");
    command->add_flag("--brief", flags->brief, "Without reasons and evidence");
    command->add_option("--limit", flags->limit, "Recommendations shown a database")
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    command->footer("--output also takes ddl: the statements to run, and nothing else.");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_analyze(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
