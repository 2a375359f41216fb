#include "evaluation/forecast_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "patterns/accuracy.hpp"
#include "patterns/forecast.hpp"
#include "patterns/series.hpp"

namespace pganalytics::evaluation {
namespace {

struct Line {
    nlohmann::json id;
    double step_seconds = 3600;
    std::vector<double> values;
    std::vector<double> future;
};

struct Mean {
    double sum = 0;
    double count = 0;
    void add(const std::optional<double>& value) {
        if (!value) return;
        sum += *value;
        ++count;
    }
    [[nodiscard]] std::optional<double> value() const { return count > 0 ? std::optional(sum / count) : std::nullopt; }
};

nlohmann::json or_null(const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

std::optional<std::vector<double>> numbers(const nlohmann::json& list) {
    if (!list.is_array()) return std::nullopt;
    std::vector<double> result;
    for (const nlohmann::json& each : list) {
        if (!each.is_number() && !each.is_null()) return std::nullopt;
        result.push_back(each.is_null() ? patterns::gap() : each.get<double>());
    }
    return result;
}

/// JSON has no NaN, but the writers of several languages put it (and Infinity) all the same: read as null.
std::string without_nan(std::string_view text) {
    constexpr std::array<std::string_view, 4> words{"-Infinity", "Infinity", "NaN", "nan"};
    std::string result;
    bool in_string = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto* word =
            in_string ? words.end() : std::find_if(words.begin(), words.end(), [&](std::string_view each) {
                return text.substr(at).starts_with(each);
            });
        if (word != words.end()) {
            result += "null";
            at += word->size();
            continue;
        }
        if (in_string && text[at] == '\\' && at + 1 < text.size())
            result += text[at++];
        else if (text[at] == '"')
            in_string = !in_string;
        result += text[at++];
    }
    return result;
}

base::Result<Line> parse_line(std::string_view text, std::size_t number) {
    const auto bad = [&](std::string_view what) {
        return base::Error{
            base::ErrorCode::fix_input, fmt::format("Line {} {}", number, what),
            R"(Each line is {"id": "a", "frequency_seconds": 3600, "values": [1, null, 2], "future": [3]}.)", "series"};
    };
    nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded()) json = nlohmann::json::parse(without_nan(text), nullptr, false);
    if (json.is_discarded() || !json.is_object()) return bad("is not a JSON object");
    Line line;
    line.id = json.value("id", nlohmann::json(number));
    if (const auto step = json.find("frequency_seconds"); step != json.end() && !step->is_null()) {
        if (!step->is_number() || !(step->get<double>() > 0)) return bad("has a frequency_seconds that is not above 0");
        line.step_seconds = step->get<double>();
    }
    if (!json.contains("values")) return bad("has no values");
    const auto values = numbers(json["values"]);
    if (!values) return bad("has values that are neither numbers nor null");
    line.values = *values;
    if (const auto future = json.find("future"); future != json.end() && !future->is_null()) {
        const auto parsed = numbers(*future);
        if (!parsed) return bad("has a future that is neither numbers nor null");
        line.future = *parsed;
    }
    return line;
}

/// Share of known future values inside [low, high].
std::optional<double> coverage(std::span<const double> actual, const std::vector<double>& low,
                               const std::vector<double>& high) {
    Mean mean;
    for (std::size_t h = 0; h < actual.size(); ++h) {
        if (!std::isnan(actual[h])) mean.add(actual[h] >= low[h] && actual[h] <= high[h] ? 1.0 : 0.0);
    }
    return mean.value();
}

class Scorer {
  public:
    void add(const Line& line) {
        nlohmann::json row{{"id", line.id}};
        const bool has_future = !line.future.empty();
        const auto two_days = static_cast<std::size_t>(std::clamp(2 * 86400 / line.step_seconds, 8.0, 2000.0));
        patterns::ForecastOptions options;
        options.step = base::Seconds{line.step_seconds};
        const auto made = patterns::forecast(line.values, has_future ? line.future.size() : two_days, options);
        if (!made) {
            row["error"] = made.error().to_string();
            rows_.push_back(std::move(row));
            return;
        }
        std::vector<double> mean, low_80, high_80, low_95, high_95;
        for (const patterns::ForecastPoint& point : made->points) {
            mean.push_back(point.mean);
            low_80.push_back(point.lower_80);
            high_80.push_back(point.upper_80);
            low_95.push_back(point.lower_95);
            high_95.push_back(point.upper_95);
        }
        if (has_future) {
            const std::size_t season = patterns::m4_season(line.step_seconds);
            const std::vector<double> naive = patterns::naive2(line.values, season, line.future.size());
            const auto own_smape = patterns::smape(line.future, mean);
            const auto own_mase = patterns::mase(line.future, mean, line.values, season);
            const auto naive_smape = patterns::smape(line.future, naive);
            const auto naive_mase = patterns::mase(line.future, naive, line.values, season);
            smape_.add(own_smape);
            naive_smape_.add(naive_smape);
            mase_.add(own_mase);
            naive_mase_.add(naive_mase);
            const auto in_80 = coverage(line.future, low_80, high_80);
            const auto in_95 = coverage(line.future, low_95, high_95);
            coverage_80_.add(in_80);
            coverage_95_.add(in_95);
            row["smape"] = or_null(own_smape);
            row["mase"] = or_null(own_mase);
            row["naive2_smape"] = or_null(naive_smape);
            row["naive2_mase"] = or_null(naive_mase);
            row["owa"] = or_null(owa(own_smape, naive_smape, own_mase, naive_mase));
            row["coverage_80"] = or_null(in_80);
            row["coverage_95"] = or_null(in_95);
        }
        row["mean"] = std::move(mean);
        row["lower_80"] = std::move(low_80);
        row["upper_80"] = std::move(high_80);
        row["lower_95"] = std::move(low_95);
        row["upper_95"] = std::move(high_95);
        row["seasons"] = made->seasons;
        nlohmann::json methods = nlohmann::json::object();
        for (const patterns::MethodWeight& method : made->methods) methods[method.method] = method.weight;
        row["methods"] = std::move(methods);
        rows_.push_back(std::move(row));
        ++forecast_;
    }

