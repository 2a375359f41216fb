#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/connection_flags.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "collector/server_facts.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::cli {

namespace {

struct TargetFlags {
    ConnectionFlags connection, new_connection;
    std::string name;
    std::vector<std::string> databases;
    std::string total_memory;
    bool no_check = false;
    bool keep_history = false;
};

Style style_of(std::string_view state) {
    if (state == "ok") return Style::good;
    if (state == "unreachable") return Style::bad;
    return state == "degraded" ? Style::warning : Style::dim;
}

/// 150018 is read as 15.18.
Cell version_cell(int number) {
    return number_cell(number, fmt::format("{}.{}", number / 10000, number % 10000));
}

base::Result<int> list_targets(Invocation& invocation) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    PGANALYTICS_ASSIGN(const auto list, targets.list());
    Table table;
    table.empty_words = "No target is known. `pganalytics targets add <conninfo>` adds one.";
    table.columns = {{"Id", "id", Align::right},
                     {"Name", "name"},
                     {"State", "state"},
                     {"Version", "server_version", Align::right},
                     {"Last collected", "last_collected_at"},
                     {"Connection", "conninfo", Align::left, 60},
                     {"Detail", "state_detail", Align::left, 60}};
    for (const auto& target : list) {
        table.rows.push_back(
            {integer_cell(base::to_integer(target.id)), text_cell(target.name),
             text_cell(target.state, style_of(target.state)),
             target.server_version ? version_cell(*target.server_version) : null_cell(),
             target.last_collected_at ? text_cell(base::to_rfc3339(*target.last_collected_at)) : null_cell("never"),
             text_cell(target.conninfo_shown), text_cell(target.state_detail)});
    }
    print(invocation.terminal, table, format);
    return 0;
}

/// What the command line did to a target, for the audit trail.
base::Status note_down(workflow::RepositoryAccess& session, std::string_view action, const store::Target& target) {
    return store::AuditStore(session.repository())
        .append("command line", action, fmt::format("target {}", base::to_integer(target.id)),
                nlohmann::json{{"name", target.name}, {"connection", target.conninfo_shown}}.dump());
}

/// The password in a variable of this shell is not there when the server connects.
void warn_of_passing_password(Invocation& invocation) {
    if (!invocation.environment.contains("PGPASSWORD")) return;
    invocation.terminal.note(
        "note: PGPASSWORD is not kept. Put the password into the connection string (it is sealed) or into the "
        ".pgpass of the user who runs the server.");
}

base::Result<int> add_target(Invocation& invocation, const TargetFlags& flags) {
    if (!flags.connection.given()) {
        return base::Error{base::ErrorCode::usage, "No target was given.",
                           "Say `pganalytics targets add <conninfo>`, with what psql would take.", "conninfo"};
    }
    std::optional<base::Bytes> total_memory;
    if (!flags.total_memory.empty()) {
        PGANALYTICS_ASSIGN(total_memory, base::parse_memory(flags.total_memory));
    }
    PGANALYTICS_ASSIGN(const auto conninfo, flags.connection.conninfo(invocation.terminal));
    std::string shown;
    if (!flags.no_check) {
        PGANALYTICS_ASSIGN(const auto connection, postgres::Connection::open(conninfo));
        shown = connection.redacted();
    } else if (flags.name.empty()) {
        return base::Error{base::ErrorCode::usage, "A target that is not connected to needs a name.", "Give --name.",
                           "--name"};
    }
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    std::string name = flags.name;
    if (name.empty()) {
        const std::string_view rest = std::string_view(shown).substr(shown.find('@') + 1);
        name = rest.substr(0, rest.rfind('/'));
    }
    warn_of_passing_password(invocation);
    PGANALYTICS_ASSIGN(const auto target, targets.add({name, conninfo, flags.databases, false}));
    if (total_memory) PGANALYTICS_RETURN_IF_ERROR(targets.set_total_memory(target.id, total_memory));
    PGANALYTICS_RETURN_IF_ERROR(note_down(session, "target.add", target));
    invocation.terminal.note(fmt::format("target {} added as {}; a running server collects it within seconds",
                                         target.name, base::to_integer(target.id)));
    return 0;
}

