#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/program.hpp"

namespace pganalytics::cli {

namespace {

std::vector<std::string> words_of(const CLI::App& app) {
    std::vector<std::string> words;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
        words.push_back(command->get_name());
    for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
        for (const auto* option : level->get_options()) {
            for (const auto& name : option->get_lnames()) words.push_back("--" + name);
        }
    }
    return words;
}

/// Every command with its path, parents first.
void collect(const CLI::App& app, std::vector<const CLI::App*>& into) {
    into.push_back(&app);
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) collect(*command, into);
}

std::string bash_script(const std::vector<const CLI::App*>& commands) {
    std::string cases;
    for (const auto* command : commands) {
        cases +=
            fmt::format("    \"{}\") words=\"{}\" ;;\n", command_path(*command), base::join(words_of(*command), " "));
    }
    return fmt::format(R"(# bash completion of pganalytics: source <(pganalytics completion bash)
_pganalytics() {{
  local path=pganalytics word words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case "$word" in -*) ;; *) path="$path $word" ;; esac
  done
  while :; do
    case "$path" in
{}    esac
    [ -n "$words" ] && break
    [ "$path" = "${{path% *}}" ] && break
    path=${{path% *}}
  done
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
  [ ${{#COMPREPLY[@]}} -eq 0 ] && COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _pganalytics pganalytics
)",
                       cases);
}

std::string fish_script(const std::vector<const CLI::App*>& commands) {
    std::string text = "# fish completion of pganalytics: pganalytics completion fish | source\n";
    for (const auto* command : commands) {
        const bool top = command->get_parent() == nullptr;
        const std::string condition =
            top ? "__fish_use_subcommand" : fmt::format("__fish_seen_subcommand_from {}", command->get_name());
        for (const auto* sub : command->get_subcommands([](const CLI::App*) { return true; })) {
            text += fmt::format("complete -c pganalytics -f -n '{}' -a '{}'\n", condition, sub->get_name());
        }
        for (const auto* option : command->get_options()) {
            for (const auto& name : option->get_lnames()) {
                text += fmt::format("complete -c pganalytics {}-l '{}'\n", top ? "" : "-n '" + condition + "' ", name);
            }
        }
    }
    return text;
}

std::string roff_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\\') {
            escaped += "\\e";
        } else if (c == '-') {
            escaped += "\\-";
        } else {
            escaped += c;
        }
    }
    if (!escaped.empty() && (escaped.front() == '.' || escaped.front() == '\'')) escaped.insert(0, "\\&");
    return escaped;
}

std::string options_page(const CLI::App& app) {
    std::string text;
    for (const auto* option : app.get_options()) {
        text += ".TP\n.B " + roff_escaped(option->get_name(true, true)) + "\n" +
                roff_escaped(option->get_description()) + "\n";
    }
    return text;
}

}  // namespace

std::string command_path(const CLI::App& app) {
    return app.get_parent() == nullptr ? std::string("pganalytics")
                                       : command_path(*app.get_parent()) + " " + app.get_name();
}

base::Result<std::string> completion_script(const CLI::App& tree, std::string_view shell) {
    std::vector<const CLI::App*> commands;
    collect(tree, commands);
    if (shell == "bash") return bash_script(commands);
    if (shell == "zsh")
        return "#compdef pganalytics\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
    if (shell == "fish") return fish_script(commands);
    return base::Error{base::ErrorCode::usage, fmt::format("There is no completion for \"{}\".", shell),
                       "Choose bash, zsh or fish.", "shell"};
}

std::string manual_page(const CLI::App& tree, std::string_view version) {
    std::string text =
        fmt::format(".TH PGANALYTICS 1 \"\" \"pganalytics {}\" \"User Commands\"\n.SH NAME\npganalytics \\- {}\n",
                    version, roff_escaped(tree.get_description()));
    text +=
        ".SH SYNOPSIS\n.B pganalytics\n[global options] command [arguments]\n.SH GLOBAL OPTIONS\n" + options_page(tree);
    std::vector<const CLI::App*> commands;
    collect(tree, commands);
    text += ".SH COMMANDS\n";
    for (const auto* command : commands) {
        if (command->get_parent() == nullptr) continue;
        text += ".SS " + roff_escaped(command_path(*command)) + "\n" + roff_escaped(command->get_description()) + "\n" +
                options_page(*command);
    }
    text +=
        ".SH EXIT STATUS\n0 ok, 1 error, 2 usage, 3 connection, 4 permission or missing extension, 5 findings present "
        "(with \\-\\-exit\\-code).\n";
    text +=
        ".SH ENVIRONMENT\nPG* variables as libpq takes them; PGANALYTICS_* for every setting (\\fBpganalytics "
        "config\\fR lists them).\n";
    return text;
}

}  // namespace pganalytics::cli
