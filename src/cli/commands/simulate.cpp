// `simulate`: a history with known truth into the repository, or, with --score, through detection alone.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "patterns/detect.hpp"
#include "simulation/history.hpp"
#include "simulation/history_score.hpp"
#include "simulation/history_writer.hpp"
#include "simulation/workload_score.hpp"
#include "workflow/repository_access.hpp"

namespace pganalytics::cli {

namespace {

struct SimulateFlags {
    int days = 30;
    std::string scenario = "office";
    std::uint64_t seed = 1;
    int seeds = 1;
    std::string target_name;
    std::string database = "shop";
    std::string truth;
    std::string ends;
    bool score = false;
};

base::Result<std::string> scenario_text(const std::string& name) {
    if (const auto text = simulation::builtin_scenario(name); !text.empty()) return std::string(text);
    std::ifstream in(name, std::ios::binary);
    std::ostringstream text;
    if (in && (text << in.rdbuf())) return std::move(text).str();
    const auto known = simulation::builtin_scenario_names();
    const auto nearest = base::nearest_name(name, known);
    return base::Error{base::ErrorCode::fix_input,
                       fmt::format("{} is neither a scenario nor a file that can be read.", name),
                       nearest ? fmt::format("Did you mean \"{}\"?", *nearest)
                               : fmt::format("Scenarios: {}.", base::join(known, ", ")),
                       "--scenario"};
}

base::Result<simulation::HistoryOptions> history_options(const SimulateFlags& flags, std::uint64_t seed) {
    simulation::HistoryOptions options;
    options.days = flags.days;
    options.seed = seed;
    options.database_name = flags.database;
    options.ends = base::SystemClock().now();
    if (!flags.ends.empty()) {
        PGANALYTICS_ASSIGN(options.ends, base::parse_rfc3339(flags.ends));
    }
    return options;
}

base::Result<int> score_scenario(Invocation& invocation, const SimulateFlags& flags, const std::string& text) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    simulation::HistoryScore all;
    simulation::WorkloadScore advice;
    for (std::uint64_t seed = flags.seed; seed < flags.seed + static_cast<std::uint64_t>(flags.seeds); ++seed) {
        invocation.terminal.progress(fmt::format("seed {}", seed));
        PGANALYTICS_ASSIGN(const auto scenario, simulation::parse_scenario(text, seed));
        PGANALYTICS_ASSIGN(const auto options, history_options(flags, seed));
        PGANALYTICS_ASSIGN(auto simulator, simulation::HistorySimulator::make(scenario, options));
        const auto history = simulation::roll_up(simulator);
        const auto found = patterns::detect_patterns(history);
        all += simulation::score_detection(simulator.truth(), found);
        PGANALYTICS_ASSIGN(const auto advised, simulation::advise_on(scenario, options, history, found));
        advice += simulation::score_workload(simulator.truth(), advised);
    }
    invocation.terminal.clear_progress();
    auto& out = invocation.terminal.out();
    if (format == OutputFormat::json) {
        nlohmann::json json = all.to_json();
        json["workload_advice"] = advice.to_json();
        out << json.dump(2) << '\n';
        return 0;
    }
    out << fmt::format("{}: {} of {} planted patterns found, {} invented, F1 {:.3f}; {} of {} incidents seen\n",
                       flags.scenario, all.found, all.planted, all.invented, all.f1(), all.incidents_found,
                       all.incidents);
    out << fmt::format("workload advice: {} of {} planted found, {} invented, precision {:.3f}, recall {:.3f}\n",
                       advice.found, advice.planted, advice.invented, advice.precision(), advice.recall());
    for (const auto* words : {&all.missed_words, &advice.missed_words}) {
        for (const auto& each : *words) out << "  missed:   " << each << '\n';
    }
    for (const auto* words : {&all.invented_words, &advice.invented_words}) {
        for (const auto& each : *words) out << "  invented: " << each << '\n';
    }
    return 0;
}

base::Result<int> simulate(Invocation& invocation, const SimulateFlags& flags) {
    PGANALYTICS_ASSIGN(const auto text, scenario_text(flags.scenario));
    if (flags.score) return score_scenario(invocation, flags, text);
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(const auto scenario, simulation::parse_scenario(text, flags.seed));
    PGANALYTICS_ASSIGN(const auto options, history_options(flags, flags.seed));
    PGANALYTICS_ASSIGN(auto history, simulation::HistorySimulator::make(scenario, options));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    const std::string name = flags.target_name.empty()
                                 ? fmt::format("simulated {} {}", history.truth().scenario, flags.seed)
                                 : flags.target_name;
    PGANALYTICS_ASSIGN(const auto written,
                       simulation::write_history(session.repository(), targets, name, history, [&](double share) {
                           invocation.terminal.progress(fmt::format("{:.0f} % of {} days", 100 * share, flags.days));
                       }));
    invocation.terminal.clear_progress();
    if (!flags.truth.empty()) {
        std::ofstream out(flags.truth);
        if (!(out << history.truth().to_json().dump(2) << '\n')) {
            return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be written.", flags.truth),
                               "Name another file.", "--truth"};
        }
    }
    auto& out = invocation.terminal.out();
    if (format == OutputFormat::json) {
        out << nlohmann::json{{"target_id", base::to_integer(written.target_id)},
                              {"target_name", name},
                              {"intervals", written.intervals},
                              {"rows", written.rows},
                              {"truth", history.truth().to_json()}}
                   .dump(2)
            << '\n';
    } else {
        out << fmt::format("Target \"{}\" has {} intervals and {} rows of {} days of \"{}\", seed {}.\n", name,
                           written.intervals, written.rows, flags.days, history.truth().scenario, flags.seed)
            << fmt::format("`pganalytics patterns --detect --target \"{}\"` looks for what repeats in it.\n", name);
    }
    return 0;
}

}  // namespace

void add_simulate(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<SimulateFlags>();
    auto* command = tree.add_subcommand("simulate", "Write a history of many days with known patterns in it");
    command->add_option("--days", flags->days, "How long")->type_name("N")->check(CLI::Range(1, 400));
    command
        ->add_option("--scenario", flags->scenario,
                     "office, global, batch, flat, incident, migration, collision, or a file of yours (TOML)")
        ->type_name("NAME|FILE");
    command->add_option("--seed", flags->seed, "What the scenario leaves open is drawn by it")->type_name("N");
    command->add_option("--target-name", flags->target_name, "Name of the target it becomes")->type_name("NAME");
    command->add_option("--database", flags->database, "Name of its database")->type_name("NAME");
    command->add_option("--ends", flags->ends, "When it ends, RFC 3339; now where absent")->type_name("TIME");
    command->add_option("--truth", flags->truth, "Write what is planted in it (JSON)")->type_name("FILE");
    command->add_flag("--score", flags->score, "Write nothing: detect at once and hold that against the truth");
    command->add_option("--seeds", flags->seeds, "With --score: so many seeds from --seed on")
        ->type_name("N")
        ->check(CLI::Range(1, 1000));
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return simulate(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
