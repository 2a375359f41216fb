#include "patterns/forecast_models.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "patterns/smoothing.hpp"

namespace pganalytics::patterns {
namespace {

double mean_of(std::span<const double> values) {
    return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Ridge regression on standardised columns; the first coefficient is the intercept.
Eigen::VectorXd ridge(Eigen::MatrixXd design, const Eigen::VectorXd& target, double penalty) {
    const auto rows = static_cast<double>(design.rows());
    const Eigen::RowVectorXd means = design.colwise().mean();
    design.rowwise() -= means;
    const Eigen::RowVectorXd scales = (design.colwise().squaredNorm() / rows).array().sqrt().max(1e-12);
    design.array().rowwise() /= scales.array();
    const double target_mean = target.mean();
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(design.cols(), design.cols());
    gram.selfadjointView<Eigen::Lower>().rankUpdate(design.transpose());
    gram.diagonal().array() += penalty * rows;
    const Eigen::VectorXd scaled =
        gram.selfadjointView<Eigen::Lower>().ldlt().solve(design.transpose() * (target.array() - target_mean).matrix());
    Eigen::VectorXd result(scaled.size() + 1);
    result.tail(scaled.size()) = scaled.array() / scales.transpose().array();
    result(0) = target_mean - means * result.tail(scaled.size());
    return result;
}

class Naive final : public ForecastMethod {
  public:
    std::string name() const override { return "naive"; }
    std::size_t minimum_history() const override { return 1; }
    bool is_simple() const override { return true; }
    void fit(std::span<const double>) override {}
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        return std::vector<double>(horizon, history.back());
    }
};

/// The last value and the mean change of all history.
class Drift final : public ForecastMethod {
  public:
    std::string name() const override { return "drift"; }
    std::size_t minimum_history() const override { return 4; }
    void fit(std::span<const double>) override {}
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        const double slope = (history.back() - history.front()) / static_cast<double>(history.size() - 1);
        std::vector<double> result(horizon);
        for (std::size_t h = 0; h < horizon; ++h) result[h] = history.back() + static_cast<double>(h + 1) * slope;
        return result;
    }
};

class SeasonalNaive final : public ForecastMethod {
  public:
    explicit SeasonalNaive(std::size_t season) : season_(season) {}
    std::string name() const override { return fmt::format("seasonal_naive_{}", season_); }
    std::size_t minimum_history() const override { return season_; }
    bool is_simple() const override { return true; }
    void fit(std::span<const double>) override {}
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        std::vector<double> result(horizon);
        for (std::size_t h = 0; h < horizon; ++h) result[h] = history[history.size() - season_ + h % season_];
        return result;
    }

  private:
    std::size_t season_;
};

/// Mean of the same place in the last `cycles` seasons; `follows_level`: plus what the last inner season lay beside it.
class Profile final : public ForecastMethod {
  public:
    Profile(std::size_t season, std::size_t cycles, std::size_t inner)
        : season_(season), cycles_(cycles), inner_(inner) {}
    std::string name() const override {
        return fmt::format("profile_{}x{}{}", season_, cycles_, inner_ > 0 ? "_levelled" : "");
    }
    std::size_t minimum_history() const override { return 2 * season_ + inner_; }
    bool is_simple() const override { return cycles_ == 2 && inner_ == 0; }
    void fit(std::span<const double> history) override {
        if (inner_ == 0) return;
        // How much of a day's deviation from the profile is still there a day later.
        double products = 0;
        double squares = 0;
        for (std::size_t back = 1; back <= 14; ++back) {
            if (history.size() < minimum_history() + (back + 1) * inner_) break;
            const double later = deviation(history.first(history.size() - (back - 1) * inner_));
            const double earlier = deviation(history.first(history.size() - back * inner_));
            products += later * earlier;
            squares += earlier * earlier;
        }
        kept_ = squares > 0 ? std::clamp(products / squares, 0.0, 1.0) : 0;
    }
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        std::vector<double> result = profile(history, horizon);
        if (inner_ == 0) return result;
        const double beside = deviation(history);
        double share = kept_;
        for (std::size_t h = 0; h < horizon; ++h) {
            if (h > 0 && h % inner_ == 0) share *= kept_;
            result[h] += share * beside;
        }
        return result;
    }

  private:
    [[nodiscard]] std::vector<double> profile(std::span<const double> history, std::size_t horizon) const {
        std::vector<double> result(horizon, 0.0);
        const std::size_t n = history.size();
        for (std::size_t h = 0; h < horizon; ++h) {
            std::size_t used = 0;
            for (std::size_t cycle = 1; cycle <= cycles_ && cycle * season_ <= n; ++cycle) {
                result[h] += history[n - cycle * season_ + h % season_];
                ++used;
            }
            result[h] /= static_cast<double>(used);
        }
        return result;
    }
    [[nodiscard]] double deviation(std::span<const double> history) const {
        const auto before = history.first(history.size() - inner_);
        return mean_of(history.last(inner_)) - mean_of(profile(before, inner_));
    }

    std::size_t season_;
    std::size_t cycles_;
    std::size_t inner_;
    double kept_ = 0;
};

