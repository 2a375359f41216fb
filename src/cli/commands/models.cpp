// `models`: what was trained, what serves, and switching between them.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/model_view.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "workflow/model_content.hpp"

namespace pganalytics::cli {

namespace {

constexpr std::size_t features_shown = 10;

struct ModelFlags {
    std::string target, database, type;
    std::size_t limit = 50;
    std::int64_t id = 0;
};

nlohmann::json number(const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json as_json(const store::StoredModel& model) {
    return {{"model_id", base::to_integer(model.id)},
            {"model_type", model.model_type},
            {"model_name", model.model_name},
            {"target_name", model.target_name},
            {"database_name", model.database_name},
            {"version", model.version},
            {"training_samples", model.training_samples},
            {"training_date", base::to_rfc3339(model.training_date)},
            {"r_squared", number(model.figures.r_squared)},
            {"rmse", number(model.figures.rmse)},
            {"mae", number(model.figures.mae)},
            {"q_error",
             {{"p50", number(model.figures.q_error_p50)},
              {"p90", number(model.figures.q_error_p90)},
              {"p95", number(model.figures.q_error_p95)}}},
            {"interval_coverage", number(model.figures.interval_coverage)},
            {"feature_names", model.feature_names},
            {"feature_count", model.feature_names.size()},
            {"feature_importance", nlohmann::json::parse(model.feature_importance_json, nullptr, false)},
            {"is_active", model.is_active},
            {"details", nlohmann::json::parse(model.details_json, nullptr, false)},
            {"drift", model.drift_json.empty() ? nlohmann::json(nullptr)
                                               : nlohmann::json::parse(model.drift_json, nullptr, false)}};
}

Cell figure(const std::optional<double>& value, int decimals) {
    return value ? number_cell(*value, fmt::format("{:.{}f}", *value, decimals)) : null_cell();
}

Table as_table(const std::vector<store::StoredModel>& models) {
    Table table;
    table.empty_words = "No model is stored. `pganalytics train --database NAME` makes one.";
    table.columns = {{"Id", "model_id", Align::right},
                     {"Target", "target_name", Align::left, 24},
                     {"Database", "database_name"},
                     {"Type", "model_type"},
                     {"Version", "version", Align::right},
                     {"Active", "is_active"},
                     {"Samples", "training_samples", Align::right},
                     {"Trained", "training_date"},
                     {"q-error p50", "q_error_p50", Align::right},
                     {"p90", "q_error_p90", Align::right},
                     {"Coverage", "interval_coverage", Align::right},
                     {"R²", "r_squared", Align::right}};
    for (const auto& model : models) {
        Cell active{model.is_active ? "yes" : "", model.is_active ? "true" : "false", Style::good};
        table.rows.push_back(
            {integer_cell(base::to_integer(model.id)), text_cell(model.target_name), text_cell(model.database_name),
             text_cell(model.model_type), text_cell(model.version), std::move(active),
             integer_cell(model.training_samples),
             text_cell(base::to_rfc3339(std::chrono::floor<std::chrono::seconds>(model.training_date))),
             figure(model.figures.q_error_p50, 2), figure(model.figures.q_error_p90, 2),
             figure(model.figures.interval_coverage, 2), figure(model.figures.r_squared, 3)});
    }
    return table;
}

/// What matters to it and how it does, below its line.
void print_particulars(Terminal& terminal, const store::StoredModel& model) {
    auto& out = terminal.out();
    const auto importance = nlohmann::json::parse(model.feature_importance_json, nullptr, false);
    std::vector<std::pair<double, std::string>> features;
    if (importance.is_object()) {
        for (const auto& [name, share] : importance.items()) features.emplace_back(-share.get<double>(), name);
    }
    std::sort(features.begin(), features.end());
    out << "\nWhat it looks at most:\n";
    for (std::size_t i = 0; i < std::min(features_shown, features.size()); ++i) {
        out << fmt::format("  {:5.1f} %  {}\n", -100 * features[i].first, features[i].second);
    }
    const auto details = nlohmann::json::parse(model.details_json, nullptr, false);
    if (details.is_object()) {
        out << fmt::format("\nMade of: {}\n", details.value("chosen", ""));
        if (details.contains("contest"))
            out << fmt::format("When it was trained: {}\n", details["contest"].value("words", ""));
    }
    const auto drift = nlohmann::json::parse(model.drift_json, nullptr, false);
    if (!drift.is_object()) return;
    out << fmt::format("Since it is active: {}, {} intervals", drift.value("status", ""),
                       drift.value("intervals", std::int64_t{0}));
    if (drift.contains("accuracy_score") && drift["accuracy_score"].is_number()) {
        out << fmt::format(", accuracy {:.2f}, coverage {:.2f}", drift["accuracy_score"].get<double>(),
                           drift["coverage"].get<double>());
    }
    out << '\n';
    for (const auto& reason : drift.value("reasons", std::vector<std::string>())) out << "  " << reason << '\n';
}

base::Result<int> list_models(Invocation& invocation, const ModelFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    store::ModelFilter filter;
    filter.limit = flags.limit;
    if (!flags.database.empty()) filter.database_name = flags.database;
    if (!flags.type.empty()) {
        PGANALYTICS_ASSIGN(const auto type, prediction::parse_model_type(flags.type));
        filter.model_type = std::string(prediction::to_string(type));
    }
    if (!flags.target.empty()) {
        auto targets = session.targets();
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        filter.target = target.id;
    }
    PGANALYTICS_ASSIGN(const auto page, store::ModelStore(session.repository()).list(filter));
    if (format != OutputFormat::json) {
        print(invocation.terminal, as_table(page.items), format);
        return 0;
    }
    nlohmann::json list = nlohmann::json::array();
    for (const auto& model : page.items) list.push_back(as_json(model));
    invocation.terminal.out() << list.dump(2) << '\n';
    return 0;
}

base::Result<int> show(Invocation& invocation, const ModelFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_ASSIGN(const auto model, store::ModelStore(session.repository()).find(base::ModelId{flags.id}));
    show_model(invocation.terminal, model, format);
    return 0;
}

base::Result<int> activate(Invocation& invocation, const ModelFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_ASSIGN(const auto model, workflow::activate_model(session.repository(), base::ModelId{flags.id}));
    invocation.terminal.note(fmt::format("model {} serves database \"{}\" now", flags.id, model.database_name));
    show_model(invocation.terminal, model, format);
    return 0;
}

void add_id(CLI::App& command, const std::shared_ptr<ModelFlags>& flags) {
    command.add_option("model", flags->id, "Its id")->type_name("ID")->required()->check(CLI::PositiveNumber);
}

}  // namespace

void show_model(Terminal& terminal, const store::StoredModel& model, OutputFormat format) {
    if (format == OutputFormat::json) {
        terminal.out() << as_json(model).dump(2) << '\n';
        return;
    }
    print(terminal, as_table({model}), format);
    if (format == OutputFormat::table) print_particulars(terminal, model);
}

void add_models(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<ModelFlags>();
    auto* models = tree.add_subcommand("models", "Prediction models: what was trained, what serves");
    models->require_subcommand(0, 1);
    const auto add_filter = [&](CLI::App* command) {
        command->add_option("--target", flags->target, "Only this target (name or id)")->type_name("TARGET");
        command->add_option("--database", flags->database, "Only this database")->type_name("NAME");
        command->add_option("--model-type", flags->type, "Only this type")->type_name("TYPE");
        command->add_option("--limit", flags->limit, "Rows")->type_name("N")->check(CLI::Range(1, 1000));
    };
    add_filter(models);
    auto* list = models->add_subcommand("list", "All models, the newest first");
    add_filter(list);
    auto* one = models->add_subcommand("show", "One model: what it looks at and how it does");
    add_id(*one, flags);
    auto* switch_to = models->add_subcommand("activate", "Let a model serve its database from now on");
    add_id(*switch_to, flags);
    models->callback([flags, models, one, switch_to, &program] {
        if (models->got_subcommand(one)) {
            program.choose([flags](Invocation& invocation) { return show(invocation, *flags); });
        } else if (models->got_subcommand(switch_to)) {
            program.choose([flags](Invocation& invocation) { return activate(invocation, *flags); });
        } else {
            program.choose([flags](Invocation& invocation) { return list_models(invocation, *flags); });
        }
    });
}

}  // namespace pganalytics::cli
