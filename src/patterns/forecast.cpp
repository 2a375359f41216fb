#include "patterns/forecast.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include "patterns/forecast_intervals.hpp"
#include "patterns/forecast_models.hpp"
#include "patterns/periodicity.hpp"
#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_known = 3;
constexpr std::size_t most_windows = 48;
constexpr std::size_t few_windows = 8;
constexpr double weight_power = 6;      // of the inverse error, where many windows tell
constexpr double windows_for_half = 4;  // of that power
constexpr double worst_in_mix = 1.35;   // times the best error, where many windows tell
constexpr double forgetting = 0.98;     // of a window's say per window back

/// Gaps filled with the mean of the same place one season before and after, else by a straight line.
std::vector<double> filled(std::span<const double> values, const std::vector<std::size_t>& seasons) {
    std::vector<double> result = interpolated(values);
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (!std::isnan(values[t])) continue;
        for (auto season = seasons.rbegin(); season != seasons.rend(); ++season) {
            double sum = 0;
            int count = 0;
            if (t >= *season) {
                sum += result[t - *season];
                ++count;
            }
            if (t + *season < values.size() && !std::isnan(values[t + *season])) {
                sum += values[t + *season];
                ++count;
            }
            if (count == 0) continue;
            result[t] = sum / count;
            break;
        }
    }
    return result;
}

struct Tried {
    std::unique_ptr<ForecastMethod> method;
    std::vector<std::vector<double>> forecasts;  // one a window, newest first
    std::vector<double> window_errors;           // sum of the absolute errors in each
    double error = 0;
    double weight = 0;
};

class Forecaster {
  public:
    Forecaster(std::vector<double> history, std::vector<std::size_t> seasons, std::size_t horizon)
        : history_(std::move(history)), seasons_(std::move(seasons)), horizon_(horizon) {
        is_nonnegative_ = *std::min_element(history_.begin(), history_.end()) >= 0;
    }

    Forecast run() {
        choose_origins();
        count_windows();
        try_methods();
        weigh();
        is_whole_ = rounding_helps();
        Forecast result;
        result.points.resize(horizon_);
        const std::vector<double> mean = combined_forecast();
        const HalfWidths widths = interval_widths();
        for (std::size_t h = 0; h < horizon_; ++h) {
            const double floor = is_nonnegative_ ? 0.0 : -INFINITY;
            const double centre = finished(std::max(floor, mean[h]));
            result.points[h] = {centre, std::max(floor, centre - widths.of_80[h]), centre + widths.of_80[h],
                                std::max(floor, centre - widths.of_95[h]), centre + widths.of_95[h]};
        }
        for (const Tried& tried : pool_) {
            if (tried.weight > 0) result.methods.push_back({tried.method->name(), tried.weight, tried.error});
        }
        std::stable_sort(result.methods.begin(), result.methods.end(),
                         [](const MethodWeight& a, const MethodWeight& b) { return a.weight > b.weight; });
        result.seasons.assign(seasons_.begin(), seasons_.end());
        result.windows_tried = origins_.size();
        return result;
    }

  private:
    // Ends of training in the tail, newest first, a day apart: at the same time of day as the forecast to come. A
    // season of few samples (a year of months) leaves few windows, and there any start will do.
    void choose_origins() {
        const std::size_t n = history_.size();
        const std::size_t longest = seasons_.empty() ? 1 : seasons_.back();
        const std::size_t quarter = std::max<std::size_t>(1, horizon_ / 4);
        for (const std::size_t least :
             {std::max(2 * n / 5, 3 * longest), 2 * longest + 24, std::max<std::size_t>(6, n / 2)}) {
            place_origins(seasons_.empty() ? quarter : seasons_.front(), least);
            if (origins_.size() < few_windows && longest <= 12) place_origins(quarter, least);
            if (origins_.size() >= 3) return;
        }
        // Too short to try whole horizons: shorter ones then stand for them.
        origins_.clear();
        stride_ = 1;
        const std::size_t shortest = std::max<std::size_t>({4, n / 2, seasons_.empty() ? 0 : seasons_.front() + 2});
        for (std::size_t back = 1; back < most_windows && back + shortest <= n; ++back) origins_.push_back(n - back);
    }

