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
#include "workflow/setting_history.hpp"

namespace pganalytics::cli {

namespace {

struct ParameterFlags {
    std::string target, database, query;
    std::size_t limit = 20;
    bool generate = false;
    bool verify = false;
    bool history = false;
    int days = static_cast<int>(workflow::setting_history_window.count());
};

base::Result<std::optional<base::QueryHash>> parse_query(const std::string& text) {
    if (text.empty()) return std::optional<base::QueryHash>();
    const auto number = base::parse_integer(text);
    if (number && *number > 0) return std::optional(base::QueryHash{*number});
    return base::Error{base::ErrorCode::usage, fmt::format("\"{}\" is no query_hash.", text),
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
                          const workflow::ParameterRequest& request, bool verify) {
    auto targets = session.targets();
    workflow::AnalysisJobOptions options;
    options.window = invocation.config.analysis_window;
    options.verify = verify;
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

/// One change of one database, and a statement that it can touch.
struct HistoryRow {
    std::string database_name;
    const workflow::SettingChangeEffects* change = nullptr;
    const workflow::TouchedStatement* statement = nullptr;  ///< null where it touches none
};

Table as_table(Terminal& terminal, const std::vector<HistoryRow>& rows) {
    Table table;
    table.empty_words = "No setting was seen to change.";
    const auto rest = static_cast<std::size_t>(std::max(60, terminal.columns() - 90));
    table.columns = {{"Changed at", "changed_at"},
                     {"Database", "database_name"},
                     {"Setting", "name"},
                     {"From", "old_value", Align::right},
                     {"To", "new_value", Align::right},
                     {"Query", "query_hash", Align::right},
                     {"Before ms", "before_ms", Align::right},
                     {"After ms", "after_ms", Align::right},
                     {"Movement", "movement"},
                     {"What", "words", Align::left, rest}};
    for (const auto& row : rows) {
        const auto& change = row.change->change;
        std::vector<Cell> cells{text_cell(base::to_rfc3339(change.changed_at)), text_cell(row.database_name),
                                text_cell(change.name), text_cell(change.old_value.value_or("")),
                                text_cell(change.new_value)};
        if (row.statement == nullptr) {
            for (int empty = 0; empty < 4; ++empty) cells.push_back(null_cell());
            cells.push_back(text_cell("no statement's time is known to depend on it"));
        } else {
            const auto& effect = row.statement->effect;
            const bool known = effect.movement != parameters::Movement::unknown;
            const auto time = [known](double ms) {
                return known ? number_cell(ms, fmt::format("{:.1f}", ms)) : null_cell();
            };
            cells.push_back(integer_cell(base::to_integer(row.statement->query_hash)));
            cells.push_back(time(effect.before_ms));
            cells.push_back(time(effect.after_ms));
            cells.push_back(text_cell(std::string(parameters::to_string(effect.movement))));
            cells.push_back(text_cell(parameters::to_words(effect)));
        }
        table.rows.push_back(std::move(cells));
    }
    return table;
}

nlohmann::ordered_json as_json(const HistoryRow& row) {
    const auto& change = row.change->change;
    nlohmann::ordered_json json{{"changed_at", base::to_rfc3339(change.changed_at)},
                                {"database_name", row.database_name},
                                {"name", change.name},
                                {"old_value", change.old_value.value_or("")},
                                {"new_value", change.new_value},
                                {"query_hash", nullptr},
                                {"query_hash_text", nullptr}};
    if (row.statement == nullptr) return json;
    const auto& effect = row.statement->effect;
    const auto hash = base::to_integer(row.statement->query_hash);
    json["query_hash"] = hash;
    json["query_hash_text"] = std::to_string(hash);
    json["movement"] = parameters::to_string(effect.movement);
    const bool known = effect.movement != parameters::Movement::unknown;
    json["before_ms"] = known ? nlohmann::ordered_json(effect.before_ms) : nlohmann::ordered_json();
    json["after_ms"] = known ? nlohmann::ordered_json(effect.after_ms) : nlohmann::ordered_json();
    json["hours_of_day"] = effect.hours_of_day;
    json["words"] = parameters::to_words(effect);
    return json;
}

/// What settings were changed, and what the times did then.
base::Result<int> list_history(Invocation& invocation, workflow::RepositoryAccess& session,
                               const workflow::ParameterRequest& request, const ParameterFlags& flags,
                               OutputFormat format) {
    const auto now = base::SystemClock().now();
    const store::Window window{now - std::chrono::days(flags.days), now};
    auto targets = session.targets();
    PGANALYTICS_ASSIGN(const auto known, targets.list());
    std::vector<std::pair<std::string, std::vector<workflow::SettingChangeEffects>>> databases;
    for (const auto& target : known) {
        if (request.target && target.id != *request.target) continue;
        PGANALYTICS_ASSIGN(const auto names, store::History(session.repository()).databases(target.id, window));
        for (const auto& name : names) {
            if (request.database_name && name != *request.database_name) continue;
            PGANALYTICS_ASSIGN(auto changes,
                               workflow::setting_history(session.repository(),
                                                         {target.id, name, window, request.query_hash, flags.limit}));
            databases.emplace_back(name, std::move(changes));
        }
    }
    std::vector<HistoryRow> rows;
    for (const auto& [name, changes] : databases) {
        for (const auto& change : changes) {
            if (change.statements.empty()) rows.push_back({name, &change, nullptr});
            for (const auto& statement : change.statements) rows.push_back({name, &change, &statement});
        }
    }
    if (format == OutputFormat::json) {
        auto json = nlohmann::ordered_json::array();
        for (const auto& row : rows) json.push_back(as_json(row));
        invocation.terminal.out() << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    } else {
        print(invocation.terminal, as_table(invocation.terminal, rows), format);
    }
    return 0;
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
    if (flags.history) return list_history(invocation, session, request, flags, format);
    if (flags.generate || flags.verify) {
        PGANALYTICS_RETURN_IF_ERROR(generate_now(invocation, session, request, flags.verify));
    }
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
    command->add_option("--limit", flags->limit, "Rows; with --history, statements a change")
        ->type_name("N")
        ->check(CLI::Range(1, 1000));
    command->add_flag("--generate", flags->generate, "Look now, before listing, and say what was turned down");
    command->add_flag("--verify", flags->verify,
                      "Look now, and run statements that only read, with and without the setting advised");
    command->add_flag("--history", flags->history,
                      "Settings that were changed, and what the times of the statements they can touch did then");
    command->add_option("--days", flags->days, "With --history: how far back")
        ->type_name("N")
        ->check(CLI::Range(1, 400));
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_parameters(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
