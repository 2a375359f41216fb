#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <sstream>

#include "cli/commands/commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "evaluation/prediction_score.hpp"

namespace pganalytics::cli {

namespace {

struct PredictionFlags {
    std::string samples, test, model_type = "gradient_boosting", folds = "leave-group-out", level = "unseen";
    std::optional<std::string> group;
    std::uint32_t seed = 1;
};

base::Result<prediction::Dataset> read_dataset(const std::string& path, std::string_view flag,
                                               const std::optional<std::string>& group) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be read.", path),
                           "Check the path and its permissions.", std::string(flag)};
    }
    auto samples = prediction::read_samples(text.str(), group);
    if (!samples) {
        auto error = samples.error();
        error.message = fmt::format("{}: {}", path, error.message);
        return error;
    }
    return samples;
}

struct Figure {
    const char* heading;
    const char* pointer;
};

constexpr auto figures = std::to_array<Figure>({
    {"q-error p50", "/q_error/p50"},
    {"q-error p90", "/q_error/p90"},
    {"q-error p95", "/q_error/p95"},
    {"q-error mean", "/q_error/mean"},
    {"R²", "/r_squared"},
    {"RMSE ms", "/rmse"},
    {"MAE ms", "/mae"},
    {"R² of log time", "/r_squared_log"},
    {"coverage", "/coverage"},
    {"lowest decile's", "/coverage_lowest_decile"},
    {"width p50", "/width_p50"},
    {"infinite", "/infinite_share"},
    {"unknown", "/unknown_share"},
    {"ranked right", "/ranking_accuracy"},
    {"calibration error", "/calibration_error"},
});

Cell figure_cell(const nlohmann::json& predictor, const Figure& figure) {
    const nlohmann::json::json_pointer at(figure.pointer);
    if (!predictor.contains(at) || !predictor.at(at).is_number()) return null_cell();
    const double value = predictor.at(at).get<double>();
    std::string shown = fmt::format("{:.3g}", value);
    const auto interval = predictor.at("interval").value(at, nlohmann::json());
    if (interval.is_array() && interval[0].is_number() && interval[1].is_number())
        shown += fmt::format(" [{:.3g}, {:.3g}]", interval[0].get<double>(), interval[1].get<double>());
    return number_cell(value, std::move(shown));
}

Table as_table(const nlohmann::json& score) {
    Table table;
    table.columns.push_back({"", "figure"});
    table.columns.push_back({score.at("model_type").get<std::string>(), "overall", Align::right});
    for (const auto& [name, predictor] : score.at("baselines").items())
        table.columns.push_back({name, name, Align::right});
    for (const auto& figure : figures) {
        std::vector<Cell> row{text_cell(figure.heading), figure_cell(score.at("overall"), figure)};
        for (const auto& [name, predictor] : score.at("baselines").items())
            row.push_back(figure_cell(predictor, figure));
        table.rows.push_back(std::move(row));
    }
    return table;
}

void note_comparison(Invocation& invocation, const nlohmann::json& score) {
    invocation.terminal.note(fmt::format("{} samples of {} groups, folds: {}; [95 % group-bootstrap intervals]",
                                         score.at("samples").get<int>(), score.at("groups").get<int>(),
                                         score.at("folds").get<std::string>()));
    const auto& paired = score.at("paired_log_error").at("cost_fit");
    if (!paired.at("interval").is_array()) return;
    invocation.terminal.note(fmt::format("mean |log error| against the cost fit: {:+.3f} [{:+.3f}, {:+.3f}], {}",
                                         paired.at("difference").get<double>(), paired.at("interval")[0].get<double>(),
                                         paired.at("interval")[1].get<double>(),
                                         paired.at("better").get<bool>() ? "better" : "not shown to be better"));
}

base::Result<int> evaluate_prediction(Invocation& invocation, const PredictionFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    evaluation::PredictionScoreOptions options;
    PGANALYTICS_ASSIGN(options.type, prediction::parse_model_type(flags.model_type));
    PGANALYTICS_ASSIGN(options.folds, evaluation::parse_prediction_folds(flags.folds));
    PGANALYTICS_ASSIGN(options.level, evaluation::parse_prediction_level(flags.level));
    options.seed = flags.seed;
    options.progress = [&](int done, int total) {
        invocation.terminal.progress(fmt::format("fold {} of {}", done + 1, total));
    };
    PGANALYTICS_ASSIGN(const auto samples, read_dataset(flags.samples, "--samples", flags.group));
    std::optional<prediction::Dataset> test;
    if (!flags.test.empty()) {
        PGANALYTICS_ASSIGN(test, read_dataset(flags.test, "--test", flags.group));
    }
    PGANALYTICS_ASSIGN(const auto score, evaluation::score_predictions(samples, test, options));
    invocation.terminal.clear_progress();
    if (format == OutputFormat::json) {
        invocation.terminal.out() << score.dump(2) << '\n';
        return 0;
    }
    print(invocation.terminal, as_table(score), format);
    note_comparison(invocation, score);
    return 0;
}

}  // namespace

void add_evaluate_prediction(CLI::App& evaluate, Program& program) {
    auto flags = std::make_shared<PredictionFlags>();
    auto* command = evaluate.add_subcommand("prediction",
                                            "Train on plans and their times, and score on those the model did not see");
    command
        ->add_option("--samples", flags->samples, R"(JSON lines {"id", "group", "plan": {EXPLAIN JSON}, "runtime_ms"})")
        ->required()
        ->type_name("FILE");
    command->add_option("--test", flags->test, "Score on these lines instead of folds of --samples")->type_name("FILE");
    command
        ->add_option("--group", flags->group,
                     "Field to group by, which every line must have (group; where none has it, id)")
        ->type_name("FIELD");
    command
        ->add_option("--model-type", flags->model_type,
                     "linear_regression, decision_tree, random_forest or gradient_boosting (gradient_boosting)")
        ->type_name("TYPE");
    command->add_option("--folds", flags->folds, "leave-group-out, time or a number (leave-group-out)")
        ->type_name("FOLDS");
    command
        ->add_option("--level", flags->level,
                     "Of a group left out: unseen, or fitted to the mean times of half of its templates (unseen)")
        ->type_name("LEVEL");
    command->add_option("--seed", flags->seed, "Of folds, models and bootstraps (1)")->type_name("N");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return evaluate_prediction(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
