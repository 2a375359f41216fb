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
#include "prediction/prediction_json.hpp"
#include "store/history.hpp"
#include "workflow/parameter_values.hpp"
#include "workflow/prediction_service.hpp"

namespace pganalytics::cli {

namespace {

struct PredictFlags {
    std::vector<std::string> queries, parameters;
    std::string sql, target, database, scenario = "current";
    std::int64_t model = 0;
    double level = 0.9;
    std::size_t heaviest = 0;
};

base::Error usage(std::string message, std::string hint, std::string field) {
    return {base::ErrorCode::usage, std::move(message), std::move(hint), std::move(field)};
}

/// "1=42", "customer_id=7", "name=\"O'Neil\"", "name=open": a JSON value, or else a text.
base::Result<std::map<std::string, std::string>> read_parameters(const std::vector<std::string>& given) {
    nlohmann::json values = nlohmann::json::object();
    for (const auto& one : given) {
        const auto equals = one.find('=');
        if (equals == std::string::npos || equals == 0) {
            return usage(fmt::format("\"{}\" is no parameter", one), "Write it as 1=42 or customer_id=7.",
                         "--parameter");
        }
        const auto text = one.substr(equals + 1);
        auto value = nlohmann::json::parse(text, nullptr, false);
        values[one.substr(0, equals)] = value.is_discarded() ? nlohmann::json(text) : std::move(value);
    }
    return workflow::parameter_literals(values);
}

base::Result<std::vector<prediction::Scenario>> read_scenarios(const std::string& name) {
    if (name == "both") return std::vector{prediction::Scenario::current, prediction::Scenario::optimized};
    auto scenario = prediction::parse_scenario(name);
    if (!scenario) {
        return usage(fmt::format("unknown scenario \"{}\"", name), "Choose current, optimized or both.", "--scenario");
    }
    return std::vector{*scenario};
}

/// One request a statement and scenario.
base::Result<std::vector<prediction::PredictionRequest>> read_requests(const PredictFlags& flags,
                                                                       workflow::RepositoryAccess& session,
                                                                       const base::Clock& clock) {
    prediction::PredictionRequest common;
    common.level = flags.level;
    if (!flags.database.empty()) common.database_name = flags.database;
    if (flags.model > 0) common.model_id = base::ModelId{flags.model};
    PGANALYTICS_ASSIGN(common.parameters, read_parameters(flags.parameters));
    if (!flags.target.empty()) {
        auto targets = session.targets();
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        common.target = target.id;
    }
    std::vector<prediction::PredictionRequest> statements;
    for (const auto& text : flags.queries) {
        const auto number = base::parse_integer(text);
        if (!number || *number <= 0) {
            return usage(fmt::format("\"{}\" is no query_hash", text),
                         "It is a positive whole number, as `pganalytics queries` prints it; a text goes with --sql.",
                         "QUERY_HASH");
        }
        statements.push_back(common);
        statements.back().query_hash = base::QueryHash{*number};
    }
    if (!flags.sql.empty()) {
        statements.push_back(common);
        statements.back().query_text = flags.sql;
    }
    if (flags.heaviest > 0) {
        store::StatementFilter filter;
        filter.window = {clock.now() - std::chrono::days(7), clock.now() + std::chrono::minutes(1)};
        filter.target = common.target;
        filter.database_name = common.database_name;
        filter.limit = flags.heaviest;
        PGANALYTICS_ASSIGN(const auto page, store::History(session.repository()).statements(filter));
        for (const auto& item : page.items) {
            statements.push_back(common);
            statements.back().query_hash = item.statement.query_hash;
            statements.back().target = item.target_id;
            statements.back().database_name = item.statement.database_name;
        }
    }
    PGANALYTICS_ASSIGN(const auto scenarios, read_scenarios(flags.scenario));
    std::vector<prediction::PredictionRequest> requests;
    for (const auto& statement : statements) {
        for (const auto scenario : scenarios) {
            requests.push_back(statement);
            requests.back().scenario = scenario;
        }
    }
    return requests;
}

std::string time_words(double ms) {
    return base::to_words(base::Milliseconds{ms});
}

std::string bound_words(const std::optional<double>& ms) {
    return ms ? time_words(*ms) : "?";
}

std::string_view source_words(prediction::PredictionSource source) {
    switch (source) {
        case prediction::PredictionSource::model:
            return "the trained model";
        case prediction::PredictionSource::history:
            return "what it and its like took before";
        case prediction::PredictionSource::fallback:
            return "planner cost, set against the times of this server's other statements";
        case prediction::PredictionSource::unknown:
            break;
    }
    return "too little to be of use: the interval is too wide";
}

void print_one(Terminal& terminal, const prediction::Prediction& one) {
    auto& out = terminal.out();
    out << terminal.styled(Style::bold, time_words(one.predicted_ms))
        << fmt::format("  ({} to {} with {:.0f} %), {}, query {} in {}\n", bound_words(one.lower_ms),
                       bound_words(one.upper_ms), 100 * one.level, prediction::to_string(one.scenario),
                       base::to_integer(one.query_hash), one.database_name);
    out << fmt::format("  rests on    {} ({})\n", source_words(one.source), one.model_version);
    out << fmt::format("  within 30 % with probability {:.2f}\n", one.within_30_percent);
    const auto width = static_cast<std::size_t>(std::max(60, terminal.columns() - 2));
    out << wrapped(one.why, width, 2) << '\n';
    for (const auto& note : one.notes) out << wrapped(note, width, 2) << '\n';
    for (const auto& part : one.parts) {
        out << fmt::format("  {:>12}  {}{}\n", time_words(std::abs(part.contribution_ms)),
                           part.contribution_ms < 0 ? "less for " : "",
                           part.value ? fmt::format("{} = {:.4g}", part.feature, *part.value) : part.feature);
    }
    out << '\n';
}

Table as_table(const std::vector<prediction::PredictionRequest>& requests,
               const std::vector<base::Result<prediction::Prediction>>& predictions) {
    Table table;
    table.empty_words = "No statement was seen running in the last 7 days.";
    table.columns = {{"Query", "query_hash", Align::right},
                     {"Database", "database_name"},
                     {"Scenario", "scenario"},
                     {"Time", "predicted_execution_time_ms", Align::right},
                     {"From", "lower_bound_ms", Align::right},
                     {"To", "upper_bound_ms", Align::right},
                     {"Within 30 %", "confidence_score", Align::right},
                     {"Source", "source"},
                     {"Problem", "problem", Align::left, 60}};
    const auto bound = [](const std::optional<double>& ms) {
        return ms ? number_cell(*ms, time_words(*ms)) : null_cell("?");
    };
    for (std::size_t i = 0; i < predictions.size(); ++i) {
        if (!predictions[i]) {
            table.rows.push_back(
                {requests[i].query_hash ? integer_cell(base::to_integer(*requests[i].query_hash)) : null_cell(),
                 text_cell(requests[i].database_name.value_or("")),
                 text_cell(prediction::to_string(requests[i].scenario)), null_cell(), null_cell(), null_cell(),
                 null_cell(), null_cell(), text_cell(predictions[i].error().message)});
            continue;
        }
        const auto& one = *predictions[i];
        table.rows.push_back({integer_cell(base::to_integer(one.query_hash)), text_cell(one.database_name),
                              text_cell(prediction::to_string(one.scenario)),
                              number_cell(one.predicted_ms, time_words(one.predicted_ms)), bound(one.lower_ms),
                              bound(one.upper_ms),
                              number_cell(one.within_30_percent, fmt::format("{:.2f}", one.within_30_percent)),
                              text_cell(prediction::to_string(one.source)), null_cell("")});
    }
    return table;
}

base::Result<int> run_predict(Invocation& invocation, const PredictFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    if (flags.queries.empty() && flags.sql.empty() && flags.heaviest == 0) {
        return usage("nothing to predict", "Name a query_hash, a text with --sql, or --heaviest 20.", "QUERY_HASH");
    }
    const base::SystemClock clock;
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_ASSIGN(const auto requests, read_requests(flags, session, clock));
    workflow::PredictionService service(
        {session.repository(), session.targets(), clock, base::Log(), session.prediction_key()});
    const auto predictions = service.predict_all(requests);
    // One statement that cannot be predicted is an error; of several it is a row.
    if (flags.heaviest == 0) {
        for (const auto& prediction : predictions) {
            if (!prediction) return prediction.error();
        }
    }
    if (format == OutputFormat::json) {
        auto json = nlohmann::ordered_json::array();
        for (const auto& prediction : predictions) {
            if (prediction) json.push_back(prediction::to_json(*prediction));
        }
        const bool one = predictions.size() == 1 && flags.heaviest == 0;
        invocation.terminal.out() << (one ? json.front() : json).dump(2) << '\n';
    } else if (format == OutputFormat::csv || flags.heaviest > 0) {
        print(invocation.terminal, as_table(requests, predictions), format);
    } else {
        for (const auto& prediction : predictions) print_one(invocation.terminal, *prediction);
    }
    return 0;
}

}  // namespace

void add_predict(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<PredictFlags>();
    auto* command = tree.add_subcommand("predict", "How long a statement takes, now or with what is recommended");
    command->add_option("query_hash", flags->queries, "Statements, as `pganalytics queries` names them")
        ->type_name("QUERY_HASH");
    command->add_option("--sql", flags->sql, "A statement's text; needs --database")->type_name("SQL");
    command->add_option("--heaviest", flags->heaviest, "The heaviest statements of the last 7 days")
        ->type_name("N")
        ->check(CLI::Range(1, 500));
    command->add_option("--target", flags->target, "The server (name or id)")->type_name("TARGET");
    command->add_option("-d,--database", flags->database, "The database")->type_name("NAME");
    command->add_option("--parameter", flags->parameters, "A parameter's value by number or column: 1=42, status=open")
        ->type_name("NAME=VALUE")
        ->take_all();
    command->add_option("--scenario", flags->scenario, "current, optimized (recommendations applied) or both")
        ->type_name("NAME");
    command->add_option("--model", flags->model, "This model instead of the active one")->type_name("ID");
    command->add_option("--level", flags->level, "Of the interval, 0.5 to 0.99")->type_name("SHARE");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_predict(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
