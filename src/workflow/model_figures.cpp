#include "workflow/model_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "prediction/quantiles.hpp"

namespace pganalytics::workflow {

store::ModelFigures figures_of(std::span<const AnsweredTime> answers) {
    store::ModelFigures figures;
    if (answers.empty()) return figures;
    const auto count = static_cast<double>(answers.size());
    double mean = 0, absolute = 0, squared = 0, inside = 0;
    std::vector<double> q_errors;
    for (const auto& [said, log_ms] : answers) {
        const double difference = std::exp(said.center) - std::exp(log_ms);
        mean += log_ms / count;
        absolute += std::abs(difference) / count;
        squared += difference * difference / count;
        inside += log_ms >= said.lower && log_ms <= said.upper ? 1 / count : 0;
        q_errors.push_back(std::exp(std::abs(said.center - log_ms)));
    }
    double left = 0, all = 0;
    for (const auto& [said, log_ms] : answers) {
        left += (log_ms - said.center) * (log_ms - said.center);
        all += (log_ms - mean) * (log_ms - mean);
    }
    if (all > 0) figures.r_squared = 1 - left / all;
    figures.rmse = std::sqrt(squared);
    figures.mae = absolute;
    figures.q_error_p50 = prediction::quantile(q_errors, 0.5);
    figures.q_error_p90 = prediction::quantile(q_errors, 0.9);
    figures.q_error_p95 = prediction::quantile(q_errors, 0.95);
    figures.interval_coverage = inside;
    return figures;
}

double mean_log_error(std::span<const AnsweredTime> answers) {
    if (answers.empty()) return std::numeric_limits<double>::infinity();
    double sum = 0;
    for (const auto& [said, log_ms] : answers) sum += std::abs(said.center - log_ms);
    return sum / static_cast<double>(answers.size());
}

double mean_accuracy(std::span<const AnsweredTime> answers) {
    if (answers.empty()) return 0;
    double sum = 0;
    for (const auto& [said, log_ms] : answers) sum += std::max(0.0, 1 - std::abs(std::exp(said.center - log_ms) - 1));
    return sum / static_cast<double>(answers.size());
}

}  // namespace pganalytics::workflow
