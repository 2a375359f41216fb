#include "prediction/work_fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "prediction/features.hpp"
#include "prediction/plan_work.hpp"
#include "prediction/quantiles.hpp"

namespace pganalytics::prediction {

namespace {

constexpr int rounds = 25;
constexpr double huber_threshold = 1.345;
constexpr double slope_doubt = 0.25, smallest_slope = 0.05;
constexpr double smallest_noise = 0.05;
/// Of log prices in one round: the sum is far from linear in them.
constexpr double longest_step = 1;
/// Work of nothing at all, in planner cost: keeps the logarithm finite.
constexpr double least_work = 1e-3;

double amount(float value) {
    return std::isnan(value) || value < 0 ? 0.0 : static_cast<double>(value);
}

std::size_t unit_feature(std::size_t unit) {
    static const std::vector<std::size_t> features = [] {
        std::vector<std::size_t> list;
        for (const auto& each : work_units()) list.push_back(find_feature(each.name).value());
        return list;
    }();
    return features[unit];
}

/// One fit: prices as logarithms over the planner's, the slope and the level.
class Fitting {
  public:
    Fitting(const Matrix& rows, std::span<const double> target, std::span<const double> weight, double evidence)
        : target_(target), evidence_(evidence) {
        double sum = 0;
        for (const double each : weight) sum += each;
        for (const double each : weight) weight_.push_back(each * evidence / sum);
        for (std::size_t unit = 0; unit < work_units().size(); ++unit) {
            const auto& known = work_units()[unit];
            if (known.planner_cost <= 0) continue;
            const std::size_t feature = unit_feature(unit);
            bool used = false;
            for (std::size_t i = 0; i < rows.rows() && !used; ++i) used = amount(rows.row(i)[feature]) > 0;
            if (!used) continue;
            features_.push_back(feature);
            start_.push_back(std::log(known.planner_cost));
            doubt_.push_back(known.doubt);
        }
        work_.resize(static_cast<Eigen::Index>(rows.rows()), static_cast<Eigen::Index>(features_.size()));
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            for (std::size_t k = 0; k < features_.size(); ++k)
                work_(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) = amount(rows.row(i)[features_[k]]);
        }
        moved_.assign(features_.size(), 0.0);
        measure();
        std::vector<double> levels;
        for (std::size_t i = 0; i < log_work_.size(); ++i) {
            middle_ += log_work_[i] / static_cast<double>(log_work_.size());
            levels.push_back(target[i] - log_work_[i]);
        }
        level_ = median(std::move(levels)) + middle_;
    }

    void run() {
        for (int round = 0; round < rounds; ++round) {
            if (step() < 1e-4) break;
        }
    }
    [[nodiscard]] const std::vector<std::size_t>& features() const { return features_; }
    [[nodiscard]] double price(std::size_t k) const { return std::exp(start_[k] + moved_[k]); }
    [[nodiscard]] double share(std::size_t k) const {
        double sum = 0;
        for (std::size_t i = 0; i < log_work_.size(); ++i)
            sum += work_(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) / std::exp(log_work_[i]);
        return price(k) * sum / static_cast<double>(log_work_.size());
    }
    [[nodiscard]] double level() const { return level_ - slope_ * middle_; }
    [[nodiscard]] double slope() const { return slope_; }

  private:
    void measure() {
        Eigen::VectorXd prices(static_cast<Eigen::Index>(features_.size()));
        for (std::size_t k = 0; k < features_.size(); ++k) prices[static_cast<Eigen::Index>(k)] = price(k);
        const Eigen::VectorXd sums = (work_ * prices).array() + least_work;
        log_work_.resize(target_.size());
        for (std::size_t i = 0; i < target_.size(); ++i) log_work_[i] = std::log(sums[static_cast<Eigen::Index>(i)]);
    }