/// Theta with classical seasonal adjustment: simple smoothing plus half of the linear trend.
class Theta final : public ForecastMethod {
  public:
    explicit Theta(std::size_t season) : season_(season) {}
    std::string name() const override { return season_ > 1 ? fmt::format("theta_{}", season_) : "theta"; }
    std::size_t minimum_history() const override { return std::max<std::size_t>(5, 2 * season_ + 1); }
    void fit(std::span<const double> history) override {
        const std::vector<double> factors = additive_factors(history);
        const std::vector<double> adjusted = without(history, factors);
        double best = INFINITY;
        for (const double alpha : {0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99}) {
            double level = adjusted.front();
            double error = 0;
            for (const double value : adjusted) {
                error += (value - level) * (value - level);
                level += alpha * (value - level);
            }
            if (error < best) {
                best = error;
                alpha_ = alpha;
            }
        }
    }
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        const std::vector<double> factors = additive_factors(history);
        const std::vector<double> adjusted = without(history, factors);
        const auto n = static_cast<double>(adjusted.size());
        double level = adjusted.front();
        double moment = 0;
        const double mean = mean_of(adjusted);
        for (std::size_t t = 0; t < adjusted.size(); ++t) {
            level += alpha_ * (adjusted[t] - level);
            moment += (static_cast<double>(t) - (n - 1) / 2) * (adjusted[t] - mean);
        }
        const double slope = moment / (n * (n * n - 1) / 12);
        std::vector<double> result(horizon);
        for (std::size_t h = 0; h < horizon; ++h) {
            const double ahead = static_cast<double>(h) + (1 - std::pow(1 - alpha_, n)) / alpha_;
            result[h] = level + slope / 2 * ahead + factors[(adjusted.size() + h) % factors.size()];
        }
        return result;
    }

  private:
    [[nodiscard]] std::vector<double> additive_factors(std::span<const double> history) const {
        std::vector<double> factors(std::max<std::size_t>(1, season_), 0.0);
        if (season_ < 2) return factors;
        std::vector<std::size_t> counts(season_, 0);
        double window = std::accumulate(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(season_), 0.0);
        for (std::size_t t = season_ / 2; t + season_ - season_ / 2 < history.size(); ++t) {
            const std::size_t first = t - season_ / 2;
            const double next = window - history[first] + history[first + season_];
            const double trend = (window + next) / (2 * static_cast<double>(season_));
            factors[t % season_] += history[t] - trend;
            ++counts[t % season_];
            window = next;
        }
        for (std::size_t i = 0; i < season_; ++i)
            factors[i] /= static_cast<double>(std::max<std::size_t>(1, counts[i]));
        const double mean = mean_of(factors);
        for (double& factor : factors) factor -= mean;
        return factors;
    }
    static std::vector<double> without(std::span<const double> history, const std::vector<double>& factors) {
        std::vector<double> adjusted(history.begin(), history.end());
        for (std::size_t t = 0; t < adjusted.size(); ++t) adjusted[t] -= factors[t % factors.size()];
        return adjusted;
    }

    std::size_t season_;
    double alpha_ = 0.2;
};