/// conflict where `conninfo` leads to another server than the target was collected from: two histories would mix.
base::Status check_same_server(const store::Target& target, const base::Secret& conninfo) {
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(conninfo));
    PGANALYTICS_ASSIGN(const auto facts, collector::read_server_facts(connection));
    if (!facts.system_identifier || !target.system_identifier) return {};
    if (std::to_string(*facts.system_identifier) == *target.system_identifier) return {};
    return base::Error{base::ErrorCode::conflict,
                       fmt::format("{} is another server than the one that {} was collected from.",
                                   connection.redacted(), target.name),
                       "Add it with `pganalytics targets add`, or say --no-check where its history is to go on.",
                       "conninfo"};
}

base::Result<int> set_target(Invocation& invocation, const TargetFlags& flags) {
    if (!flags.new_connection.given()) {
        return base::Error{base::ErrorCode::usage, "No connection was given.",
                           "Say `pganalytics targets set <target> <conninfo>`, with what psql would take.", "conninfo"};
    }
    PGANALYTICS_ASSIGN(const auto conninfo, flags.new_connection.conninfo(invocation.terminal));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.name));
    if (!flags.no_check) PGANALYTICS_RETURN_IF_ERROR(check_same_server(target, conninfo));
    warn_of_passing_password(invocation);
    PGANALYTICS_ASSIGN(const auto changed, targets.set_conninfo(target.id, conninfo));
    PGANALYTICS_RETURN_IF_ERROR(note_down(session, "target.set", changed));
    invocation.terminal.note(
        fmt::format("target {} is reached by {} from now on; a running server follows within "
                    "seconds",
                    changed.name, changed.conninfo_shown));
    return 0;
}

base::Result<int> remove_target(Invocation& invocation, const TargetFlags& flags) {
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.name));
    PGANALYTICS_RETURN_IF_ERROR(targets.remove(target.id, flags.keep_history));
    PGANALYTICS_RETURN_IF_ERROR(note_down(session, "target.remove", target));
    invocation.terminal.note(fmt::format("target {} removed{}", target.name,
                                         flags.keep_history ? ", its history kept" : " with its history"));
    return 0;
}

}  // namespace

void add_targets(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<TargetFlags>();
    auto* command = tree.add_subcommand("targets", "The servers that are watched: list, add, set, remove");
    auto* list = command->add_subcommand("list", "List the targets (also what `targets` alone does)");
    auto* add = command->add_subcommand("add", "Watch a server");
    flags->connection.add_to(*add);
    add->add_option("--name", flags->name, "What to call it; host:port otherwise")->type_name("NAME");
    add->add_option("--database", flags->databases, "Only databases whose name fits this pattern (* and ?)")
        ->type_name("PATTERN");
    add->add_option("--total-memory", flags->total_memory,
                    "Memory of the server's machine, where it cannot be read (16GB)")
        ->type_name("SIZE");
    add->add_flag("--no-check", flags->no_check, "Add it without connecting now");
    auto* set = command->add_subcommand("set", "Reach a target another way: a new password, host or role");
    set->add_option("target", flags->name, "Name or id")->required()->type_name("TARGET");
    flags->new_connection.add_to(*set);
    set->add_flag("--no-check", flags->no_check, "Change it without connecting now");
    auto* remove = command->add_subcommand("remove", "Forget a target");
    remove->add_option("target", flags->name, "Name or id")->required()->type_name("TARGET");
    remove->add_flag("--keep-history", flags->keep_history, "Keep what was collected from it");
    command->require_subcommand(0, 1);
    add->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return add_target(invocation, *flags); });
    });
    set->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return set_target(invocation, *flags); });
    });
    remove->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return remove_target(invocation, *flags); });
    });
    const auto listing = [&program] {
        program.choose([](Invocation& invocation) { return list_targets(invocation); });
    };
    list->callback(listing);
    command->callback([command, listing] {
        if (command->get_subcommands().empty()) listing();
    });
}

}  // namespace pganalytics::cli
