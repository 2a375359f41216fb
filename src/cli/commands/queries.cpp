#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "store/history.hpp"

namespace pganalytics::cli {

namespace {

struct QueryFlags {
    std::string target, database, text, order = "total_time";
    std::size_t limit = 20;
    int hours = 24;
};

base::Result<int> list_queries(Invocation& invocation, const QueryFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    store::StatementFilter filter;
    PGANALYTICS_ASSIGN(filter.order, store::parse_statement_order(flags.order));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    const base::Timestamp now = base::SystemClock().now();
    filter.window = {now - std::chrono::hours(flags.hours), now + std::chrono::minutes(1)};
    filter.limit = flags.limit;
    if (!flags.target.empty()) {
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        filter.target = target.id;
    }
    if (!flags.database.empty()) filter.database_name = flags.database;
    if (!flags.text.empty()) filter.text_contains = flags.text;
    PGANALYTICS_ASSIGN(const auto page, store::History(session.repository()).statements(filter));
    Table table;
    table.empty_words = fmt::format("No statement was collected in the last {} h.", flags.hours);
    table.columns = {{"Query", "query_hash_text"},
                     {"Database", "database_name"},
                     {"Calls", "calls", Align::right},
                     {"Calls/min", "calls_per_minute", Align::right},
                     {"Mean", "mean_exec_time_ms", Align::right},
                     {"Total", "total_exec_time_ms", Align::right},
                     {"Rows", "rows", Align::right},
                     {"Text", "query_text", Align::left,
                      static_cast<std::size_t>(std::max(40, invocation.terminal.columns() - 95))}};
    for (const auto& item : page.items) {
        const auto& sum = item.statement.sum;
        Cell text = text_cell(item.statement.text);
        text.shown = base::one_line(text.shown, 400);
        table.rows.push_back(
            {text_cell(fmt::format("{}", base::to_integer(item.statement.query_hash))),
             text_cell(item.statement.database_name), integer_cell(sum.calls),
             number_cell(item.calls_per_minute, fmt::format("{:.1f}", item.calls_per_minute)),
             number_cell(sum.mean_exec_time().count(), base::to_words(sum.mean_exec_time())),
             number_cell(sum.total_exec_time_ms, base::to_words(base::Milliseconds{sum.total_exec_time_ms})),
             integer_cell(sum.rows), std::move(text)});
    }
    print(invocation.terminal, table, format);
    return 0;
}

}  // namespace

void add_queries(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<QueryFlags>();
    auto* command = tree.add_subcommand("queries", "What the watched servers ran, heaviest first");
    command->add_option("--target", flags->target, "Only this target (name or id)")->type_name("TARGET");
    command->add_option("--database", flags->database, "Only this database")->type_name("NAME");
    command->add_option("--text", flags->text, "Only statements that contain this")->type_name("TEXT");
    command
        ->add_option("--order", flags->order,
                     "total_time, calls, mean_time, rows, blocks_read, temp_blocks or last_seen")
        ->type_name("ORDER");
    command->add_option("--limit", flags->limit, "Rows")->type_name("N")->check(CLI::Range(1, 1000));
    command->add_option("--hours", flags->hours, "How far back")->type_name("N")->check(CLI::PositiveNumber);
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return list_queries(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
