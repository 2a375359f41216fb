#include "evaluation/prediction_score_figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <span>
#include <string_view>

#include "prediction/model.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::evaluation {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Where each figure stands in the JSON, in the order of `Values`.
constexpr auto figure_pointers = std::to_array<const char*>(
    {"/q_error/p50", "/q_error/p90", "/q_error/p95", "/q_error/mean", "/r_squared", "/rmse", "/mae", "/r_squared_log",
     "/rmse_log", "/mae_log", "/coverage", "/coverage_lowest_decile", "/width_p50", "/infinite_share", "/unknown_share",
     "/ranking_accuracy", "/calibration_error"});
enum Figure : std::size_t {
    q_p50,
    q_p90,
    q_p95,
    q_mean,
    r_squared,
    rmse,
    mae,
    r_squared_log,
    rmse_log,
    mae_log,
    coverage,
    coverage_lowest_decile,
    width_p50,
    infinite_share,
    unknown_share,
    ranking_accuracy,
    calibration_error,
};
using Values = std::array<double, figure_pointers.size()>;

std::vector<std::size_t> sorted_by(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    return order;
}

/// Type-7 quantile of the values as often as each was drawn.
double drawn_quantile(const std::vector<double>& values, const std::vector<std::size_t>& order,
                      std::span<const int> drawn, int total, double probability) {
    if (total == 0) return none;
    const double position = probability * (total - 1);
    const double whole = std::floor(position);
    double low = none;
    int before = 0;
    for (const auto i : order) {
        before += drawn[i];
        if (std::isnan(low) && before > whole) low = values[i];
        if (before > whole + 1 || (before > whole && before == total)) {
            return position == whole || low == values[i] ? low : low + (position - whole) * (values[i] - low);
        }
    }
    return low;
}

/// Counts by rank, summed over prefixes in logarithmic time (Fenwick 1994).
class PrefixCounts {
  public:
    explicit PrefixCounts(std::size_t size) : sums_(size + 1, 0.0) {}
    void add(std::size_t rank, double count) {
        for (std::size_t i = rank + 1; i < sums_.size(); i += i & (~i + 1)) sums_[i] += count;
    }
    /// Of ranks below.
    [[nodiscard]] double below(std::size_t rank) const {
        double sum = 0;
        for (std::size_t i = rank; i > 0; i -= i & (~i + 1)) sum += sums_[i];
        return sum;
    }

  private:
    std::vector<double> sums_;
};

/// What does not change from one bootstrap to the next.
struct Prepared {
    const ScoredSamples& truth;
    const Predictions& predictions;
    const std::vector<std::size_t>& by_actual;
    std::vector<double> q_error, width;
    std::vector<std::size_t> by_q_error, by_width, by_center;
    std::vector<std::size_t> rank;  ///< of the prediction; equal predictions share one
    std::vector<int> decile;        ///< of the predicted time
};

Prepared prepare(const ScoredSamples& truth, const Predictions& predictions,
                 const std::vector<std::size_t>& by_actual) {
    Prepared p{truth, predictions, by_actual, {}, {}, {}, {}, {}, {}, {}};
    const std::size_t count = truth.log_ms.size();
    p.by_center = sorted_by(predictions.center);
    p.rank.resize(count);
    p.decile.resize(count);
    std::size_t rank = 0;
    for (std::size_t k = 0; k < count; ++k) {
        if (k > 0 && predictions.center[p.by_center[k]] > predictions.center[p.by_center[k - 1]]) ++rank;
        p.rank[p.by_center[k]] = rank;
        p.decile[p.by_center[k]] = static_cast<int>(10 * k / count);
    }
    if (predictions.only_order) return p;
    for (std::size_t i = 0; i < count; ++i)
        p.q_error.push_back(std::exp(std::abs(truth.log_ms[i] - predictions.center[i])));
    p.by_q_error = sorted_by(p.q_error);
    for (std::size_t i = 0; i < predictions.lower.size(); ++i)
        p.width.push_back(std::exp(predictions.upper[i] - predictions.lower[i]));
    p.by_width = sorted_by(p.width);
    return p;
}

