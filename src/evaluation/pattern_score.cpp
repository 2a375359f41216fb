#include "evaluation/pattern_score.hpp"

#include <nlohmann/json.hpp>

#include "patterns/pattern_json.hpp"
#include "patterns/series_text.hpp"

namespace pganalytics::evaluation {

base::Result<nlohmann::json> evaluate_patterns(std::string_view csv, const patterns::TimeZone& zone,
                                               const patterns::DetectOptions& options) {
    PGANALYTICS_ASSIGN(const patterns::ReadSeries read, patterns::read_series_csv(csv));
    const patterns::Detection found = patterns::detect_in_series(read.series, read.has_clock, zone, options);

    nlohmann::json list = nlohmann::json::array();
    for (const patterns::Pattern& pattern : found.patterns) {
        nlohmann::json metadata = patterns::metadata_json(pattern.metadata);
        list.push_back({{"pattern_type", patterns::to_string(pattern.type)},
                        {"period_hours", metadata["period_hours"]},
                        {"confidence", pattern.metadata.confidence},
                        {"description", pattern.description},
                        {"pattern_metadata", std::move(metadata)}});
    }
    nlohmann::json outliers = nlohmann::json::array();
    for (const patterns::Incident& incident : found.outliers) outliers.push_back(patterns::incident_json(incident));
    nlohmann::json shifts = nlohmann::json::array();
    for (const patterns::Incident& incident : found.level_shifts) shifts.push_back(patterns::incident_json(incident));
    return nlohmann::json{{"patterns", std::move(list)},
                          {"outliers", std::move(outliers)},
                          {"level_shifts", std::move(shifts)},
                          {"series",
                           {{"samples", read.series.size()},
                            {"observed", read.series.observed()},
                            {"step_seconds", read.series.step.count()},
                            {"has_timestamps", read.has_clock}}}};
}

}  // namespace pganalytics::evaluation