    void place_origins(std::size_t stride, std::size_t least) {
        origins_.clear();
        stride_ = stride;
        for (std::size_t k = 0; k < most_windows; ++k) {
            const std::size_t back = horizon_ + k * stride;
            if (back + least > history_.size()) break;
            origins_.push_back(history_.size() - back);
        }
    }

    // Windows that overlap are not so many.
    void count_windows() {
        double sum = 0;
        for (std::size_t h = 0; h < horizon_; ++h)
            sum += std::min(1.0, static_cast<double>(stride_) / static_cast<double>(h + 1));
        windows_ = static_cast<double>(origins_.size()) * sum / static_cast<double>(horizon_);
    }

    void try_methods() {
        const bool is_positive = *std::min_element(history_.begin(), history_.end()) > 0;
        const std::span<const double> all(history_);
        const std::size_t shortest = origins_.empty() ? history_.size() : origins_.back();
        for (auto& method : forecast_pool(seasons_, is_positive)) {
            if (method->minimum_history() > shortest) continue;
            Tried tried{std::move(method), {}, {}, 0, 0};
            tried.method->fit(all.first(shortest));
            double errors = 0;
            double weights = 0;
            double say = 1;
            for (const std::size_t origin : origins_) {
                tried.forecasts.push_back(tried.method->predict(all.first(origin), horizon_));
                double sum = 0;
                for (std::size_t h = 0; h < horizon_ && origin + h < history_.size(); ++h) {
                    sum += std::abs(history_[origin + h] - tried.forecasts.back()[h]);
                    weights += say;
                }
                tried.window_errors.push_back(sum);
                errors += say * sum;
                say *= forgetting;
            }
            tried.error = weights > 0 ? errors / weights : 0;
            if (std::isfinite(tried.error)) pool_.push_back(std::move(tried));
        }
    }

    void weigh() {
        std::vector<double> errors;
        for (const Tried& tried : pool_) errors.push_back(tried.error);
        const std::vector<double> weights = weights_by(errors);
        anchor_ = best_simple();
        share_ = anchor_ ? share_of_mixture(*anchor_) : 1.0;
        for (std::size_t i = 0; i < pool_.size(); ++i) pool_[i].weight = share_ * weights[i];
        if (anchor_) pool_[*anchor_].weight += 1 - share_;
    }

    // Few windows hardly tell one method from another, and then the plain mean of all is the better bet.
    [[nodiscard]] std::vector<double> weights_by(const std::vector<double>& errors) const {
        const double power = weight_power * windows_ / (windows_ + windows_for_half);
        const double worst = worst_in_mix + 2 / (windows_ + 1);
        const double best = *std::min_element(errors.begin(), errors.end());
        std::vector<double> weights(errors.size(), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i < errors.size(); ++i) {
            if (errors[i] > worst * best) continue;
            weights[i] = best > 0 ? std::pow(best / errors[i], power) : (errors[i] <= 0 ? 1.0 : 0.0);
            sum += weights[i];
        }
        for (double& weight : weights) weight /= sum;
        return weights;
    }