/// Share of pairs of different actual time that are predicted in that order; predicted equal counts half.
double ranked_right(const Prepared& p, std::span<const int> drawn) {
    PrefixCounts counts(p.rank.size());
    double right = 0, pairs = 0, before = 0;
    for (std::size_t begin = 0; begin < p.by_actual.size();) {
        std::size_t end = begin;
        const double actual = p.truth.log_ms[p.by_actual[begin]];
        for (; end < p.by_actual.size() && p.truth.log_ms[p.by_actual[end]] == actual; ++end) {
            const auto i = p.by_actual[end];
            if (drawn[i] == 0) continue;
            const double below = counts.below(p.rank[i]), equal = counts.below(p.rank[i] + 1) - below;
            right += drawn[i] * (below + equal / 2);
            pairs += drawn[i] * before;
        }
        for (; begin < end; ++begin) {
            const auto i = p.by_actual[begin];
            if (drawn[i] == 0) continue;
            counts.add(p.rank[i], drawn[i]);
            before += drawn[i];
        }
    }
    return pairs > 0 ? right / pairs : none;
}

void add_errors(const Prepared& p, std::span<const int> drawn, int total, Values& values) {
    values[q_p50] = drawn_quantile(p.q_error, p.by_q_error, drawn, total, 0.5);
    values[q_p90] = drawn_quantile(p.q_error, p.by_q_error, drawn, total, 0.9);
    values[q_p95] = drawn_quantile(p.q_error, p.by_q_error, drawn, total, 0.95);
    double q_sum = 0, mean_ms = 0, mean_log = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        q_sum += drawn[i] * p.q_error[i];
        mean_ms += drawn[i] * std::exp(p.truth.log_ms[i]) / total;
        mean_log += drawn[i] * p.truth.log_ms[i] / total;
    }
    values[q_mean] = q_sum / total;
    double squares = 0, spread = 0, absolute = 0, log_squares = 0, log_spread = 0, log_absolute = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const double actual = std::exp(p.truth.log_ms[i]);
        const double error = std::exp(p.predictions.center[i]) - actual;
        const double log_error = p.predictions.center[i] - p.truth.log_ms[i];
        squares += drawn[i] * error * error;
        absolute += drawn[i] * std::abs(error);
        spread += drawn[i] * (actual - mean_ms) * (actual - mean_ms);
        log_squares += drawn[i] * log_error * log_error;
        log_absolute += drawn[i] * std::abs(log_error);
        log_spread += drawn[i] * (p.truth.log_ms[i] - mean_log) * (p.truth.log_ms[i] - mean_log);
    }
    values[r_squared] = spread > 0 ? 1 - squares / spread : none;
    values[rmse] = std::sqrt(squares / total);
    values[mae] = absolute / total;
    values[r_squared_log] = log_spread > 0 ? 1 - log_squares / log_spread : none;
    values[rmse_log] = std::sqrt(log_squares / total);
    values[mae_log] = log_absolute / total;
}

std::array<double, 10> coverage_by_decile(const Prepared& p, std::span<const int> drawn) {
    std::array<double, 10> inside{}, count{}, share{};
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const auto decile = static_cast<std::size_t>(p.decile[i]);
        count[decile] += drawn[i];
        const bool within = p.truth.log_ms[i] >= p.predictions.lower[i] && p.truth.log_ms[i] <= p.predictions.upper[i];
        if (within) inside[decile] += drawn[i];
    }
    for (std::size_t d = 0; d < share.size(); ++d) share[d] = count[d] > 0 ? inside[d] / count[d] : none;
    return share;
}

/// Expected calibration error over ten equally wide bins of the promised probability (Naeini et al. 2015).
double expected_calibration_error(const Prepared& p, std::span<const int> drawn, int total) {
    std::array<double, 10> promised{}, kept{};
    const double within = std::log(1.3), below = -std::log(0.7);
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const double probability = p.predictions.within_30_percent[i];
        const auto bin = static_cast<std::size_t>(std::clamp(10 * probability, 0.0, 9.0));
        promised[bin] += drawn[i] * probability;
        const double error = p.truth.log_ms[i] - p.predictions.center[i];
        if (error <= within && error >= -below) kept[bin] += drawn[i];
    }
    double sum = 0;
    for (std::size_t bin = 0; bin < promised.size(); ++bin) sum += std::abs(promised[bin] - kept[bin]);
    return sum / total;
}

void add_intervals(const Prepared& p, std::span<const int> drawn, int total, Values& values) {
    double inside = 0, infinite = 0, unknown = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        const double lower = p.predictions.lower[i], upper = p.predictions.upper[i];
        if (p.truth.log_ms[i] >= lower && p.truth.log_ms[i] <= upper) inside += drawn[i];
        if (!std::isfinite(upper - lower)) infinite += drawn[i];
        if (prediction::too_wide({p.predictions.center[i], lower, upper, 0, 0})) unknown += drawn[i];
    }
    values[coverage] = inside / total;
    values[infinite_share] = infinite / total;
    values[unknown_share] = unknown / total;
    values[width_p50] = drawn_quantile(p.width, p.by_width, drawn, total, 0.5);
    const auto deciles = coverage_by_decile(p, drawn);
    values[coverage_lowest_decile] = none;
    for (const double share : deciles) {
        if (!std::isnan(share) && !(share >= values[coverage_lowest_decile])) values[coverage_lowest_decile] = share;
    }
    values[calibration_error] = expected_calibration_error(p, drawn, total);
}