    /// One Gauss-Newton step; the largest change of a parameter.
    double step() {
        const std::size_t count = features_.size(), width = count + 2;
        std::vector<double> error(target_.size()), sizes;
        for (std::size_t i = 0; i < target_.size(); ++i) {
            error[i] = target_[i] - level_ - slope_ * (log_work_[i] - middle_);
            sizes.push_back(std::abs(error[i]));
        }
        const double noise = std::max(smallest_noise, 1.4826 * median(sizes));
        Eigen::MatrixXd gram =
            Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(width), static_cast<Eigen::Index>(width));
        Eigen::VectorXd moment = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(width));
        Eigen::VectorXd slopes(static_cast<Eigen::Index>(width));
        for (std::size_t i = 0; i < target_.size(); ++i) {
            const double work = std::exp(log_work_[i]);
            for (std::size_t k = 0; k < count; ++k) {
                const auto column = static_cast<Eigen::Index>(k);
                slopes[column] = slope_ * price(k) * work_(static_cast<Eigen::Index>(i), column) / work;
            }
            slopes[static_cast<Eigen::Index>(count)] = 1;
            slopes[static_cast<Eigen::Index>(count + 1)] = log_work_[i] - middle_;
            const double far = sizes[i] / noise;
            const double trust = weight_[i] * (far <= huber_threshold ? 1.0 : huber_threshold / far) / (noise * noise);
            gram.selfadjointView<Eigen::Lower>().rankUpdate(slopes, trust);
            moment += trust * error[i] * slopes;
        }
        for (std::size_t k = 0; k < count; ++k) {
            const double certain = 1 / (doubt_[k] * doubt_[k]);
            gram.diagonal()[static_cast<Eigen::Index>(k)] += certain;
            moment[static_cast<Eigen::Index>(k)] -= certain * moved_[k];
        }
        gram.diagonal()[static_cast<Eigen::Index>(count)] += 1e-9;
        gram.diagonal()[static_cast<Eigen::Index>(count + 1)] += 1 / (slope_doubt * slope_doubt);
        moment[static_cast<Eigen::Index>(count + 1)] -= (slope_ - 1) / (slope_doubt * slope_doubt);
        const Eigen::VectorXd change = gram.selfadjointView<Eigen::Lower>().ldlt().solve(moment);
        if (!change.allFinite()) return 0;
        const double largest = change.cwiseAbs().maxCoeff();
        const double share = std::min(1.0, longest_step / std::max(largest, 1e-12));
        for (std::size_t k = 0; k < count; ++k) moved_[k] += share * change[static_cast<Eigen::Index>(k)];
        level_ += share * change[static_cast<Eigen::Index>(count)];
        slope_ = std::max(smallest_slope, slope_ + share * change[static_cast<Eigen::Index>(count + 1)]);
        measure();
        return largest;
    }

    std::span<const double> target_;
    double evidence_;
    std::vector<double> weight_, start_, doubt_, moved_, log_work_;
    std::vector<std::size_t> features_;
    Eigen::MatrixXd work_;
    double middle_ = 0, level_ = 0, slope_ = 1;
};

}  // namespace

WorkFit WorkFit::fit(const Matrix& rows, std::span<const double> target, std::span<const double> weight,
                     double evidence) {
    Fitting fitting(rows, target, weight, evidence);
    fitting.run();
    WorkFit fit;
    for (std::size_t k = 0; k < fitting.features().size(); ++k)
        fit.prices_.push_back({fitting.features()[k], fitting.price(k), fitting.share(k)});
    fit.level_ = fitting.level();
    fit.slope_ = fitting.slope();
    return fit;
}

double WorkFit::log_work(std::span<const float> row) const {
    double sum = least_work;
    for (const auto& price : prices_) sum += price.each * amount(row[price.feature]);
    return std::log(sum);
}

double WorkFit::log_ms(std::span<const float> row) const {
    return prices_.empty() ? 0.0 : level_ + slope_ * log_work(row);
}

double WorkFit::contribute(std::span<const float> row, double weight, std::span<double> into) const {
    if (prices_.empty()) return 0;
    // A logarithm of a sum has no unique parts: what is above the cost of the smallest statement is shared out as the
    // sum's parts are.
    const double log_sum = log_work(row), least = std::log(least_work), sum = std::exp(log_sum);
    const double above = weight * slope_ * (log_sum - least);
    double shared = 0;
    for (const auto& price : prices_) {
        const double part = above * price.each * amount(row[price.feature]) / sum;
        into[price.feature] += part;
        shared += part;
    }
    return weight * (level_ + slope_ * least) + above - shared;
}

std::vector<double> WorkFit::importance(std::size_t features) const {
    std::vector<double> shares(features, 0.0);
    for (const auto& price : prices_) shares[price.feature] += price.share;
    return shares;
}

nlohmann::json WorkFit::to_json() const {
    nlohmann::json prices = nlohmann::json::array();
    for (const auto& price : prices_) prices.push_back({price.feature, price.each, price.share});
    return {{"level", level_}, {"slope", slope_}, {"prices", prices}};
}

base::Result<WorkFit> WorkFit::from_json(const nlohmann::json& json, std::size_t features) {
    const base::Error damaged{
        base::ErrorCode::fix_input, "The stored prices of work are damaged", "Train the model again.", {}};
    WorkFit fit;
    try {
        fit.level_ = json.at("level").get<double>();
        fit.slope_ = json.at("slope").get<double>();
        for (const auto& stored : json.at("prices")) {
            const Price price{stored.at(0).get<std::size_t>(), stored.at(1).get<double>(), stored.at(2).get<double>()};
            if (price.feature >= features || !(price.each >= 0)) return damaged;
            fit.prices_.push_back(price);
        }
    } catch (const nlohmann::json::exception&) {
        return damaged;
    }
    return fit;
}

}  // namespace pganalytics::prediction
