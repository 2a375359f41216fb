// `evaluate patterns` and `evaluate forecast`: series from files, no server, no state folder.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "cli/commands/commands.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "evaluation/forecast_score.hpp"
#include "evaluation/pattern_score.hpp"

namespace pganalytics::cli {

namespace {

/// A year of minutes takes 20 MB; beyond this it is no series but a mistake.
constexpr std::uintmax_t largest_file = std::uintmax_t{512} << 20;

base::Result<std::string> read_series_file(const std::string& path) {
    const auto fail = [&](std::string message, std::string hint) {
        return base::Error{base::ErrorCode::fix_input, std::move(message), std::move(hint), "--series"};
    };
    std::error_code trouble;
    const auto status = std::filesystem::status(path, trouble);
    if (trouble || !std::filesystem::exists(status))
        return fail(fmt::format("{} does not exist", path), "Check the path.");
    if (std::filesystem::is_directory(status)) return fail(fmt::format("{} is a folder", path), "Name a file.");
    const auto size = std::filesystem::file_size(path, trouble);
    if (!trouble && size > largest_file) {
        return fail(fmt::format("{} has {} bytes; at most {} are read", path, size, largest_file),
                    "Aggregate the series, or split the file.");
    }
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in) return fail(fmt::format("{} cannot be read", path), "Check its permissions.");
    text << in.rdbuf();
    if (in.bad()) return fail(fmt::format("{} cannot be read", path), "Check the disk it is on.");
    return std::move(text).str();
}

/// The file's name goes in front: the reader's message names a line.
base::Error about(const std::string& path, base::Error error) {
    error.message = fmt::format("{}: {}", path, error.message);
    error.field = "--series";
    return error;
}

std::string shown(const nlohmann::json& value, std::string_view format = "{:.3f}") {
    return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : std::string("–");
}

Cell number_or_null(const nlohmann::json& value, std::string_view format = "{:.3f}") {
    return value.is_number() ? number_cell(value.get<double>(), shown(value, format)) : null_cell();
}

struct PatternFlags {
    std::string series;
    std::string time_zone;
    double significance = patterns::DetectOptions{}.significance;
};

base::Result<int> evaluate_pattern_file(Invocation& invocation, const PatternFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(const auto text, read_series_file(flags.series));
    patterns::TimeZone zone;
    if (!flags.time_zone.empty()) {
        PGANALYTICS_ASSIGN(zone, patterns::TimeZone::find(flags.time_zone));
    }
    patterns::DetectOptions options;
    options.significance = flags.significance;
    const auto found = evaluation::evaluate_patterns(text, zone, options);
    if (!found) return about(flags.series, found.error());
    auto& out = invocation.terminal.out();
    if (format == OutputFormat::json) {
        out << found->dump(2) << '\n';
        return 0;
    }
    Table table;
    table.empty_words = "No pattern: nothing repeats more than chance would make it.";
    table.columns = {{"Pattern", "pattern_type"},
                     {"Period", "period_hours", Align::right},
                     {"Confidence", "confidence", Align::right},
                     {"What", "description", Align::left, 110}};
    for (const auto& pattern : (*found)["patterns"]) {
        table.rows.push_back(
            {text_cell(pattern["pattern_type"].get<std::string>()), number_or_null(pattern["period_hours"], "{:.4g} h"),
             number_or_null(pattern["confidence"], "{:.2f}"), text_cell(pattern["description"].get<std::string>())});
    }
    print(invocation.terminal, table, format);
    if (format == OutputFormat::csv) return 0;
    for (const auto& outlier : (*found)["outliers"]) {
        out << fmt::format("Outlier from {} to {}: {} where {} was expected\n", outlier["begins"].get<std::string>(),
                           outlier["ends"].get<std::string>(), shown(outlier["value"], "{:.4g}"),
                           shown(outlier["expected"], "{:.4g}"));
    }
    for (const auto& shift : (*found)["level_shifts"]) {
        out << fmt::format("Level shift at {}: from {} to {}\n", shift["at"].get<std::string>(),
                           shown(shift["before"], "{:.4g}"), shown(shift["after"], "{:.4g}"));
    }
    return 0;
}

base::Result<int> evaluate_forecast_file(Invocation& invocation, const std::string& path) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    PGANALYTICS_ASSIGN(const auto text, read_series_file(path));
    const auto score = evaluation::evaluate_forecasts(text);
    if (!score) return about(path, score.error());
    auto& out = invocation.terminal.out();
    if (format == OutputFormat::json) {
        out << score->dump(2) << '\n';
        return 0;
    }
    Table table;
    table.columns = {{"Series", "id"},
                     {"sMAPE", "smape", Align::right},
                     {"MASE", "mase", Align::right},
                     {"OWA", "owa", Align::right},
                     {"In 80 %", "coverage_80", Align::right},
                     {"In 95 %", "coverage_95", Align::right},
                     {"Trouble", "error", Align::left, 60}};
    for (const auto& row : (*score)["series"]) {
        const auto field = [&](const char* name) { return row.contains(name) ? row[name] : nlohmann::json(nullptr); };
        table.rows.push_back(
            {text_cell(row["id"].is_string() ? row["id"].get<std::string>() : row["id"].dump()),
             number_or_null(field("smape")), number_or_null(field("mase")), number_or_null(field("owa")),
             number_or_null(field("coverage_80")), number_or_null(field("coverage_95")),
             row.contains("error") ? text_cell(row["error"].get<std::string>(), Style::warning) : null_cell("")});
    }
    print(invocation.terminal, table, format);
    if (format == OutputFormat::table) {
        const auto& all = (*score)["overall"];
        out << fmt::format(
            "All {}: sMAPE {}, MASE {}, OWA {}; {} of the future lies in the 80 % intervals, {} in the 95 % ones\n",
            all["series"].get<std::size_t>(), shown(all["smape"]), shown(all["mase"]), shown(all["owa"]),
            shown(all["coverage_80"]), shown(all["coverage_95"]));
    }
    return 0;
}

}  // namespace

void add_evaluate_patterns(CLI::App& evaluate, Program& program) {
    auto flags = std::make_shared<PatternFlags>();
    auto* command = evaluate.add_subcommand("patterns", "Patterns, outliers and level shifts of a series in a file");
    command->add_option("--series", flags->series, "CSV: timestamp,value a line")->required()->type_name("FILE");
    command->add_option("--time-zone", flags->time_zone, "IANA name, for the words only; UTC where absent")
        ->type_name("ZONE");
    command->add_option("--significance", flags->significance, "Chance that a series without a pattern yields one")
        ->type_name("P")
        ->check(CLI::Range(1e-6, 0.5));
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return evaluate_pattern_file(invocation, *flags); });
    });
}

void add_evaluate_forecast(CLI::App& evaluate, Program& program) {
    auto path = std::make_shared<std::string>();
    auto* command = evaluate.add_subcommand("forecast", "Forecasts of series in a file against what came");
    command
        ->add_option(
            "--series", *path,
            R"(JSON lines: {"id", "frequency_seconds", "values": […], "future": […]}; no future: forecast only)")
        ->required()
        ->type_name("FILE");
    command->callback([path, &program] {
        program.choose([path](Invocation& invocation) { return evaluate_forecast_file(invocation, *path); });
    });
}

}  // namespace pganalytics::cli
