#include "corpus/summary.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace pganalytics::corpus {

namespace {

using nlohmann::json;

double at_share(const std::vector<double>& rising, double share) {
    return rising[static_cast<std::size_t>(share * static_cast<double>(rising.size() - 1))];
}

json spread(std::vector<double> values) {
    if (values.empty()) return nullptr;
    std::sort(values.begin(), values.end());
    return {{"min", values.front()},        {"p10", at_share(values, 0.1)},  {"p50", at_share(values, 0.5)},
            {"p90", at_share(values, 0.9)}, {"p99", at_share(values, 0.99)}, {"max", values.back()}};
}

std::vector<json> read_lines(const std::filesystem::path& path) {
    std::vector<json> lines;
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
        auto parsed = json::parse(line, nullptr, false);
        if (!parsed.is_object()) continue;
        parsed.erase("plan");
        lines.push_back(std::move(parsed));
    }
    return lines;
}

json noise_of(const std::vector<json>& repeated) {
    std::map<std::string, std::vector<double>> times;
    for (const auto& line : repeated)
        if (line.at("cache") == "warm") times[line.at("statement")].push_back(line.at("runtime_ms"));
    std::vector<double> errors;
    for (auto& [statement, runs] : times) {
        if (runs.size() < 2) continue;
        std::sort(runs.begin(), runs.end());
        const double middle = at_share(runs, 0.5);
        for (const double run : runs) errors.push_back(std::max(run / middle, middle / run));
    }
    return spread(std::move(errors));
}

}  // namespace

base::Result<json> summarise(const std::filesystem::path& folder, std::uint64_t seed,
                             const std::map<std::string, Counts>& counts, double seconds) {
    const auto corpus = read_lines(folder / "corpus.jsonl"), repeated = read_lines(folder / "repeated.jsonl");
    if (corpus.empty())
        return base::Error{base::ErrorCode::internal, "no statement could be measured", "See what failed above.", {}};
    std::map<std::string, std::vector<double>> warm_and_cold;
    std::map<std::string, long> templates;
    for (const auto& line : corpus) {
        warm_and_cold[line.at("cache")].push_back(line.at("runtime_ms"));
        ++templates[line.at("template")];
    }
    json schemas = json::object();
    Counts sum;
    for (const auto& [name, of] : counts) {
        schemas[name] = {{"pairs", of.pairs},         {"repeated", of.repeated}, {"templates", of.templates},
                         {"timed_out", of.timed_out}, {"failed", of.failed},     {"seconds", of.seconds}};
        sum.timed_out += of.timed_out;
        sum.failed += of.failed;
    }
    return json{{"seed", seed},
                {"pairs", corpus.size()},
                {"repeated_pairs", repeated.size()},
                {"templates", templates.size()},
                {"timed_out", sum.timed_out},
                {"failed", sum.failed},
                {"seconds", seconds},
                {"runtime_ms", {{"warm", spread(warm_and_cold["warm"])}, {"cold", spread(warm_and_cold["cold"])}}},
                {"warm_share", static_cast<double>(warm_and_cold["warm"].size()) / static_cast<double>(corpus.size())},
                {"repeat_q_error", noise_of(repeated)},
                {"schemas", std::move(schemas)}};
}

}  // namespace pganalytics::corpus
