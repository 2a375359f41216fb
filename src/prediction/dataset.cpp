#include "prediction/dataset.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace pganalytics::prediction {

namespace {

using nlohmann::json;

base::Error line_error(int line, std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("Line {}: {}", line, what),
            R"(Each line must be {"id", "group", "plan": {EXPLAIN JSON}, "runtime_ms"}.)", "samples"};
}

constexpr auto observed_fields = std::to_array<std::pair<std::string_view, std::optional<double> Observation::*>>({
    {"query_calls_per_hour", &Observation::query_calls_per_hour},
    {"mean_table_size_mb", &Observation::mean_table_size_mb},
    {"index_count", &Observation::index_count},
    {"concurrent_queries_avg", &Observation::concurrent_queries_avg},
    {"available_memory_pct", &Observation::available_memory_pct},
    {"std_dev_calls", &Observation::std_dev_calls},
    {"peak_hour_calls", &Observation::peak_hour_calls},
    {"table_row_count", &Observation::table_row_count},
    {"work_mem_bytes", &Observation::work_mem_bytes},
    {"cache_hit_ratio", &Observation::cache_hit_ratio},
    {"cold_cache", &Observation::cold_cache},
    {"temp_blocks_per_call", &Observation::temp_blocks_per_call},
    {"rows_per_call", &Observation::rows_per_call},
});

void read_numbers(const json& from, Observation& into) {
    for (const auto& [name, member] : observed_fields) {
        const auto value = from.find(name);
        if (value != from.end() && value->is_number()) into.*member = value->get<double>();
    }
}

/// What stands in "observation" counts before what stands beside it.
Observation read_observation(const json& line) {
    Observation observation;
    const auto cache = line.find("cache");
    if (cache != line.end() && cache->is_string()) {
        if (*cache == "cold") observation.cold_cache = 1;
        if (*cache == "warm") observation.cold_cache = 0;
    }
    read_numbers(line, observation);
    const auto found = line.find("observation");
    if (found != line.end() && found->is_object()) read_numbers(*found, observation);
    return observation;
}

std::string text_or_number(const json& line, std::string_view field) {
    const auto found = line.find(field);
    if (found == line.end() || found->is_null()) return {};
    return found->is_string() ? found->get<std::string>() : found->dump();
}

base::Result<Sample> read_line(std::string_view text, int number, std::string_view group_field) {
    const json line = json::parse(text, nullptr, false);
    if (!line.is_object()) return line_error(number, "not a JSON object");
    Sample sample;
    sample.id = text_or_number(line, "id");
    sample.group = text_or_number(line, group_field);
    sample.template_id = text_or_number(line, "template");
    if (sample.template_id.empty()) sample.template_id = sample.id;
    const auto runtime = line.find("runtime_ms");
    if (runtime == line.end() || !runtime->is_number()) return line_error(number, "runtime_ms is missing or no number");
    sample.runtime_ms = runtime->get<double>();
    if (!(sample.runtime_ms > 0) || !std::isfinite(sample.runtime_ms))
        return line_error(number, "runtime_ms must be above 0");
    const auto plan = line.find("plan");
    if (plan == line.end()) return line_error(number, "plan is missing");
    auto parsed = plan->is_string() ? plan::parse_explain_json(plan->get<std::string>()) : plan::from_json(*plan);
    if (!parsed) return line_error(number, parsed.error().message);
    sample.features = make_features(plan::without_actuals(*parsed), read_observation(line));
    if (const auto weight = line.find("weight"); weight != line.end() && weight->is_number()) {
        sample.weight = weight->get<double>();
        if (!(sample.weight > 0)) return line_error(number, "weight must be above 0");
    }
    if (const auto at = line.find("at"); at != line.end()) {
        auto time = at->is_string() ? base::parse_rfc3339(at->get<std::string>())
                                    : base::Result<base::Timestamp>(line_error(number, "at must be a text"));
        if (!time) return line_error(number, time.error().message);
        sample.at = *time;
    }
    return sample;
}

}  // namespace

base::Result<Dataset> read_samples(std::string_view json_lines, std::optional<std::string_view> group_field) {
    Dataset dataset;
    const std::string_view field = group_field.value_or("group");
    int number = 0;
    std::optional<int> grouped, ungrouped;  // the first line of each kind
    for (std::size_t begin = 0; begin < json_lines.size();) {
        ++number;
        const auto end = std::min(json_lines.find('\n', begin), json_lines.size());
        const auto line = base::trim(json_lines.substr(begin, end - begin));
        begin = end + 1;
        if (line.empty()) continue;
        PGANALYTICS_ASSIGN(auto sample, read_line(line, number, field));
        auto& first = sample.group.empty() ? ungrouped : grouped;
        if (!first) first = number;
        dataset.push_back(std::move(sample));
    }
    if (dataset.empty())
        return base::Error{base::ErrorCode::fix_input, "There is no sample", "Give at least a few dozen lines.",
                           "samples"};
    if (!ungrouped) return dataset;
    // Groups that only some lines have would put the others wherever their ids fall.
    if (group_field || grouped) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("Line {}: \"{}\" is missing", *ungrouped, field),
                           "Samples are grouped by it: give every line one, or group by another field.", "group"};
    }
    for (auto& sample : dataset) sample.group = sample.id;
    return dataset;
}

}  // namespace pganalytics::prediction
