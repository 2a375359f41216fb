#include "cli/program.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"

namespace pganalytics::cli {

struct Program::GlobalFlags {
    std::string config_file;
    std::string log_level;
    std::string log_format;
    std::string output = "table";
    std::string repository;
    std::string state_folder;
    std::vector<std::string> settings;
};

namespace {

/// Every name a user could have meant in this place: commands or flags.
std::vector<std::string> names_in(const CLI::App& app, bool flags) {
    std::vector<std::string> names;
    if (flags) {
        for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
            for (const auto* option : level->get_options()) {
                for (const auto& name : option->get_lnames()) names.push_back("--" + name);
            }
        }
    } else {
        for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
    }
    return names;
}

const CLI::App& deepest_command(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? app : deepest_command(*chosen.front());
}

base::Error usage_error(const CLI::App& tree, const CLI::ParseError& error) {
    const CLI::App& place = deepest_command(tree);
    const std::string help = fmt::format("`{} --help` lists what it takes.", command_path(place));
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        const auto extras = tree.remaining(true);
        const std::string word = extras.empty() ? std::string() : extras.front();
        const bool is_flag = word.starts_with('-');
        const auto nearest = base::nearest_name(word.substr(0, word.find('=')), names_in(place, is_flag));
        return {base::ErrorCode::usage, fmt::format("Unknown {} \"{}\".", is_flag ? "flag" : "argument", word),
                nearest ? fmt::format("Did you mean \"{}\"?", *nearest) : help, word};
    }
    return {base::ErrorCode::usage, error.what(), help, {}};
}

}  // namespace

Program::Program(std::string version)
    : version_(std::move(version)),
      app_(std::make_unique<CLI::App>(
          "Advisor for PostgreSQL: learns from a workload and says what to change, with proof.", "pganalytics")),
      flags_(std::make_unique<GlobalFlags>()) {
    app_->set_help_flag("--help,-?", "Print this help and exit");
    app_->set_version_flag("--version,-V", "pganalytics " + version_, "Print the version and exit");
    app_->require_subcommand(0, 1);
    app_->fallthrough();
    app_->add_option("--config", flags_->config_file, "Configuration file (TOML)")->type_name("FILE")->group("Global");
    app_->add_option("--log-level", flags_->log_level, "debug, info, warning, error or off")
        ->type_name("LEVEL")
        ->group("Global");
    app_->add_option("--log-format", flags_->log_format, "logfmt or json")->type_name("FORMAT")->group("Global");
    app_->add_option("--output,-o", flags_->output, "table, json or csv (and what a command adds)")
        ->type_name("FORMAT")
        ->group("Global");
    app_->add_option("--repository", flags_->repository, "Repository's connection string; without it a private cluster")
        ->type_name("CONNINFO")
        ->group("Global");
    app_->add_option("--state", flags_->state_folder, "State folder")->type_name("FOLDER")->group("Global");
    app_->add_option("--set", flags_->settings, "Any setting of the configuration file, as key=value")
        ->type_name("KEY=VALUE")
        ->group("Global");

    // The order is that of the help: what a newcomer needs comes first.
    add_up(*app_, *this);
    add_analyze(*app_, *this);
    add_check(*app_, *this);
    add_setup_target(*app_, *this);
    add_targets(*app_, *this);
    add_queries(*app_, *this);
    add_patterns(*app_, *this);
    add_parameters(*app_, *this);
    add_train(*app_, *this);
    add_models(*app_, *this);
    add_predict(*app_, *this);
    add_recommendations(*app_, *this);
    add_serve(*app_, *this);
    add_token(*app_, *this);
    add_migrate(*app_, *this);
    add_sample(*app_, *this);
    add_simulate(*app_, *this);
    add_evaluate(*app_, *this);
    add_config(*app_, *this);
    add_completion(*app_, *this);
}

Program::~Program() = default;

base::Status Program::prepare(Invocation& invocation, const base::Environment& environment) const {
    invocation.environment = environment;
    invocation.program_version = version_;
    PGANALYTICS_ASSIGN(invocation.config, base::load_config(flags_->config_file, environment));
    const auto apply = [&](std::string_view key, const std::string& value) -> base::Status {
        return value.empty() ? base::Status{} : base::apply_setting(invocation.config, key, value);
    };
    PGANALYTICS_RETURN_IF_ERROR(apply("log.level", flags_->log_level));
    PGANALYTICS_RETURN_IF_ERROR(apply("log.format", flags_->log_format));
    PGANALYTICS_RETURN_IF_ERROR(apply("repository.conninfo", flags_->repository));
    PGANALYTICS_RETURN_IF_ERROR(apply("state.folder", flags_->state_folder));
    for (const auto& pair : flags_->settings) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos) {
            return base::Error{base::ErrorCode::usage, fmt::format("--set {} has no value.", pair),
                               "Write --set key=value.", "--set"};
        }
        PGANALYTICS_RETURN_IF_ERROR(
            base::apply_setting(invocation.config, pair.substr(0, equals), pair.substr(equals + 1)));
    }
    invocation.log = base::Log(invocation.config.log_level, invocation.config.log_format);
    invocation.output_name = flags_->output;
    return {};
}

int Program::run(std::vector<std::string> arguments, const base::Environment& environment) {
    Invocation invocation;
    // CLI11 takes the arguments last first.
    std::reverse(arguments.begin(), arguments.end());
    const auto fail = [&](const base::Error& error) {
        invocation.terminal.error(error);
        return base::mapping_of(error.code).exit_code;
    };
    try {
        app_->parse(std::move(arguments));
    } catch (const CLI::Success& success) {
        return app_->exit(success, invocation.terminal.out());
    } catch (const CLI::ParseError& error) {
        return fail(usage_error(*app_, error));
    }
    if (!action_) {
        const CLI::App& place = deepest_command(*app_);
        invocation.terminal.out() << place.help();
        return place.get_parent() == nullptr ? 0 : base::mapping_of(base::ErrorCode::usage).exit_code;
    }
    if (auto prepared = prepare(invocation, environment); !prepared) return fail(prepared.error());
    auto outcome = action_(invocation);
    invocation.terminal.clear_progress();
    return outcome ? *outcome : fail(outcome.error());
}

}  // namespace pganalytics::cli
