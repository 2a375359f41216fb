#include "advice/confidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace pganalytics::advice {
namespace {

/// Prior of a rule: `weakest` and `strongest` are equal where the evidence's strength does not move it.
struct PriorRow {
    std::string_view rule;
    double weakest;
    double strongest;
};

// The parameter rules carry the names of their parameters.
constexpr auto priors = std::to_array<PriorRow>({
    {"n_plus_one_detected", 0.85, 0.85},
    {"missing_index_detected", 0.90, 0.90},
    {"inefficient_join_detected", 0.75, 0.75},
    {"subquery_optimization", 0.70, 0.70},
    {"in_vs_any_optimization", 0.65, 0.65},
    {"LIMIT", 0.70, 0.95},
    {"work_mem", 0.80, 0.90},
    {"sort_mem", 0.75, 0.85},
    {"batch_size", 0.70, 0.75},
    {"colliding_batch_jobs", 0.65, 0.80},
    {"repeated_read", 0.70, 0.85},
});

/// Continued fraction of the incomplete beta function by the modified Lentz method. Source: Press et al., Numerical
/// Recipes, section 6.4. Converges fast for x < (a + 1) / (a + b + 2), which the caller sees to.
double beta_continued_fraction(double a, double b, double x) {
    constexpr double tiny = 1e-300;
    constexpr int max_steps = 500;
    const auto away_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double fraction = d;
    for (int m = 1; m <= max_steps; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        fraction *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        const double step = d * c;
        fraction *= step;
        if (std::abs(step - 1) < 1e-15) break;
    }
    return fraction;
}

/// The quantile of Beta(a, b) where it is at most 1/2. Searched in log x, since a small `a` puts it at 1e-150.
/// Newton's step where it stays inside the bracket, bisection where it does not: the bracket halves at worst, so this
/// ends whatever the shape of the density.
double lower_quantile(double a, double b, double probability) {
    const double log_beta = std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
    double low = std::log(std::numeric_limits<double>::min());
    double high = std::log(0.5);
    double log_x = std::clamp(std::log(a / (a + b)), low, high);
    for (int step = 0; step < 200; ++step) {
        const double x = std::exp(log_x);
        const double error = regularised_incomplete_beta(a, b, x) - probability;
        if (error == 0) break;
        (error > 0 ? high : low) = log_x;
        const double slope = std::exp(a * log_x + (b - 1) * std::log1p(-x) - log_beta);
        const double newton = slope > 0 ? log_x - error / slope : low;
        const double next = (newton > low && newton < high) ? newton : low + (high - low) / 2;
        if (std::abs(next - log_x) < 1e-15 || !(low < high)) break;
        log_x = next;
    }
    return std::exp(log_x);
}

}  // namespace

double regularised_incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double log_front =
        std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
    if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * beta_continued_fraction(a, b, x) / a;
    return 1 - std::exp(log_front) * beta_continued_fraction(b, a, 1 - x) / b;
}

Confidence Confidence::prior(double mean) {
    base::check(mean > 0 && mean < 1, "the mean of a prior lies strictly between 0 and 1");
    Confidence result;
    result.alpha_ = mean * prior_weight;
    result.beta_ = (1 - mean) * prior_weight;
    return result;
}

Confidence Confidence::updated(const RuleRecord& record) const {
    Confidence result = *this;
    result.alpha_ += record.improved;
    result.beta_ += record.no_effect + record.regressed;
    return result;
}

double Confidence::quantile(double probability) const {
    if (probability <= 0) return 0;
    if (probability >= 1) return 1;
    // The nearer end is the one whose distance doubles can hold.
    if (regularised_incomplete_beta(alpha_, beta_, 0.5) >= probability)
        return lower_quantile(alpha_, beta_, probability);
    return 1 - lower_quantile(beta_, alpha_, 1 - probability);
}

base::Result<Confidence> rule_prior(std::string_view rule, double strength) {
    const auto row = std::ranges::find(priors, rule, &PriorRow::rule);
    if (row == priors.end()) {
        return base::Error{.code = base::ErrorCode::not_found,
                           .message = fmt::format("No prior is registered for the rule '{}'.", rule),
                           .hint = "Add it to the table of priors in src/advice/confidence.cpp.",
                           .field = {}};
    }
    return Confidence::prior(row->weakest + (row->strongest - row->weakest) * std::clamp(strength, 0.0, 1.0));
}

}  // namespace pganalytics::advice
