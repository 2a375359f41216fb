#include "prediction/explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "plan/describe.hpp"
#include "prediction/features.hpp"

namespace pganalytics::prediction {

namespace {

/// (e^b − e^a) / (b − a), and its limit.
double logarithmic_mean(double a, double b) {
    const double distance = b - a;
    if (std::abs(distance) < 1e-9) return std::exp((a + b) / 2);
    return std::exp(a) * std::expm1(distance) / distance;
}

std::optional<double> known(double value) {
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string meaning_of(const std::string& feature) {
    const auto position = find_feature(feature);
    if (!position) return feature;
    std::string meaning = feature_definitions()[*position].meaning;
    if (meaning.ends_with('.')) meaning.pop_back();
    return meaning;
}

std::string figure(double value) {
    const double size = std::abs(value);
    if (size >= 1000) return base::with_thousands(static_cast<std::int64_t>(std::llround(value)));
    return fmt::format("{:.3g}", value);
}

}  // namespace

std::vector<TimePart> parts_in_ms(std::span<const Contribution> contributions, double center, std::size_t most) {
    std::vector<TimePart> parts;
    const double start = contributions.empty() ? center : contributions.front().log_factor;
    const double of_a_factor = logarithmic_mean(start, center);
    parts.push_back({"base", std::nullopt, std::exp(start)});
    double reached = start;
    std::vector<TimePart> ranked;
    for (std::size_t i = 1; i < contributions.size(); ++i) {
        const auto& one = contributions[i];
        reached += one.log_factor;
        ranked.push_back({one.feature, known(one.value), one.log_factor * of_a_factor});
    }
    // What the past of the statement says beyond the model.
    if (std::abs(center - reached) > 1e-9)
        ranked.push_back({"history", std::nullopt, (center - reached) * of_a_factor});
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
        return std::abs(a.contribution_ms) > std::abs(b.contribution_ms);
    });
    double others = 0;
    for (std::size_t i = 0; i < ranked.size(); ++i) {
        if (i < most) {
            parts.push_back(std::move(ranked[i]));
        } else {
            others += ranked[i].contribution_ms;
        }
    }
    if (ranked.size() > most) parts.push_back({"others", std::nullopt, others});
    return parts;
}

std::string why_slow(const plan::Plan& plan, std::span<const TimePart> parts) {
    const plan::Node* costliest = nullptr;
    plan::for_each_node(plan.root, [&](const plan::Node& node, int) {
        if (costliest == nullptr || node.self_cost() > costliest->self_cost()) costliest = &node;
    });
    std::string words;
    const double total = plan.total_cost().value;
    if (costliest != nullptr && total > 0) {
        words =
            fmt::format("{} is {:.0f} % of the plan's cost and gives an estimated {} rows.", plan::to_words(*costliest),
                        std::min(100.0, 100 * costliest->self_cost().value / total), figure(costliest->plan_rows));
    }
    int said = 0;
    for (const auto& part : parts) {
        constexpr int most_said = 3;
        if (part.feature == "base" || part.feature == "others" || part.contribution_ms <= 0 || said == most_said) {
            continue;
        }
        const auto time = base::to_words(base::Milliseconds{part.contribution_ms});
        if (part.feature == "history") {
            words += fmt::format(" {} more than its plan explains: so much longer it took before.", time);
        } else {
            words += fmt::format(" {} for {}{}.", time, part.feature,
                                 part.value ? fmt::format(" = {} ({})", figure(*part.value), meaning_of(part.feature))
                                            : fmt::format(" ({}: not known)", meaning_of(part.feature)));
        }
        ++said;
    }
    return words;
}

}  // namespace pganalytics::prediction
