#include "patterns/steady_load.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "patterns/weekday_groups.hpp"

namespace pganalytics::patterns {

Seen see(const Series& series, const PeriodOptions& options) {
    Seen seen;
    if (std::optional<AlikeDays> alike = days_alike(series)) {
        seen.series = std::move(alike->series);
        seen.added = std::move(alike->added);
    } else {
        seen.series = series;
    }
    seen.model = decompose(seen.series.values, options);
    return seen;
}

std::optional<Series> levelled(const Series& series, const Decomposition& model) {
    constexpr double least_stretch_hours = 72;
    constexpr double least_ratio = 1.3;
    const auto least = static_cast<std::size_t>(least_stretch_hours / series.step_hours());
    std::vector<std::size_t> bounds{0};
    for (const std::size_t step : model.steps) {
        if (step >= bounds.back() + least && step + least <= series.size()) bounds.push_back(step);
    }
    bounds.push_back(series.size());
    if (bounds.size() < 3) return std::nullopt;
    Series result = series;
    double lowest = INFINITY;
    double highest = 0;
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        const auto from = result.values.begin() + static_cast<std::ptrdiff_t>(bounds[i]);
        const auto to = result.values.begin() + static_cast<std::ptrdiff_t>(bounds[i + 1]);
        double sum = 0;
        double count = 0;
        for (auto value = from; value != to; ++value) {
            if (is_gap(*value)) continue;
            sum += *value;
            ++count;
        }
        if (count == 0 || sum <= 0) return std::nullopt;
        lowest = std::min(lowest, sum / count);
        highest = std::max(highest, sum / count);
        std::for_each(from, to, [&](double& value) { value *= count / sum; });
    }
    if (highest < least_ratio * lowest) return std::nullopt;
    const double level = mean_level(series);
    for (double& value : result.values) value *= level;
    return result;
}

Decomposition steady(const Seen& seen, const PeriodOptions& options) {
    const std::optional<Series> level = levelled(seen.series, seen.model);
    return level ? see(*level, options).model : seen.model;
}

}  // namespace pganalytics::patterns
