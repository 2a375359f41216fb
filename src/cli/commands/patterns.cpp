#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "advice/advice.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "patterns/pattern.hpp"
#include "store/patterns.hpp"
#include "store/recommendations.hpp"
#include "workflow/pattern_job.hpp"

namespace pganalytics::cli {

namespace {

struct PatternFlags {
    std::string target, database, type;
    std::size_t limit = 50;
    int lookback_days = workflow::default_lookback_days;
    bool detect = false;
};

base::Result<std::optional<std::string>> parse_type(const std::string& name) {
    if (name.empty()) return std::optional<std::string>();
    if (patterns::parse_pattern_type(name)) return std::optional(name);
    const std::vector<std::string> known{"hourly_peak", "daily_cycle", "weekly_pattern", "batch_job", "periodic"};
    const auto nearest = base::nearest_name(name, known);
    return base::Error{base::ErrorCode::usage, fmt::format("There is no pattern type \"{}\".", name),
                       nearest ? fmt::format("Did you mean \"{}\"?", *nearest)
                               : fmt::format("Choose from: {}.", base::join(known, ", ")),
                       "--type"};
}

base::Status detect_now(Invocation& invocation, workflow::RepositoryAccess& session, const PatternFlags& flags,
                        const store::PatternFilter& filter) {
    auto targets = session.targets();
    workflow::PatternRequest request;
    request.target = filter.target;
    request.database_name = filter.database_name;
    request.lookback_days = flags.lookback_days;
    PGANALYTICS_ASSIGN(const auto results,
                       workflow::detect_workload_patterns(session.repository(), targets, base::SystemClock(), request,
                                                          [&](double, std::string_view stage) {
                                                              invocation.terminal.progress(stage);
                                                              return true;
                                                          }));
    invocation.terminal.clear_progress();
    for (const auto& result : results) {
        invocation.terminal.note(fmt::format(
            "{}: {} patterns in {:.1f} days, {} outliers, {} level shifts, {} recommendations", result.database_name,
            result.found.patterns.size(), result.days_observed, result.found.outliers.size(),
            result.found.level_shifts.size(), result.advised.added + result.advised.updated));
    }
    if (results.empty()) invocation.terminal.note("nothing was collected in that time");
    return {};
}

nlohmann::json as_json(const store::StoredPattern& pattern) {
    return {{"id", base::to_integer(pattern.id)},
            {"target_id", base::to_integer(pattern.target_id)},
            {"target_name", pattern.target_name},
            {"database_name", pattern.database_name},
            {"pattern_type", pattern.pattern_type},
            {"pattern_metadata", nlohmann::json::parse(pattern.pattern_metadata_json, nullptr, false)},
            {"detection_timestamp", base::to_rfc3339(pattern.detection_timestamp)},
            {"description", pattern.description},
            {"affected_query_count", pattern.affected_query_count}};
}

std::string percent_words(double share) {
    return share > 0 && share < 0.01 ? "< 1 %" : fmt::format("{:.0f} %", 100 * share);
}

Table as_table(Terminal& terminal, const std::vector<store::StoredPattern>& patterns) {
    Table table;
    table.empty_words =
        "No pattern is stored. `pganalytics patterns --detect` looks for some; a week of history is the least.";
    table.columns = {
        {"Target", "target_name", Align::left, 24},
        {"Database", "database_name"},
        {"Pattern", "pattern_type"},
        {"What and when", "description", Align::left, static_cast<std::size_t>(std::max(110, terminal.columns() - 90))},
        {"Sure", "confidence", Align::right},
        {"Of its time", "impact_score", Align::right},
        {"Queries", "affected_query_count", Align::right},
        {"Looked at", "detection_timestamp"}};
    for (const auto& pattern : patterns) {
        const auto metadata = nlohmann::json::parse(pattern.pattern_metadata_json, nullptr, false);
        const auto number = [&](const char* name) -> std::optional<double> {
            if (!metadata.is_object() || !metadata.contains(name) || !metadata[name].is_number()) return std::nullopt;
            return metadata[name].get<double>();
        };
        const auto confidence = number("confidence");
        const auto impact = number("impact_score");
        const auto looked_at = base::to_rfc3339(pattern.detection_timestamp);
        table.rows.push_back(
            {text_cell(pattern.target_name),
             text_cell(pattern.database_name),
             text_cell(pattern.pattern_type),
             text_cell(pattern.description),
             confidence ? number_cell(*confidence, percent_words(*confidence)) : null_cell(),
             impact ? number_cell(*impact, percent_words(*impact)) : null_cell(),
             integer_cell(pattern.affected_query_count),
             {looked_at.substr(0, 10) + " " + looked_at.substr(11, 5) + " UTC", nlohmann::json(looked_at).dump()}});
    }
    return table;
}

/// What the patterns advise, so that whoever reads them at night need not look for it elsewhere.
base::Status print_what_to_do(Invocation& invocation, workflow::RepositoryAccess& session,
                              const store::PatternFilter& shown) {
    store::RecommendationFilter filter;
    filter.target = shown.target;
    filter.database_name = shown.database_name;
    filter.source_type = advice::SourceType::workload;
    filter.min_impact_percent = 0;
    filter.limit = 10;
    PGANALYTICS_ASSIGN(const auto advice, store::RecommendationStore(session.repository()).list(filter));
    if (advice.items.empty()) return {};
    auto& out = invocation.terminal.out();
    out << "\nWhat to do about it:\n";
    for (const auto& each : advice.items) {
        out << fmt::format("  {}. {} (saves {:.0f} %)\n", base::to_integer(each.id), each.recommendation_text,
                           each.estimated_improvement_percent);
    }
    out << "`pganalytics recommendations --source workload --details` has reasons, evidence and statements.\n";
    return {};
}

base::Result<int> list_patterns(Invocation& invocation, const PatternFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    store::PatternFilter filter;
    PGANALYTICS_ASSIGN(filter.pattern_type, parse_type(flags.type));
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    auto targets = session.targets();
    if (!flags.target.empty()) {
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        filter.target = target.id;
    }
    if (!flags.database.empty()) filter.database_name = flags.database;
    filter.limit = flags.limit;
    if (flags.detect) PGANALYTICS_RETURN_IF_ERROR(detect_now(invocation, session, flags, filter));
    PGANALYTICS_ASSIGN(const auto page, store::PatternStore(session.repository()).list(filter));
    if (format == OutputFormat::json) {
        nlohmann::json list = nlohmann::json::array();
        for (const auto& pattern : page.items) list.push_back(as_json(pattern));
        invocation.terminal.out() << list.dump(2) << '\n';
    } else {
        print(invocation.terminal, as_table(invocation.terminal, page.items), format);
        if (format == OutputFormat::table) {
            PGANALYTICS_RETURN_IF_ERROR(print_what_to_do(invocation, session, filter));
        }
    }
    return 0;
}

}  // namespace

void add_patterns(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<PatternFlags>();
    auto* command = tree.add_subcommand("patterns", "What repeats in the load: peaks, cycles, batch jobs");
    command->add_option("--target", flags->target, "Only this target (name or id)")->type_name("TARGET");
    command->add_option("--database", flags->database, "Only this database")->type_name("NAME");
    command->add_option("--type", flags->type, "hourly_peak, daily_cycle, weekly_pattern, batch_job or periodic")
        ->type_name("TYPE");
    command->add_option("--limit", flags->limit, "Rows")->type_name("N")->check(CLI::Range(1, 1000));
    command->add_flag("--detect", flags->detect, "Look now, before listing");
    command->add_option("--lookback-days", flags->lookback_days, "With --detect: how far back")
        ->type_name("N")
        ->check(CLI::Range(workflow::least_lookback_days, workflow::most_lookback_days));
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return list_patterns(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