    // Of the methods that anyone would try first, the best over all of the history that is kept: they have nothing to
    // be fitted, so that every day of it counts.
    [[nodiscard]] std::optional<std::size_t> best_simple() const {
        const std::size_t stride = seasons_.empty() ? std::max<std::size_t>(1, horizon_ / 4) : seasons_.front();
        std::optional<std::size_t> best;
        double least = INFINITY;
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            if (!pool_[i].method->is_simple()) continue;
            const std::size_t first = std::max(minimum_known, 2 * (seasons_.empty() ? 0 : seasons_.back()));
            double errors = 0;
            for (std::size_t back = horizon_; back + first <= history_.size(); back += stride) {
                const std::size_t origin = history_.size() - back;
                const auto made = pool_[i].method->predict(std::span(history_).first(origin), horizon_);
                errors += relative_error(origin, made);
            }
            if (errors >= least) continue;
            least = errors;
            best = i;
        }
        return best;
    }

    [[nodiscard]] double relative_error(std::size_t origin, const std::vector<double>& made) const {
        double sum = 0;
        for (std::size_t h = 0; h < horizon_ && origin + h < history_.size(); ++h) {
            const double actual = history_[origin + h];
            const double size = std::abs(actual) + std::abs(made[h]);
            if (size > 0) sum += std::abs(actual - made[h]) / size;
        }
        return sum;
    }

    // How far the mixture is to be trusted beside the best simple method: by the windows in which it was better with
    // weights that know nothing of that window, in standard errors of its gain. Where the last value is the best simple
    // forecast, the series wanders, and nothing foresees a random walk: a gain must be clear to be believed. One old
    // cycle carries its own noise, which averaging takes away: there the mixture is the better bet before any evidence,
    // as it is where few windows can be tried (Makridakis et al. 2020).
    [[nodiscard]] double share_of_mixture(std::size_t anchor) const {
        std::vector<double> gains;
        for (std::size_t window = 0; window < origins_.size() && origins_.size() > 1; ++window) {
            const double own = relative_error(origins_[window], mixture_unseen(window, 1));
            const double simple = relative_error(origins_[window], pool_[anchor].forecasts[window]);
            if (own + simple > 0) gains.push_back((simple - own) / (simple + own));
        }
        if (gains.size() < 2) return 1.0 / 3;
        const auto n = static_cast<double>(gains.size());
        const double mean = std::accumulate(gains.begin(), gains.end(), 0.0) / n;
        double squares = 0;
        for (const double gain : gains) squares += (gain - mean) * (gain - mean);
        // Windows that overlap are not so many.
        const double overlap = static_cast<double>(stride_) / static_cast<double>(horizon_);
        const double free = std::max(1.0, n * std::min(1.0, overlap));
        const double error = std::sqrt(squares / (n - 1) / free);
        const double score = error > 0 ? mean / error : (mean > 0 ? 2.0 : -1.0);
        if (windows_ < few_windows) return std::clamp((2 + score) / 3, 0.0, 1.0);
        const bool wanders = pool_[anchor].method->name() == "naive";
        return std::clamp(wanders ? (score - 1) / 2 : (score + 1) / 2, 0.0, 1.0);
    }

    // The combination in a window, its weights by the errors in all others.
    [[nodiscard]] std::vector<double> mixture_unseen(std::size_t window, std::optional<double> share = {}) const {
        std::vector<double> errors(pool_.size(), 0.0);
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            for (std::size_t other = 0; other < origins_.size(); ++other) {
                if (other != window || origins_.size() == 1) errors[i] += pool_[i].window_errors[other];
            }
        }
        std::vector<double> weights = weights_by(errors);
        const double of_mixture = share.value_or(share_);
        std::vector<double> mixed(horizon_, 0.0);
        for (std::size_t i = 0; i < pool_.size(); ++i) {
            const double weight = of_mixture * weights[i] + (anchor_ == i ? 1 - of_mixture : 0.0);
            for (std::size_t h = 0; h < horizon_ && weight > 0; ++h) mixed[h] += weight * pool_[i].forecasts[window][h];
        }
        return mixed;
    }

    [[nodiscard]] std::vector<double> combined_forecast() {
        std::vector<double> result(horizon_, 0.0);
        double sum = 0;
        for (Tried& tried : pool_) {
            if (tried.weight <= 0) continue;
            tried.method->fit(history_);
            const std::vector<double> own = tried.method->predict(history_, horizon_);
            if (!std::all_of(own.begin(), own.end(), [](double v) { return std::isfinite(v); })) continue;
            for (std::size_t h = 0; h < horizon_; ++h) result[h] += tried.weight * own[h];
            sum += tried.weight;
        }
        for (double& each : result) each = sum > 0 ? each / sum : history_.back();
        return result;
    }

    [[nodiscard]] double finished(double value) const { return is_whole_ ? std::round(value) : value; }

    // Counts that are mostly 0: half a call is never right. Rounded where that lowers the relative error on the tail.
    [[nodiscard]] bool rounding_helps() const {
        if (!std::all_of(history_.begin(), history_.end(), [](double v) { return v == std::round(v); })) return false;
        const auto relative = [](double actual, double made) {
            const double size = std::abs(actual) + std::abs(made);
            return size > 0 ? std::abs(actual - made) / size : 0.0;
        };
        double plain = 0;
        double rounded = 0;
        for (std::size_t window = 0; window < origins_.size(); ++window) {
            for (std::size_t h = 0; h < horizon_ && origins_[window] + h < history_.size(); ++h) {
                const double actual = history_[origins_[window] + h];
                const double made = std::max(is_nonnegative_ ? 0.0 : -INFINITY, actual - combined_error(window, h));
                plain += relative(actual, made);
                rounded += relative(actual, std::round(made));
            }
        }
        return rounded < plain;
    }

    // Error of the combination in a window; NaN behind the end of the history.
    [[nodiscard]] double combined_error(std::size_t window, std::size_t h) const {
        const std::size_t at = origins_[window] + h;
        if (at >= history_.size()) return std::nan("");
        double forecast = 0;
        for (const Tried& tried : pool_) {
            if (tried.weight > 0) forecast += tried.weight * tried.forecasts[window][h];
        }
        return history_[at] - forecast;
    }

    [[nodiscard]] HalfWidths interval_widths() const {
        WindowErrors windows;
        for (std::size_t window = 0; window < origins_.size(); ++window) {
            const std::vector<double> made = mixture_unseen(window);
            std::vector<double>& errors = windows.errors.emplace_back();
            for (std::size_t h = 0; h < horizon_ && origins_[window] + h < history_.size(); ++h)
                errors.push_back(history_[origins_[window] + h] - made[h]);
        }
        windows.stride = stride_;
        const std::vector<double> lively = liveliness();
        windows.liveliness_now = lively.back();
        for (const std::size_t origin : origins_) windows.liveliness.push_back(lively[origin - 1]);
        HalfWidths widths = half_widths(windows, horizon_);
        if (!widths.of_95.empty()) return widths;
        double squares = 0;
        for (std::size_t t = 1; t < history_.size(); ++t)
            squares += (history_[t] - history_[t - 1]) * (history_[t] - history_[t - 1]);
        const std::size_t steps = history_.size() - 1;
        return half_widths_of_walk(std::sqrt(squares / static_cast<double>(steps)), steps, horizon_);
    }

    // Size of the changes that no season explains, at each sample, fading with the shortest season.
    [[nodiscard]] std::vector<double> liveliness() const {
        std::size_t season = 0;
        for (const std::size_t each : seasons_) {
            if (3 * each < history_.size()) season = each;
        }
        const double keep = std::exp2(-1 / static_cast<double>(seasons_.empty() ? 8 : seasons_.front()));
        std::vector<double> changes(history_.size(), 0.0);
        double mean = 0;
        for (std::size_t t = season + 1; t < history_.size(); ++t) {
            const double usual = season > 0 ? history_[t - season] - history_[t - season - 1] : 0.0;
            changes[t] = std::abs(history_[t] - history_[t - 1] - usual);
            mean += changes[t] / static_cast<double>(history_.size() - season - 1);
        }
        if (mean <= 0) return std::vector<double>(history_.size(), 1.0);
        std::vector<double> result(history_.size());
        double now = mean;
        for (std::size_t t = 0; t < result.size(); ++t) {
            if (t > season) now = keep * now + (1 - keep) * changes[t];
            result[t] = std::max(now, 0.05 * mean);
        }
        return result;
    }

    std::vector<double> history_;
    std::vector<std::size_t> seasons_;
    std::size_t horizon_;
    bool is_nonnegative_ = false;
    bool is_whole_ = false;  // forecasts are rounded
    std::vector<std::size_t> origins_;
    std::size_t stride_ = 1;  // from one to the next
    double windows_ = 1;      // that stand for themselves
    std::vector<Tried> pool_;
    std::optional<std::size_t> anchor_;  // best simple method
    double share_ = 1;                   // of the mixture; the rest is the anchor's
};