/// Level, slope and Fourier terms of each season over the newest history, plus a fading share of the last error.
class HarmonicRegression final : public ForecastMethod {
  public:
    explicit HarmonicRegression(std::vector<std::size_t> seasons) : seasons_(std::move(seasons)) {}
    std::string name() const override { return "harmonic_regression"; }
    std::size_t minimum_history() const override { return 2 * seasons_.back() + 8; }
    void fit(std::span<const double>) override {}
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        const std::size_t used = std::min(history.size(), 8 * seasons_.back());
        const auto recent = history.last(used);
        Eigen::MatrixXd design(static_cast<Eigen::Index>(used + horizon), columns());
        for (Eigen::Index t = 0; t < design.rows(); ++t)
            fill(design, t, static_cast<double>(t) / static_cast<double>(used));
        const Eigen::Map<const Eigen::VectorXd> target(recent.data(), static_cast<Eigen::Index>(used));
        const auto rows = static_cast<Eigen::Index>(used);
        const Eigen::VectorXd coefficients = ridge(design.topRows(rows), target, 1e-6);
        const Eigen::VectorXd fitted = ((design * coefficients.tail(design.cols())).array() + coefficients(0)).matrix();
        const Eigen::VectorXd errors = target - fitted.head(rows);
        const double squares = errors.head(rows - 1).squaredNorm();
        const double phi =
            squares > 0 ? std::clamp(errors.head(rows - 1).dot(errors.tail(rows - 1)) / squares, 0.0, 0.99) : 0;
        std::vector<double> result(horizon);
        double carried = errors(rows - 1);
        for (std::size_t h = 0; h < horizon; ++h) {
            carried *= phi;
            result[h] = fitted(rows + static_cast<Eigen::Index>(h)) + carried;
        }
        return result;
    }

  private:
    static std::size_t harmonics(std::size_t season) { return std::min<std::size_t>(season / 2, 10); }
    [[nodiscard]] Eigen::Index columns() const {
        std::size_t count = 1;
        for (const std::size_t season : seasons_) count += 2 * harmonics(season);
        return static_cast<Eigen::Index>(count);
    }
    void fill(Eigen::MatrixXd& design, Eigen::Index t, double place) const {
        Eigen::Index column = 0;
        design(t, column++) = place;
        for (const std::size_t season : seasons_) {
            for (std::size_t k = 1; k <= harmonics(season); ++k) {
                const double angle = 2 * std::numbers::pi * static_cast<double>(k) * static_cast<double>(t) /
                                     static_cast<double>(season);
                design(t, column++) = std::cos(angle);
                design(t, column++) = std::sin(angle);
            }
        }
    }

    std::vector<std::size_t> seasons_;
};

/// One-step ridge regression on the last values and on those around one and two seasons ago, run forward.
class SeasonalAutoregression final : public ForecastMethod {
  public:
    explicit SeasonalAutoregression(const std::vector<std::size_t>& seasons) {
        lags_ = {1, 2, 3};
        for (const std::size_t season : seasons) {
            for (const std::size_t lag : {season - 1, season, season + 1, season + 2, 2 * season, 2 * season + 1})
                lags_.push_back(lag);
        }
        std::sort(lags_.begin(), lags_.end());
        lags_.erase(std::unique(lags_.begin(), lags_.end()), lags_.end());
        std::erase(lags_, std::size_t{0});
    }
    std::string name() const override { return "seasonal_autoregression"; }
    std::size_t minimum_history() const override { return lags_.back() + std::max<std::size_t>(20, 4 * lags_.size()); }
    void fit(std::span<const double> history) override {
        const std::size_t first = lags_.back();
        const auto rows = static_cast<Eigen::Index>(history.size() - first);
        Eigen::MatrixXd design(rows, static_cast<Eigen::Index>(lags_.size()));
        Eigen::VectorXd target(rows);
        for (Eigen::Index row = 0; row < rows; ++row) {
            const std::size_t t = first + static_cast<std::size_t>(row);
            target(row) = history[t];
            for (std::size_t k = 0; k < lags_.size(); ++k)
                design(row, static_cast<Eigen::Index>(k)) = history[t - lags_[k]];
        }
        coefficients_ = ridge(std::move(design), target, 1e-4);
        const auto [low, high] = std::minmax_element(history.begin(), history.end());
        low_ = *low - (*high - *low) / 2;
        high_ = *high + (*high - *low) / 2;
    }
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        std::vector<double> values(history.last(lags_.back()).begin(), history.last(lags_.back()).end());
        for (std::size_t h = 0; h < horizon; ++h) {
            double next = coefficients_(0);
            for (std::size_t k = 0; k < lags_.size(); ++k) {
                next += coefficients_(static_cast<Eigen::Index>(k + 1)) * values[values.size() - lags_[k]];
            }
            // An unstable root must not run away.
            values.push_back(std::clamp(next, low_, high_));
        }
        return {values.end() - static_cast<std::ptrdiff_t>(horizon), values.end()};
    }

  private:
    std::vector<std::size_t> lags_;
    Eigen::VectorXd coefficients_;
    double low_ = 0;
    double high_ = 0;
};

