#include "patterns/forecast.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include "patterns/forecast_models.hpp"
#include "patterns/periodicity.hpp"
#include "patterns/robust.hpp"

namespace pganalytics::patterns {
namespace {

constexpr std::size_t minimum_known = 3;
constexpr std::size_t most_windows = 28;
constexpr std::size_t few_windows = 8;
constexpr double weight_power = 6;     // of the inverse error
constexpr double worst_in_mix = 1.35;  // times the best error
constexpr double forgetting = 0.98;    // of a window's say per window back

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
        try_methods();
        weigh();
        is_whole_ = rounding_helps();
        Forecast result;
        result.points.resize(horizon_);
        const std::vector<double> mean = combined_forecast();
        const std::vector<double> scale = error_scale();
        const double wide = interval_factor(scale, 0.95);
        const double narrow = std::min(wide, interval_factor(scale, 0.80));
        for (std::size_t h = 0; h < horizon_; ++h) {
            const double floor = is_nonnegative_ ? 0.0 : -INFINITY;
            const double centre = finished(std::max(floor, mean[h]));
            result.points[h] = {centre, std::max(floor, centre - narrow * scale[h]), centre + narrow * scale[h],
                                std::max(floor, centre - wide * scale[h]), centre + wide * scale[h]};
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
    // Ends of training in the tail, newest first, a day apart: at the same time of day as the forecast to come.
    void choose_origins() {
        const std::size_t n = history_.size();
        const std::size_t longest = seasons_.empty() ? 1 : seasons_.back();
        const std::size_t stride = seasons_.empty() ? std::max<std::size_t>(1, horizon_ / 4) : seasons_.front();
        for (const std::size_t least :
             {std::max(2 * n / 5, 3 * longest), 2 * longest + 24, std::max<std::size_t>(6, n / 2)}) {
            origins_.clear();
            for (std::size_t k = 0; k < most_windows; ++k) {
                const std::size_t back = horizon_ + k * stride;
                if (back + least > n) break;
                origins_.push_back(n - back);
            }
            if (origins_.size() >= 3) return;
        }
        // Too short to try whole horizons: shorter ones then stand for them.
        origins_.clear();
        for (std::size_t back = 1; back < most_windows && back + std::max<std::size_t>(4, n / 2) <= n; ++back) {
            origins_.push_back(n - back);
        }
    }

    void try_methods() {
        const bool is_positive = *std::min_element(history_.begin(), history_.end()) > 0;
        const std::span<const double> all(history_);
        const std::size_t shortest = origins_.empty() ? history_.size() : origins_.back();
        for (auto& method : forecast_pool(seasons_, is_positive)) {
            if (method->minimum_history() > shortest) continue;
            Tried tried{std::move(method), {}, 0, 0};
            tried.method->fit(all.first(shortest));
            double errors = 0;
            double weights = 0;
            double say = 1;
            for (const std::size_t origin : origins_) {
                tried.forecasts.push_back(tried.method->predict(all.first(origin), horizon_));
                for (std::size_t h = 0; h < horizon_ && origin + h < history_.size(); ++h) {
                    errors += say * std::abs(history_[origin + h] - tried.forecasts.back()[h]);
                    weights += say;
                }
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
        const std::optional<std::size_t> anchor = best_simple();
        const double share = anchor ? share_of_mixture(*anchor) : 1.0;
        for (std::size_t i = 0; i < pool_.size(); ++i) pool_[i].weight = share * weights[i];
        if (anchor) pool_[*anchor].weight += 1 - share;
    }

    [[nodiscard]] static std::vector<double> weights_by(const std::vector<double>& errors) {
        const double best = *std::min_element(errors.begin(), errors.end());
        std::vector<double> weights(errors.size(), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i < errors.size(); ++i) {
            if (errors[i] > worst_in_mix * best) continue;
            weights[i] = best > 0 ? std::pow(best / errors[i], weight_power) : (errors[i] <= 0 ? 1.0 : 0.0);
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
        for (std::size_t window = 0; window < origins_.size(); ++window) {
            std::vector<double> errors(pool_.size(), 0.0);
            for (std::size_t i = 0; i < pool_.size(); ++i) {
                for (std::size_t other = 0; other < origins_.size(); ++other) {
                    if (other != window) errors[i] += absolute_error(origins_[other], pool_[i].forecasts[other]);
                }
            }
            if (origins_.size() < 2) continue;
            const std::vector<double> weights = weights_by(errors);
            std::vector<double> mixed(horizon_, 0.0);
            for (std::size_t i = 0; i < pool_.size(); ++i) {
                for (std::size_t h = 0; h < horizon_; ++h) mixed[h] += weights[i] * pool_[i].forecasts[window][h];
            }
            const double own = relative_error(origins_[window], mixed);
            const double simple = relative_error(origins_[window], pool_[anchor].forecasts[window]);
            if (own + simple > 0) gains.push_back((simple - own) / (simple + own));
        }
        if (gains.size() < 2) return 1.0 / 3;
        const auto n = static_cast<double>(gains.size());
        const double mean = std::accumulate(gains.begin(), gains.end(), 0.0) / n;
        double squares = 0;
        for (const double gain : gains) squares += (gain - mean) * (gain - mean);
        // Windows that overlap are not so many.
        const double stride = static_cast<double>(origins_[0] - origins_[1]);
        const double free = std::max(1.0, n * std::min(1.0, stride / static_cast<double>(horizon_)));
        const double error = std::sqrt(squares / (n - 1) / free);
        const double score = error > 0 ? mean / error : (mean > 0 ? 2.0 : -1.0);
        if (gains.size() < few_windows) return std::clamp((1 + score) / 3, 0.0, 1.0);
        const bool wanders = pool_[anchor].method->name() == "naive";
        return std::clamp(wanders ? (score - 1) / 2 : (score + 1) / 2, 0.0, 1.0);
    }

    [[nodiscard]] double absolute_error(std::size_t origin, const std::vector<double>& made) const {
        double sum = 0;
        for (std::size_t h = 0; h < horizon_ && origin + h < history_.size(); ++h)
            sum += std::abs(history_[origin + h] - made[h]);
        return sum;
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

    // Root mean square error by step ahead, smoothed over neighbouring steps and half drawn to the mean of all, since a
    // handful of windows says little about one step.
    [[nodiscard]] std::vector<double> error_scale() const {
        std::vector<double> squares(horizon_, 0.0);
        std::vector<double> counts(horizon_, 0.0);
        double all = 0;
        double all_count = 0;
        for (std::size_t window = 0; window < origins_.size(); ++window) {
            for (std::size_t h = 0; h < horizon_; ++h) {
                const double error = combined_error(window, h);
                if (std::isnan(error)) continue;
                squares[h] += error * error;
                ++counts[h];
                all += error * error;
                ++all_count;
            }
        }
        std::vector<double> scale(horizon_, 0.0);
        if (all_count == 0) {
            const double step = scale_of_residuals(first_differences());
            for (std::size_t h = 0; h < horizon_; ++h) scale[h] = step * std::sqrt(static_cast<double>(h + 1));
            return scale;
        }
        const double mean = all / all_count;
        for (std::size_t h = 0; h < horizon_; ++h) {
            double sum = 0;
            double count = 0;
            for (std::size_t near = h < 2 ? 0 : h - 2; near < std::min(horizon_, h + 3); ++near) {
                sum += squares[near];
                count += counts[near];
            }
            const double prior = 4;
            scale[h] = std::sqrt((sum + prior * mean) / (count + prior));
            // Steps that no window reached grow like a random walk from the last that one did.
            if (counts[h] == 0 && h > 0)
                scale[h] =
                    std::max(scale[h], scale[h - 1] * std::sqrt((static_cast<double>(h) + 1) / static_cast<double>(h)));
        }
        return scale;
    }

    [[nodiscard]] std::vector<double> first_differences() const {
        std::vector<double> differences;
        for (std::size_t t = 1; t < history_.size(); ++t) differences.push_back(history_[t] - history_[t - 1]);
        return differences;
    }

    // Conformal: the rank that covers `level` of one more window.
    [[nodiscard]] double interval_factor(const std::vector<double>& scale, double level) const {
        std::vector<double> scores;
        for (std::size_t window = 0; window < origins_.size(); ++window) {
            for (std::size_t h = 0; h < horizon_; ++h) {
                const double error = combined_error(window, h);
                if (!std::isnan(error) && scale[h] > 0) scores.push_back(std::abs(error) / scale[h]);
            }
        }
        if (scores.empty()) return level > 0.9 ? 1.96 : 1.2816;
        // Errors of one window go together, but not wholly: the sample is more than the windows, less than the errors.
        const double sample = 1.25 * static_cast<double>(origins_.size());
        // Few windows ask for more than the greatest error; the cap keeps the interval inside what was seen.
        return quantile(std::move(scores), std::min(level * (1 + 1 / sample), level + 0.7 * (1 - level)));
    }

    std::vector<double> history_;
    std::vector<std::size_t> seasons_;
    std::size_t horizon_;
    bool is_nonnegative_ = false;
    bool is_whole_ = false;  // forecasts are rounded
    std::vector<std::size_t> origins_;
    std::vector<Tried> pool_;
};

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
    std::erase_if(seasons, [&](std::size_t season) { return season < 2 || 2 * season + 12 > values.size(); });
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
    return Forecaster(std::move(history), std::move(seasons), horizon).run();
}

}  // namespace pganalytics::patterns