    [[nodiscard]] nlohmann::json result() && {
        return {{"overall",
                 {{"smape", or_null(smape_.value())},
                  {"mase", or_null(mase_.value())},
                  {"owa", or_null(owa(smape_.value(), naive_smape_.value(), mase_.value(), naive_mase_.value()))},
                  {"coverage_80", or_null(coverage_80_.value())},
                  {"coverage_95", or_null(coverage_95_.value())},
                  {"series", forecast_}}},
                {"series", std::move(rows_)}};
    }

  private:
    static std::optional<double> owa(const std::optional<double>& own_smape, const std::optional<double>& naive_smape,
                                     const std::optional<double>& own_mase, const std::optional<double>& naive_mase) {
        if (!own_smape || !naive_smape || !own_mase || !naive_mase || *naive_smape <= 0 || *naive_mase <= 0)
            return std::nullopt;
        return (*own_smape / *naive_smape + *own_mase / *naive_mase) / 2;
    }

    nlohmann::json rows_ = nlohmann::json::array();
    std::size_t forecast_ = 0;
    Mean smape_, mase_, naive_smape_, naive_mase_, coverage_80_, coverage_95_;
};

}  // namespace

base::Result<nlohmann::json> evaluate_forecasts(std::string_view jsonl) {
    Scorer scorer;
    std::size_t number = 0;
    std::size_t read = 0;
    while (!jsonl.empty()) {
        const std::size_t end = jsonl.find('\n');
        const std::string_view text = base::trim(jsonl.substr(0, end));
        jsonl = end == std::string_view::npos ? std::string_view{} : jsonl.substr(end + 1);
        ++number;
        if (text.empty()) continue;
        PGANALYTICS_ASSIGN(const Line line, parse_line(text, number));
        scorer.add(line);
        ++read;
    }
    if (read == 0) {
        return base::Error{
            base::ErrorCode::fix_input, "The file holds no series",
            R"(Each line is {"id": "a", "frequency_seconds": 3600, "values": [1, null, 2], "future": [3]}.)", "series"};
    }
    return std::move(scorer).result();
}

}  // namespace pganalytics::evaluation