/// 1, but the largest value where that is beyond what squares can hold.
double extreme_unit(const std::vector<double>& history) {
    constexpr double far = 1e100;
    double largest = 0;
    for (const double value : history) largest = std::max(largest, std::abs(value));
    return largest > far || (largest > 0 && largest < 1 / far) ? largest : 1;
}

/// Calendar seasons that fit, and the strongest found that is none of them.
std::vector<std::size_t> choose_seasons(std::span<const double> values, const ForecastOptions& options) {
    std::vector<std::size_t> seasons = options.seasons.empty() ? calendar_seasons(options.step) : options.seasons;
    PeriodOptions period_options;
    period_options.significance = 0.001;
    const std::size_t looked_at = std::min<std::size_t>(values.size(), 2000);
    const Decomposition model = decompose(values.last(looked_at), period_options);
    std::size_t added = 0;
    for (const Period& period : model.periods) {
        const auto whole = static_cast<std::size_t>(std::llround(period.samples));
        const bool is_near = std::any_of(seasons.begin(), seasons.end(), [&](std::size_t season) {
            const double order = static_cast<double>(season) / period.samples;
            return order > 0.95 && std::abs(order - std::round(order)) < 0.03 * order;
        });
        if (is_near || whole < 2 || added >= 1 ||
            std::abs(period.samples - static_cast<double>(whole)) > 0.02 * period.samples)
            continue;
        seasons.push_back(whole);
        ++added;
    }
    std::sort(seasons.begin(), seasons.end());
    seasons.erase(std::unique(seasons.begin(), seasons.end()), seasons.end());
    std::erase_if(seasons, [&](std::size_t season) { return season < 2 || season + season / 4 + 4 > values.size(); });
    return seasons;
}

}  // namespace