/// Another method on the logarithm of the values.
class OnLogScale final : public ForecastMethod {
  public:
    explicit OnLogScale(std::unique_ptr<ForecastMethod> inner) : inner_(std::move(inner)) {}
    std::string name() const override { return "log_" + inner_->name(); }
    std::size_t minimum_history() const override { return inner_->minimum_history(); }
    void fit(std::span<const double> history) override { inner_->fit(logs(history)); }
    std::vector<double> predict(std::span<const double> history, std::size_t horizon) const override {
        std::vector<double> result = inner_->predict(logs(history), horizon);
        for (double& value : result) value = std::exp(std::min(value, 700.0));
        return result;
    }

  private:
    static std::vector<double> logs(std::span<const double> history) {
        std::vector<double> result;
        result.reserve(history.size());
        for (const double value : history) result.push_back(std::log(std::max(value, 1e-300)));
        return result;
    }
    std::unique_ptr<ForecastMethod> inner_;
};

}  // namespace

std::vector<std::unique_ptr<ForecastMethod>> forecast_pool(const std::vector<std::size_t>& seasons, bool is_positive) {
    std::vector<std::unique_ptr<ForecastMethod>> pool;
    pool.push_back(std::make_unique<Naive>());
    pool.push_back(std::make_unique<Drift>());
    pool.push_back(std::make_unique<Theta>(1));
    pool.push_back(make_smoothing({}));
    for (const std::size_t season : seasons) {
        pool.push_back(std::make_unique<SeasonalNaive>(season));
        pool.push_back(std::make_unique<Theta>(season));
        pool.push_back(make_smoothing({season}));
    }
    pool.push_back(std::make_unique<SeasonalAutoregression>(seasons));
    if (!seasons.empty()) {
        const std::size_t longest = seasons.back();
        const std::size_t inner = seasons.size() > 1 ? seasons.front() : 0;
        for (const std::size_t cycles : {2U, 4U}) {
            pool.push_back(std::make_unique<Profile>(longest, cycles, 0));
            if (inner > 0) pool.push_back(std::make_unique<Profile>(longest, cycles, inner));
        }
        if (inner > 0) pool.push_back(std::make_unique<Profile>(inner, 7, 0));
        pool.push_back(std::make_unique<HarmonicRegression>(seasons));
        if (seasons.size() > 1) pool.push_back(make_smoothing({seasons.front(), seasons.back()}));
    }
    if (is_positive) {
        const std::size_t season = seasons.empty() ? 1 : seasons.front();
        pool.push_back(std::make_unique<OnLogScale>(std::make_unique<Theta>(season)));
        if (seasons.size() != 1) {
            pool.push_back(std::make_unique<OnLogScale>(
                make_smoothing(seasons.empty() ? std::vector<std::size_t>{} : std::vector<std::size_t>{season})));
        }
        pool.push_back(std::make_unique<OnLogScale>(std::make_unique<SeasonalAutoregression>(seasons)));
        if (!seasons.empty()) pool.push_back(std::make_unique<OnLogScale>(make_smoothing({seasons.back()})));
        if (seasons.size() > 1) {
            pool.push_back(std::make_unique<OnLogScale>(make_smoothing({seasons.front(), seasons.back()})));
        }
    }
    return pool;
}

}  // namespace pganalytics::patterns
