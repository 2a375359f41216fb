#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/advice_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "cli/table.hpp"
#include "store/recommendations.hpp"
#include "workflow/report_json.hpp"

namespace pganalytics::cli {

namespace {

struct RecommendationFlags {
    std::string target, database, source;
    std::size_t limit = 20;
    double min_impact = 5;
    bool details = false;
    bool exit_code = false;
};

base::Result<std::optional<advice::SourceType>> parse_source(const std::string& name) {
    if (name.empty()) return std::optional<advice::SourceType>();
    for (const auto type : {advice::SourceType::index, advice::SourceType::rewrite, advice::SourceType::parameter,
                            advice::SourceType::workload}) {
        if (advice::to_string(type) == name) return std::optional(type);
    }
    return base::Error{base::ErrorCode::usage, fmt::format("There is no source \"{}\".", name),
                       "Choose index, rewrite, parameter or workload.", "--source"};
}

Table as_table(const std::vector<store::Recommendation>& list) {
    Table table;
    table.columns = {{"Id", "id", Align::right},
                     {"Database", "database_name"},
                     {"Rule", "rule"},
                     {"What", "recommendation_text"},
                     {"Statement", "statement"},
                     {"Gain %", "estimated_improvement_percent", Align::right},
                     {"Confidence", "confidence_score", Align::right},
                     {"Urgency", "urgency_score", Align::right},
                     {"ROI", "roi_score", Align::right}};
    for (const auto& row : list) {
        table.rows.push_back(
            {integer_cell(base::to_integer(row.id)), text_cell(row.database_name), text_cell(row.rule),
             text_cell(row.recommendation_text), text_cell(row.statement),
             number_cell(row.estimated_improvement_percent, fmt::format("{:.0f}", row.estimated_improvement_percent)),
             number_cell(row.confidence_score, fmt::format("{:.2f}", row.confidence_score)),
             number_cell(row.urgency_score, fmt::format("{:.3g}", row.urgency_score)),
             number_cell(row.roi_score, fmt::format("{:.4g}", row.roi_score))});
    }
    return table;
}

base::Result<int> list_recommendations(Invocation& invocation, const RecommendationFlags& flags) {
    PGANALYTICS_ASSIGN(const auto format, parse_output_format(invocation.output_name));
    store::RecommendationFilter filter;
    PGANALYTICS_ASSIGN(filter.source_type, parse_source(flags.source));
    filter.limit = flags.limit;
    filter.min_impact_percent = flags.min_impact;
    if (!flags.database.empty()) filter.database_name = flags.database;
    PGANALYTICS_ASSIGN(auto session, workflow::RepositoryAccess::open(invocation.config, workflow::AccessMode::share));
    if (!flags.target.empty()) {
        auto targets = session.targets();
        PGANALYTICS_ASSIGN(const auto target, find_target(targets, flags.target));
        filter.target = target.id;
    }
    PGANALYTICS_ASSIGN(const auto page, store::RecommendationStore(session.repository()).list(filter));
    auto& out = invocation.terminal.out();
    if (format == OutputFormat::json) {
        auto json = nlohmann::ordered_json::array();
        for (const auto& row : page.items) json.push_back(workflow::to_json(row));
        out << json.dump(2) << '\n';
    } else if (format == OutputFormat::csv) {
        print(invocation.terminal, as_table(page.items), format);
    } else if (page.items.empty()) {
        out << "No recommendation. A server that is collecting adds them after its next analysis.\n";
    } else {
        int rank = 0;
        for (const auto& row : page.items)
            print_advice(invocation.terminal, ++rank, workflow::to_json(row), flags.details);
    }
    return flags.exit_code && !page.items.empty() ? exit_findings : 0;
}

}  // namespace

void add_recommendations(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<RecommendationFlags>();
    auto* command = tree.add_subcommand("recommendations", "What to change, highest return first");
    command->add_option("--target", flags->target, "Only this target (name or id)")->type_name("TARGET");
    command->add_option("--database", flags->database, "Only this database")->type_name("NAME");
    command->add_option("--source", flags->source, "index, rewrite, parameter or workload")->type_name("TYPE");
    command->add_option("--min-impact", flags->min_impact, "Smallest improvement, in percent")->type_name("PERCENT");
    command->add_option("--limit", flags->limit, "How many")->type_name("N")->check(CLI::Range(1, 500));
    command->add_flag("--details", flags->details, "With reasons and evidence");
    command->add_flag("--exit-code", flags->exit_code, "Exit with 5 when there is any");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return list_recommendations(invocation, *flags); });
    });
}

}  // namespace pganalytics::cli