std::vector<std::size_t> calendar_seasons(base::Seconds step) {
    constexpr double day = 86400;
    const auto whole = [&](double span) -> std::size_t {
        const double count = span / step.count();
        return std::abs(count - std::round(count)) < 0.01 * count ? static_cast<std::size_t>(std::llround(count)) : 0;
    };
    std::vector<std::size_t> seasons;
    if (step.count() <= day / 3) seasons.push_back(whole(day));
    if (step.count() <= day) seasons.push_back(whole(7 * day));
    if (step.count() >= 27 * day && step.count() <= 120 * day)
        seasons.push_back(static_cast<std::size_t>(std::lround(365.25 * day / step.count())));
    std::erase_if(seasons, [](std::size_t season) { return season < 2; });
    return seasons;
}

base::Result<Forecast> forecast(std::span<const double> values, std::size_t horizon, const ForecastOptions& options) {
    // Gaps at the start say nothing.
    while (!values.empty() && std::isnan(values.front())) values = values.subspan(1);
    const std::vector<double> known = known_values(values);
    if (known.size() < minimum_known) {
        return base::Error{base::ErrorCode::unprocessable, "A forecast needs at least 3 known values",
                           "Wait until more history is collected.", "values"};
    }
    if (horizon == 0) return Forecast{};
    std::vector<std::size_t> seasons = choose_seasons(values, options);
    // Older history says little about next week and costs time.
    const std::size_t most = std::max<std::size_t>(2000, seasons.empty() ? 0 : 14 * seasons.back());
    if (values.size() > most) values = values.last(most);
    if (known_values(values).size() < minimum_known) values = std::span<const double>(known);
    std::vector<double> history = filled(values, seasons);
    // Squares of the errors must stay inside what a double holds.
    const double unit = extreme_unit(history);
    for (double& value : history) value /= unit;
    Forecast made = Forecaster(std::move(history), std::move(seasons), horizon).run();
    for (ForecastPoint& point : made.points) {
        for (double* each : {&point.mean, &point.lower_80, &point.upper_80, &point.lower_95, &point.upper_95})
            *each *= unit;
    }
    for (MethodWeight& method : made.methods) method.tail_error *= unit;
    return made;
}

}  // namespace pganalytics::patterns
