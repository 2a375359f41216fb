#include "prediction/ridge.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "prediction/features.hpp"

namespace pganalytics::prediction {

namespace {

/// By feature: whether its unit spans decades.
const std::vector<bool>& logarithmic() {
    static const std::vector<bool> flags = [] {
        std::vector<bool> list;
        for (const auto& feature : feature_definitions())
            list.push_back(feature.unit != "share" && feature.unit != "percent");
        return list;
    }();
    return flags;
}

double transformed(std::size_t feature, float value) {
    return logarithmic()[feature] ? std::log1p(std::max(0.0F, value)) : static_cast<double>(value);
}

}  // namespace

Ridge Ridge::fit(const Matrix& rows, std::span<const double> target, std::span<const double> weight, double penalty) {
    Ridge ridge;
    const std::size_t count = rows.rows();
    double weight_sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        weight_sum += weight[i];
        ridge.intercept_ += weight[i] * target[i];
    }
    if (weight_sum <= 0) return ridge;
    ridge.intercept_ /= weight_sum;
    for (std::size_t feature = 0; feature < rows.columns(); ++feature) {
        Term term{feature, 0, 0, INFINITY, -INFINITY, 0};
        double seen = 0, squares = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const float raw = rows.row(i)[feature];
            if (std::isnan(raw)) continue;
            const double value = transformed(feature, raw);
            seen += weight[i];
            term.mean += weight[i] * value;
            squares += weight[i] * value * value;
            term.low = std::min(term.low, value);
            term.high = std::max(term.high, value);
        }
        if (seen <= 0 || term.high - term.low < 1e-9) continue;
        term.mean /= seen;
        term.scale = std::sqrt(std::max(1e-12, squares / seen - term.mean * term.mean));
        ridge.terms_.push_back(term);
    }
    const auto width = static_cast<Eigen::Index>(ridge.terms_.size());
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(width, width);
    Eigen::VectorXd moment = Eigen::VectorXd::Zero(width);
    Eigen::VectorXd row(width);
    for (std::size_t i = 0; i < count; ++i) {
        for (Eigen::Index j = 0; j < width; ++j) {
            const Term& term = ridge.terms_[static_cast<std::size_t>(j)];
            const float raw = rows.row(i)[term.feature];
            row[j] = std::isnan(raw) ? 0.0 : (transformed(term.feature, raw) - term.mean) / term.scale;
        }
        gram.selfadjointView<Eigen::Lower>().rankUpdate(row, weight[i]);
        moment += weight[i] * (target[i] - ridge.intercept_) * row;
    }
    gram.diagonal().array() += penalty * weight_sum;
    const Eigen::VectorXd solution = gram.selfadjointView<Eigen::Lower>().ldlt().solve(moment);
    for (Eigen::Index j = 0; j < width; ++j) ridge.terms_[static_cast<std::size_t>(j)].coefficient = solution[j];
    return ridge;
}

void Ridge::bound_slope(std::size_t feature, double least) {
    for (auto& term : terms_) {
        if (term.feature == feature) term.coefficient = std::max(term.coefficient, least * term.scale);
    }
}

void Ridge::add(const Ridge& other, double weight) {
    intercept_ += weight * other.intercept_;
    for (Term term : other.terms_) {
        term.coefficient *= weight;
        const auto same = std::find_if(terms_.begin(), terms_.end(), [&](const Term& own) {
            return own.feature == term.feature && own.mean == term.mean && own.scale == term.scale;
        });
        if (same == terms_.end()) {
            terms_.push_back(term);
        } else {
            same->coefficient += term.coefficient;
        }
    }
}

double Ridge::contribute(std::span<const float> row, std::span<double> into) const {
    for (const auto& term : terms_) {
        const float raw = row[term.feature];
        if (std::isnan(raw)) continue;
        const double value = std::clamp(transformed(term.feature, raw), term.low, term.high);
        into[term.feature] += term.coefficient * (value - term.mean) / term.scale;
    }
    return intercept_;
}

double Ridge::predict(std::span<const float> row) const {
    double sum = intercept_;
    for (const auto& term : terms_) {
        const float raw = row[term.feature];
        if (std::isnan(raw)) continue;
        const double value = std::clamp(transformed(term.feature, raw), term.low, term.high);
        sum += term.coefficient * (value - term.mean) / term.scale;
    }
    return sum;
}

std::vector<double> Ridge::importance(std::size_t features) const {
    std::vector<double> shares(features, 0.0);
    double sum = 0;
    for (const auto& term : terms_) {
        shares[term.feature] += term.coefficient * term.coefficient;
        sum += term.coefficient * term.coefficient;
    }
    if (sum > 0) {
        for (auto& share : shares) share /= sum;
    }
    return shares;
}

nlohmann::json Ridge::to_json() const {
    nlohmann::json terms = nlohmann::json::array();
    for (const auto& term : terms_)
        terms.push_back({term.feature, term.mean, term.scale, term.low, term.high, term.coefficient});
    return {{"intercept", intercept_}, {"terms", terms}};
}

base::Result<Ridge> Ridge::from_json(const nlohmann::json& json, std::size_t features) {
    Ridge ridge;
    try {
        ridge.intercept_ = json.at("intercept").get<double>();
        for (const auto& stored : json.at("terms")) {
            const Term term{stored.at(0).get<std::size_t>(), stored.at(1).get<double>(), stored.at(2).get<double>(),
                            stored.at(3).get<double>(),      stored.at(4).get<double>(), stored.at(5).get<double>()};
            if (term.feature >= features || !(term.scale > 0))
                return base::Error{
                    base::ErrorCode::fix_input, "The stored linear part is damaged", "Train the model again.", {}};
            ridge.terms_.push_back(term);
        }
    } catch (const nlohmann::json::exception& error) {
        return base::Error{base::ErrorCode::fix_input,
                           std::string("the stored linear part is damaged: ") + error.what(),
                           "Train the model again.",
                           {}};
    }
    return ridge;
}

}  // namespace pganalytics::prediction