Values figures_of(const Prepared& p, std::span<const int> drawn) {
    Values values;
    values.fill(none);
    const int total = std::accumulate(drawn.begin(), drawn.end(), 0);
    if (total == 0) return values;
    if (!p.predictions.only_order) add_errors(p, drawn, total, values);
    if (!p.predictions.lower.empty()) add_intervals(p, drawn, total, values);
    values[ranking_accuracy] = ranked_right(p, drawn);
    return values;
}

nlohmann::json or_null(double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json interval_of(std::vector<double> drawn) {
    std::erase_if(drawn, [](double value) { return std::isnan(value); });
    if (drawn.size() < 2) return nullptr;
    return {or_null(prediction::quantile(drawn, 0.025)), or_null(prediction::quantile(drawn, 0.975))};
}

}  // namespace

PredictionFigures::PredictionFigures(const ScoredSamples& truth, int bootstraps, std::uint32_t seed)
    : truth_(truth), by_actual_(sorted_by(truth.log_ms)) {
    // Of a single group nothing can be said but by its samples.
    const bool by_sample = truth.groups < 2;
    const std::size_t units = by_sample ? truth.log_ms.size() : static_cast<std::size_t>(truth.groups);
    std::mt19937 random(seed);
    for (int draw = 0; draw < bootstraps; ++draw) {
        std::vector<int> of_unit(units, 0);
        // Not std::uniform_int_distribution, whose draws differ between libraries.
        for (std::size_t i = 0; i < units; ++i) ++of_unit[random() % units];
        std::vector<int> of_sample;
        of_sample.reserve(truth.log_ms.size());
        for (std::size_t i = 0; i < truth.log_ms.size(); ++i)
            of_sample.push_back(of_unit[by_sample ? i : static_cast<std::size_t>(truth.group[i])]);
        times_drawn_.push_back(std::move(of_sample));
    }
}

nlohmann::json PredictionFigures::of(const Predictions& predictions) const {
    const auto prepared = prepare(truth_, predictions, by_actual_);
    const std::vector<int> once(truth_.log_ms.size(), 1);
    const auto values = figures_of(prepared, once);
    std::array<std::vector<double>, figure_pointers.size()> drawn;
    for (const auto& times : times_drawn_) {
        const auto again = figures_of(prepared, times);
        for (std::size_t f = 0; f < again.size(); ++f) drawn[f].push_back(again[f]);
    }
    nlohmann::json figures, interval;
    for (std::size_t f = 0; f < values.size(); ++f) {
        const nlohmann::json::json_pointer at(figure_pointers[f]);
        if (predictions.only_order && f != ranking_accuracy) continue;
        figures[at] = or_null(values[f]);
        interval[at] = interval_of(drawn[f]);
    }
    if (!predictions.lower.empty()) {
        for (const double share : coverage_by_decile(prepared, once))
            figures["coverage_by_decile"].push_back(or_null(share));
    }
    figures["interval"] = interval;
    return figures;
}

nlohmann::json PredictionFigures::paired(const Predictions& ours, const Predictions& theirs) const {
    std::vector<double> difference;
    for (std::size_t i = 0; i < truth_.log_ms.size(); ++i) {
        difference.push_back(std::abs(truth_.log_ms[i] - ours.center[i]) -
                             std::abs(truth_.log_ms[i] - theirs.center[i]));
    }
    const auto mean_of = [&](std::span<const int> times) {
        double sum = 0, total = 0;
        for (std::size_t i = 0; i < difference.size(); ++i) {
            sum += times[i] * difference[i];
            total += times[i];
        }
        return total > 0 ? sum / total : none;
    };
    std::vector<double> drawn;
    for (const auto& times : times_drawn_) drawn.push_back(mean_of(times));
    const double mean = mean_of(std::vector<int>(difference.size(), 1));
    const auto interval = interval_of(drawn);
    return {{"difference", or_null(mean)},
            {"interval", interval},
            {"better", interval.is_array() && interval[1].is_number() && interval[1].get<double>() < 0}};
}

}  // namespace pganalytics::evaluation
