#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/connection_flags.hpp"
#include "cli/program.hpp"
#include "cli/stop_signals.hpp"
#include "cli/table.hpp"
#include "evaluation/advice_score.hpp"
#include "postgres/server_planner.hpp"
#include "simulation/shop.hpp"
#include "simulation/shop_check.hpp"
#include "simulation/shop_traffic.hpp"
#include "workflow/live_analysis.hpp"

namespace pganalytics::cli {

namespace {

base::Result<std::string> read_file(const std::string& path, std::string_view flag) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be read.", path),
                           "Check the path and its permissions.", std::string(flag)};
    }
    return text.str();
}

struct AdviceFlags {
    ConnectionFlags connection;
    std::string truth;
};

/// A rewrite of a family serves each of its texts; the score wants the hashes, whatever their share.
evaluation::ScoredAdvice as_scored(const workflow::RankedAdvice& ranked) {
    evaluation::ScoredAdvice scored{ranked.advice.identity, ranked.advice.rule, ranked.advice.statement, {}};
    for (const auto& served : ranked.advice.served) scored.query_hashes.push_back(served.query_hash);
    return scored;
}

base::Result<int> evaluate_advice(Invocation& invocation, const AdviceFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(const auto text, read_file(flags.truth, "--truth"));
    PGANALYTICS_ASSIGN(const auto truth, simulation::ShopTruth::from_text(text));
    workflow::LiveRequest request;
    PGANALYTICS_ASSIGN(request.conninfo, flags.connection.conninfo(invocation.terminal));
    request.progress = [&](std::string_view stage) { invocation.terminal.progress(stage); };
    PGANALYTICS_ASSIGN(const auto report, workflow::analyze_live(request));
    invocation.terminal.clear_progress();
    std::vector<evaluation::ScoredAdvice> advice;
    for (const auto& analysis : report.analyses) {
        for (const auto& ranked : analysis.advice) advice.push_back(as_scored(ranked));
    }
    const auto score = evaluation::score_advice(truth, advice);
    if (format == OutputFormat::json) {
        invocation.terminal.out() << score.to_json().dump(2) << '\n';
    } else {
        invocation.terminal.out() << score.to_table();
    }
    return 0;
}

struct SampleFlags {
    ConnectionFlags connection;
    std::uint64_t seed = 0;
    double scale = 1;
    std::string truth;
    int rounds = 0;
    int seconds = 0;
};

base::Result<int> make_sample(Invocation& invocation, const SampleFlags& flags) {
    PGANALYTICS_ASSIGN(const auto conninfo, flags.connection.conninfo(invocation.terminal));
    postgres::ConnectOptions session;
    session.read_only = false;
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(conninfo, session));
    simulation::ShopOptions options;
    options.seed = flags.seed;
    options.scale = flags.scale;
    options.progress = [&](std::string_view step, int done, int total) {
        invocation.terminal.progress(fmt::format("{} of {}: {}", done + 1, total, step));
    };
    PGANALYTICS_ASSIGN(auto created, simulation::create_shop(connection, options));
    invocation.terminal.note(created.already_there ? "the shop was there already" : "the shop was made");
    if (!flags.truth.empty()) {
        invocation.terminal.progress("trying every index of one and two columns, to know what else would help");
        postgres::ServerPlanner planner(connection);
        if (auto tried = simulation::establish_alternatives(connection, planner, created.truth); !tried) {
            invocation.terminal.note(fmt::format("note: helpful indexes beside the planted ones are not known: {}",
                                                 tried.error().to_string()));
        }
        std::ofstream out(flags.truth);
        if (!(out << created.truth.to_text())) {
            return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be written.", flags.truth),
                               "Name another file.", "--truth"};
        }
    }
    simulation::ShopTraffic traffic(conninfo, created.truth, {}, invocation.log);
    if (flags.rounds > 0) {
        invocation.terminal.progress("running the traffic");
        PGANALYTICS_ASSIGN(const auto counts, traffic.run_once(flags.rounds));
        invocation.terminal.note(fmt::format("{} statements sent, {} failed", counts.statements, counts.failed));
    }
    if (flags.seconds > 0) {
        PGANALYTICS_RETURN_IF_ERROR(traffic.start());
        invocation.terminal.progress("running the traffic");
        const bool stopped_early = wait_for_signal(std::chrono::seconds(flags.seconds)) != Asked::nothing;
        traffic.stop();
        const auto counts = traffic.counts();
        invocation.terminal.note(fmt::format("{} statements sent, {} failed{}", counts.statements, counts.failed,
                                             stopped_early ? ", stopped early" : ""));
    }
    return 0;
}

}  // namespace

void add_evaluate(CLI::App& tree, Program& program) {
    auto* command = tree.add_subcommand("evaluate", "Score a capability against known truth");
    command->require_subcommand(1);
    auto flags = std::make_shared<AdviceFlags>();
    auto* advice =
        command->add_subcommand("advice", "Analyse a database whose faults are known: found, missed, invented");
    flags->connection.add_to(*advice);
    advice->add_option("--truth", flags->truth, "Truth file, as `sample --truth` writes it")
        ->required()
        ->type_name("FILE");
    advice->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return evaluate_advice(invocation, *flags); });
    });
    add_evaluate_prediction(*command, program);
    add_evaluate_patterns(*command, program);
    add_evaluate_forecast(*command, program);
}

void add_sample(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<SampleFlags>();
    auto* command =
        tree.add_subcommand("sample", "Make the sample shop in a database of yours, and run its traffic there");
    flags->connection.add_to(*command);
    command->add_option("--seed", flags->seed, "Renames tables and columns, varies sizes and skew; 0 has plain names")
        ->type_name("N");
    command->add_option("--scale", flags->scale, "Size; 1 is a million rows and more")->type_name("X");
    command->add_option("--truth", flags->truth, "Write what is planted in it")->type_name("FILE");
    command->add_option("--rounds", flags->rounds, "Send every statement this often, as fast as it goes")
        ->type_name("N");
    command->add_option("--seconds", flags->seconds, "Run the traffic at its own pace for so long")->type_name("N");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return make_sample(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
