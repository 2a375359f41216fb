#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "store/history.hpp"
#include "store/recommendations.hpp"
#include "workflow/parameter_job.hpp"
#include "workflow/report_json.hpp"

namespace pganalytics::cli {

namespace {

struct ParameterFlags {
    std::string target, database, query;
    std::size_t limit = 20;
    bool generate = false;
};

base::Result<std::optional<base::QueryHash>> parse_query(const std::string& text) {
    if (text.empty()) return std::optional<base::QueryHash>();
    const auto number = base::parse_integer(text);
    if (number && *number > 0) return std::optional(base::QueryHash{*number});
    return base::Error{base::ErrorCode::usage, fmt::format("\"{}\" is no query_hash", text),
                       "It is a positive whole number, as `pganalytics queries` prints it.", "--query"};
}

void print_outcomes(Terminal& terminal, const std::vector<workflow::DatabaseOutcome>& outcomes,
                    const std::optional<base::QueryHash>& query) {
    for (const auto& outcome : outcomes) {
        if (!outcome.problem.empty()) {
            terminal.note(fmt::format("{}: not looked at: {}", outcome.database_name, outcome.problem));
            continue;
        }
        terminal.note(fmt::format("{}: {} statements, {} new, {} known, {} no longer found", outcome.database_name,
                                  outcome.statements, outcome.saved.added, outcome.saved.updated, outcome.saved.stale));
        for (const auto& note : outcome.notes) {
            if (!query || note.query_hash == *query) terminal.note("note: " + note.text);
        }
    }
    if (outcomes.empty()) terminal.note("nothing was collected in the window looked at");
}

base::Status generate_now(Invocation& invocation, workflow::RepositoryAccess& session,
                          const workflow::ParameterRequest& request) {
    auto targets = session.targets();
    workflow::AnalysisJobOptions options;
    options.window = invocation.config.analysis_window;
    PGANALYTICS_ASSIGN(const auto outcomes, workflow::optimize_parameters(
                                                session.repository(), targets, base::SystemClock(), request, options,
                                                [&](double, std::string_view stage) {
                                                    invocation.terminal.progress(stage);
                                                    return true;
                                                },
                                                base::Log()));
    invocation.terminal.clear_progress();
    print_outcomes(invocation.terminal, outcomes, request.query_hash);
    return {};
}

Table as_table(Terminal& terminal, const std::vector<store::ParameterSuggestion>& list) {
    Table table;
    table.empty_words =
        "No parameter is advised. `pganalytics parameters --generate` looks now; what was turned down, and why, is in "
        "its notes.";
    const auto rest = static_cast<std::size_t>(std::max(60, terminal.columns() - 90));
    table.columns = {{"Id", "id", Align::right},
                     {"Database", "database_name"},
                     {"Query", "query_hash", Align::right},
                     {"Parameter", "parameter_name"},
                     {"Now", "current_value", Align::right},
                     {"Advised", "recommended_value", Align::right},
                     {"Gain %", "estimated_improvement_percent", Align::right},
                     {"Confidence", "confidence_score", Align::right},
                     {"Statement", "applies_as", Align::left, rest}};
    for (const auto& row : list) {
        table.rows.push_back(
            {integer_cell(base::to_integer(row.id)), text_cell(row.database_name),
             integer_cell(base::to_integer(row.query_hash)), text_cell(row.parameter_name),
             text_cell(row.current_value), text_cell(row.recommended_value),
             number_cell(row.estimated_improvement_percent, fmt::format("{:.0f}", row.estimated_improvement_percent)),
             number_cell(row.confidence_score, fmt::format("{:.2f}", row.confidence_score)),
             text_cell(row.applies_as)});
    }
    return table;
}

base::Result<int> run_parameters(Invocation& invocation, const ParameterFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    workflow::ParameterRequest request;
    PGANALYTICS_ASSIGN(request.query_hash, parse_query(flags.query));
    if (!flags.database.empty()) request.database_name = flags.database;
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    if (!flags.target.empty()) {
        auto targets = session.targets();
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        request.target = target.id;
    }
    if (flags.generate) PGANALYTICS_RETURN_IF_ERROR(generate_now(invocation, session, request));
    PGANALYTICS_ASSIGN(const auto list, store::RecommendationStore(session.repository())
                                            .parameter_suggestions(request.query_hash, request.target,
                                                                   request.database_name, flags.limit));
    if (format == OutputFormat::json) {
        auto json = nlohmann::ordered_json::array();
        for (const auto& row : list) json.push_back(workflow::to_json(row));
        invocation.terminal.out() << json.dump(2) << '\n';
    } else {
        print(invocation.terminal, as_table(invocation.terminal, list), format);
    }
    return 0;
}

}  // namespace

void add_parameters(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<ParameterFlags>();
    auto* command = tree.add_subcommand("parameters", "Settings, limits and batches that statements would gain from");
    command->add_option("--target", flags->target, "Only this target (name or id)")->type_name("TARGET");
    command->add_option("--database", flags->database, "Only this database")->type_name("NAME");
    command->add_option("--query", flags->query, "Only this statement (query_hash)")->type_name("HASH");
    command->add_option("--limit", flags->limit, "Rows")->type_name("N")->check(CLI::Range(1, 1000));
    command->add_flag("--generate", flags->generate, "Look now, before listing, and say what was turned down");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_parameters(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
