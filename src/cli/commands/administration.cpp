#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "workflow/repository_access.hpp"

namespace pganalytics::cli {

namespace {

base::Result<int> migrate(Invocation& invocation) {
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    const auto& report = session.migration();
    auto& out = invocation.terminal.out();
    if (report.applied.empty()) {
        out << fmt::format("schema version {}: nothing to do\n", report.version_after);
    } else {
        for (const auto& file : report.applied) out << fmt::format("applied {}\n", file);
        out << fmt::format("schema version {} → {}\n", report.version_before, report.version_after);
    }
    for (const auto& notice : report.notices) invocation.terminal.note("note: " + notice);
    return 0;
}

struct TokenFlags {
    std::string name;
    std::string role = "viewer";
    int days = 0;
    std::int64_t id = 0;
};

base::Result<int> create_token(Invocation& invocation, const TokenFlags& flags) {
    PGANALYTICS_ASSIGN(const auto role, store::parse_role(flags.role));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    std::optional<base::Timestamp> expires_at;
    if (flags.days > 0) expires_at = base::SystemClock().now() + std::chrono::hours(24 * flags.days);
    PGANALYTICS_ASSIGN(const auto created,
                       store::TokenStore(session.repository()).create(flags.name, role, expires_at));
    // The one time it is shown: alone on standard output, so that it can go straight into a secret store.
    invocation.terminal.note(
        fmt::format("token \"{}\" ({}), shown only now:", created.token.name, store::to_string(created.token.role)));
    invocation.terminal.out() << created.secret.reveal() << '\n';
    return 0;
}

base::Result<int> list_tokens(Invocation& invocation) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_ASSIGN(const auto tokens, store::TokenStore(session.repository()).list());
    Table table;
    table.empty_words = "There is no token.";
    table.columns = {{"Id", "id", Align::right}, {"Name", "name"},          {"Role", "role"},
                     {"Created", "created_at"},  {"Expires", "expires_at"}, {"Last used", "last_used_at"},
                     {"Revoked", "revoked_at"}};
    const auto time_cell = [](const std::optional<base::Timestamp>& time) {
        return time ? text_cell(base::to_rfc3339(*time)) : null_cell();
    };
    for (const auto& token : tokens) {
        table.rows.push_back({integer_cell(token.id), text_cell(token.name), text_cell(store::to_string(token.role)),
                              text_cell(base::to_rfc3339(token.created_at)), time_cell(token.expires_at),
                              time_cell(token.last_used_at), time_cell(token.revoked_at)});
    }
    print(invocation.terminal, table, format);
    return 0;
}

base::Result<int> revoke_token(Invocation& invocation, std::int64_t id) {
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    PGANALYTICS_RETURN_IF_ERROR(store::TokenStore(session.repository()).revoke(id));
    invocation.terminal.note(fmt::format("token {} revoked", id));
    return 0;
}

}  // namespace

void add_migrate(CLI::App& tree, Program& program) {
    auto* command = tree.add_subcommand("migrate", "Bring the repository's schema to this program's version");
    command->callback([&program] { program.choose(migrate); });
}

void add_token(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<TokenFlags>();
    auto* command = tree.add_subcommand("token", "Bearer tokens of the HTTP interface: create, list, revoke");
    auto* create = command->add_subcommand("create", "Make a token and print it, once");
    create->add_option("name", flags->name, "What it is for")->required()->type_name("NAME");
    create->add_option("--role", flags->role, "viewer, operator or admin")->type_name("ROLE");
    create->add_option("--days", flags->days, "Days until it expires; 0 never")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    auto* list = command->add_subcommand("list", "List the tokens");
    auto* revoke = command->add_subcommand("revoke", "Make a token useless");
    revoke->add_option("id", flags->id, "Its id")->required()->type_name("ID");
    command->require_subcommand(1);
    create->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return create_token(invocation, *flags); });
    });
    list->callback([&program] { program.choose(list_tokens); });
    revoke->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return revoke_token(invocation, flags->id); });
    });
}

void add_config(CLI::App& tree, Program& program) {
    auto* command = tree.add_subcommand("config", "List every setting with its default and its environment variable");
    command->callback([&program] {
        program.choose([](Invocation& invocation) -> base::Result<int> {
            invocation.terminal.out() << base::describe_settings();
            return 0;
        });
    });
}

void add_completion(CLI::App& tree, Program& program) {
    auto shell = std::make_shared<std::string>();
    auto* command = tree.add_subcommand("completion", "Print shell completion: bash, zsh or fish");
    command->add_option("shell", *shell, "bash, zsh or fish")->required()->type_name("SHELL");
    command->callback([shell, &program] {
        program.choose([shell, &program](Invocation& invocation) -> base::Result<int> {
            PGANALYTICS_ASSIGN(const auto script, completion_script(program.tree(), *shell));
            invocation.terminal.out() << script;
            return 0;
        });
    });
    auto* manual = tree.add_subcommand("man", "Print the manual page (roff)");
    manual->callback([&program] {
        program.choose([&program](Invocation& invocation) -> base::Result<int> {
            invocation.terminal.out() << manual_page(program.tree(), invocation.program_version);
            return 0;
        });
    });
}

}  // namespace pganalytics::cli
