#include "prediction/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/hash.hpp"
#include "prediction/quantiles.hpp"
#include "prediction/training.hpp"

namespace pganalytics::prediction {

namespace {

constexpr std::array types{ModelType::linear_regression, ModelType::decision_tree, ModelType::random_forest,
                           ModelType::gradient_boosting};
constexpr int inner_folds = 5;
/// Tuning looks at so many rows at most; more hardly change the choice.
constexpr std::size_t tuning_rows = 3000;
constexpr int format_version = 1;
constexpr std::string_view magic = "pganalytics-model";

std::vector<float> as_floats(std::span<const double> values) {
    return {values.begin(), values.end()};
}

}  // namespace

std::string_view to_string(ModelType type) {
    switch (type) {
        case ModelType::linear_regression:
            return "linear_regression";
        case ModelType::decision_tree:
            return "decision_tree";
        case ModelType::random_forest:
            return "random_forest";
        case ModelType::gradient_boosting:
            break;
    }
    return "gradient_boosting";
}

base::Result<ModelType> parse_model_type(std::string_view name) {
    for (const auto type : types) {
        if (to_string(type) == name) return type;
    }
    return base::Error{base::ErrorCode::fix_input, fmt::format("unknown model type \"{}\"", name),
                       "Choose linear_regression, decision_tree, random_forest or gradient_boosting.", "model_type"};
}

bool too_wide(const LogPrediction& prediction) {
    constexpr double widest = 10'000;
    return !(prediction.upper - prediction.lower <= std::log(widest));
}

/// One training run: what its steps share.
class Trainer {
  public:
    Trainer(const Dataset& data, const TrainOptions& options) : options_(options), rows_(feature_definitions().size()) {
        for (const auto& sample : data) {
            rows_.add_row(sample.features);
            target_.push_back(std::log(sample.runtime_ms));
            cost_.push_back(sample.features[total_cost_feature()]);
            weight_.push_back(sample.weight);
            groups_.push_back(sample.group);
        }
        // Weights relative to their mean, so that penalties and minimum child weights mean the same for any data.
        const double mean = std::accumulate(weight_.begin(), weight_.end(), 0.0) / static_cast<double>(weight_.size());
        for (auto& weight : weight_) weight /= mean;
        fold_ = group_folds(groups_, inner_folds, options.seed);
        folds_ = 1 + *std::max_element(fold_.begin(), fold_.end());
        for (const auto& group : groups_) ++group_size_[group];
    }

    base::Result<Model> run() {
        PGANALYTICS_RETURN_IF_ERROR(step("tuning", 0.05));
        PGANALYTICS_RETURN_IF_ERROR(tune());
        PGANALYTICS_RETURN_IF_ERROR(step("calibrating", 0.6));
        PGANALYTICS_RETURN_IF_ERROR(calibrate());
        PGANALYTICS_RETURN_IF_ERROR(step("fitting", 0.85));
        Model model;
        model.type_ = options_.type;
        model.cost_fit_ = fit_cost(cost_, target_, weight_);
        PGANALYTICS_ASSIGN(auto correction, learn(all_indices(), model.cost_fit_));
        model.linear_ = std::move(correction.linear);
        model.trees_ = std::move(correction.trees);
        model.share_ = share_;
        model.chosen_ = fmt::format("{}, correction × {:.2f}", best_.words, share_);
        model.level_ = options_.level;
        model.spread_linear_ = spread_;
        model.spread_floor_ = spread_floor_;
        model.lower_ratio_ = lower_ratio_;
        model.upper_ratio_ = upper_ratio_;
        model.standardised_ = std::move(standardised_);
        model.standardised_weight_ = std::move(standardised_weight_);
        return model;
    }

  private:
    base::Status step(std::string_view stage, double progress) const {
        if (!options_.go_on || options_.go_on(stage, progress)) return {};
        return base::Error{base::ErrorCode::conflict, "the training was cancelled", {}, {}};
    }

    [[nodiscard]] std::vector<std::size_t> all_indices() const {
        std::vector<std::size_t> indices(target_.size());
        std::iota(indices.begin(), indices.end(), std::size_t{0});
        return indices;
    }

    [[nodiscard]] std::vector<std::size_t> outside(int fold, std::size_t stride) const {
        std::vector<std::size_t> indices;
        for (std::size_t i = 0; i < target_.size(); i += stride) {
            if (fold_[i] != fold) indices.push_back(i);
        }
        return indices;
    }

    base::Result<Correction> learn(const std::vector<std::size_t>& indices, const CostFit& fit) const {
        return learn(best_, indices, fit);
    }

    base::Result<Correction> learn(const Candidate& candidate, const std::vector<std::size_t>& indices,
                                   const CostFit& fit) const {
        Matrix rows(rows_.columns());
        std::vector<double> residual, weight, values(rows_.columns());
        for (const auto i : indices) {
            const auto row = rows_.row(i);
            std::copy(row.begin(), row.end(), values.begin());
            rows.add_row(values);
            residual.push_back(target_[i] - fit.log_ms(cost_[i]));
            weight.push_back(weight_[i]);
        }
        return learn_correction(candidate, rows, residual, weight);
    }

    CostFit fit_of(const std::vector<std::size_t>& indices) const {
        std::vector<double> costs, times, weights;
        for (const auto i : indices) {
            costs.push_back(cost_[i]);
            times.push_back(target_[i]);
            weights.push_back(weight_[i]);
        }
        return fit_cost(costs, times, weights);
    }

    /// What cost fit and correction say of samples whose group they did not see.
    struct OutOfFold {
        std::vector<std::size_t> index;
        std::vector<double> base, correction;
    };

    base::Result<OutOfFold> out_of_fold(const Candidate& candidate, std::size_t stride) const {
        OutOfFold result;
        for (int fold = 0; fold < folds_; ++fold) {
            const auto learned_on = outside(fold, stride);
            if (learned_on.empty()) continue;
            const CostFit fit = fit_of(learned_on);
            PGANALYTICS_ASSIGN(const auto correction, learn(candidate, learned_on, fit));
            for (std::size_t i = 0; i < target_.size(); i += stride) {
                if (fold_[i] != fold) continue;
                result.index.push_back(i);
                result.base.push_back(fit.log_ms(cost_[i]));
                result.correction.push_back(correction.predict(rows_.row(i)));
            }
        }
        return result;
    }

    /// Mean absolute log error, half by sample and half by group: neither one huge group nor many tiny ones decide.
    [[nodiscard]] double loss(const OutOfFold& folds, double share) const {
        double by_sample = 0, sample_weight = 0, by_group = 0, group_weight = 0;
        for (std::size_t k = 0; k < folds.index.size(); ++k) {
            const std::size_t i = folds.index[k];
            const double error = std::abs(target_[i] - folds.base[k] - share * folds.correction[k]);
            const double in_group = 1.0 / static_cast<double>(group_size_.at(groups_[i]));
            by_sample += weight_[i] * error;
            sample_weight += weight_[i];
            by_group += in_group * error;
            group_weight += in_group;
        }
        return by_sample / sample_weight + by_group / group_weight;
    }

    base::Status tune() {
        const std::size_t stride = std::max<std::size_t>(1, target_.size() / tuning_rows);
        const auto candidates = candidates_for(options_.type, target_.size(), options_.seed, options_.threads);
        double best_loss = std::numeric_limits<double>::infinity(), work = 0;
        for (std::size_t c = 0; c < candidates.size(); ++c) {
            const auto& p = candidates[c].parameters;
            const double cost = candidates[c].trees
                                    ? static_cast<double>(target_.size() / stride) * p.rounds * p.trees_a_round * folds_
                                    : 0;
            if (c > 0 && work + cost > options_.tuning_work) continue;
            work += cost;
            PGANALYTICS_RETURN_IF_ERROR(
                step("tuning", 0.05 + 0.5 * static_cast<double>(c) / static_cast<double>(candidates.size())));
            PGANALYTICS_ASSIGN(const auto folds, out_of_fold(candidates[c], stride));
            for (const double share : {1.0, 0.8, 0.6, 0.4, 0.2, 0.0}) {
                const double found = loss(folds, share);
                // A larger share or a later candidate must be clearly better: less trust where it hardly matters.
                if (found < best_loss * 0.998) {
                    best_loss = found;
                    best_ = candidates[c];
                    share_ = share;
                }
            }
        }
        return {};
    }

    base::Status calibrate() {
        const std::size_t stride = std::max<std::size_t>(1, target_.size() / 20'000);
        PGANALYTICS_ASSIGN(const auto folds, out_of_fold(best_, stride));
        std::vector<double> errors;
        for (std::size_t k = 0; k < folds.index.size(); ++k) {
            errors.push_back(target_[folds.index[k]] - folds.base[k] - share_ * folds.correction[k]);
        }
        std::vector<double> sizes;
        for (const double error : errors) sizes.push_back(std::abs(error));
        spread_floor_ = std::max(0.005, quantile(sizes, 0.1));
        // The size of errors, learned without the fold it is then used on, so that its ratios are honest.
        std::vector<double> ratio(errors.size());
        for (int fold = 0; fold < folds_; ++fold) {
            const Ridge spread = fit_spread(folds.index, sizes, fold);
            for (std::size_t k = 0; k < errors.size(); ++k) {
                if (fold_[folds.index[k]] == fold) ratio[k] = errors[k] / spread_at(spread, rows_.row(folds.index[k]));
            }
        }
        spread_ = fit_spread(folds.index, sizes, -1);
        set_ratios(folds.index, ratio);
        return {};
    }

    [[nodiscard]] Ridge fit_spread(const std::vector<std::size_t>& index, const std::vector<double>& sizes,
                                   int left_out) const {
        Matrix rows(rows_.columns());
        std::vector<double> log_size, weight, values(rows_.columns());
        for (std::size_t k = 0; k < index.size(); ++k) {
            if (fold_[index[k]] == left_out) continue;
            const auto row = rows_.row(index[k]);
            std::copy(row.begin(), row.end(), values.begin());
            rows.add_row(values);
            log_size.push_back(std::log(std::max(sizes[k], spread_floor_)));
            weight.push_back(1.0 / static_cast<double>(group_size_.at(groups_[index[k]])));
        }
        constexpr double strong_penalty = 3;
        return Ridge::fit(rows, log_size, weight, strong_penalty);
    }

    [[nodiscard]] double spread_at(const Ridge& spread, std::span<const float> row) const {
        return std::max(spread_floor_, std::exp(spread.predict(row)));
    }

    /// Quantiles of error / spread with the mass that a new group may lie anywhere (Lee, Barber & Willett 2023).
    void set_ratios(const std::vector<std::size_t>& index, const std::vector<double>& ratio) {
        std::vector<double> size, weight;
        double groups = 0;
        for (std::size_t k = 0; k < ratio.size(); ++k) {
            size.push_back(std::abs(ratio[k]));
            weight.push_back(1.0 / static_cast<double>(group_size_.at(groups_[index[k]])));
            groups += weight.back();
        }
        const bool one_group = group_size_.size() < 2;
        const double units = one_group ? static_cast<double>(ratio.size()) : static_cast<double>(group_size_.size());
        const double tail = (1 - options_.level) / 2;
        const double sided = (1 - tail) * (units + 1) / units;
        if (sided <= 1 && units >= 60) {
            std::vector<double> negated;
            for (const double value : ratio) negated.push_back(-value);
            upper_ratio_ = std::max(0.0, weighted_quantile(ratio, weight, sided));
            lower_ratio_ = std::max(0.0, weighted_quantile(negated, weight, sided));
        } else {
            const double both = options_.level * (units + 1) / units;
            upper_ratio_ = lower_ratio_ =
                both > 1 ? std::numeric_limits<double>::infinity() : weighted_quantile(size, weight, both);
        }
        std::vector<std::size_t> order(size.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size[a] < size[b]; });
        // At most a few hundred steps are stored: the distribution is a curve, not a list.
        const std::size_t every = std::max<std::size_t>(1, order.size() / 400);
        double reached = 0;
        for (std::size_t k = 0; k < order.size(); ++k) {
            reached += weight[order[k]] / groups;
            if (k % every != 0 && k + 1 != order.size()) continue;
            standardised_.push_back(size[order[k]]);
            standardised_weight_.push_back(reached);
        }
    }

    const TrainOptions& options_;
    Matrix rows_;
    std::vector<double> target_, cost_, weight_;
    std::vector<std::string> groups_;
    std::map<std::string, std::size_t> group_size_;
    std::vector<int> fold_;
    int folds_ = 1;
    Candidate best_;
    double share_ = 0;
    Ridge spread_;
    double spread_floor_ = 0.01, lower_ratio_ = 1, upper_ratio_ = 1;
    std::vector<double> standardised_, standardised_weight_;
};

base::Result<Model> Model::train(const Dataset& data, const TrainOptions& options) {
    if (data.size() < fewest_samples) {
        return base::Error{base::ErrorCode::unprocessable,
                           fmt::format("{} samples are too few to learn from", data.size()),
                           fmt::format("At least {} are needed.", fewest_samples), "samples"};
    }
    return Trainer(data, options).run();
}

double Model::predict_log_ms(std::span<const float> row) const {
    const double base = cost_fit_.log_ms(row[total_cost_feature()]);
    return share_ == 0 ? base : base + share_ * (linear_.predict(row) + trees_.predict(row));
}

LogPrediction Model::predict(std::span<const double> features) const {
    const auto row = as_floats(features);
    LogPrediction prediction;
    prediction.center = predict_log_ms(row);
    prediction.spread = std::max(spread_floor_, std::exp(spread_linear_.predict(row)));
    prediction.lower = prediction.center - lower_ratio_ * prediction.spread;
    prediction.upper = prediction.center + upper_ratio_ * prediction.spread;
    const double ratio = std::log(1.3) / prediction.spread;
    const auto step = std::upper_bound(standardised_.begin(), standardised_.end(), ratio);
    prediction.within_30_percent =
        step == standardised_.begin()
            ? 0.0
            : standardised_weight_[static_cast<std::size_t>(step - standardised_.begin()) - 1];
    return prediction;
}

std::vector<Contribution> Model::explain(std::span<const double> features) const {
    const auto row = as_floats(features);
    std::vector<double> parts(features.size(), 0.0);
    double base = cost_fit_.level;
    const double intercepts = linear_.contribute(row, parts) + trees_.contribute(row, parts);
    base += share_ * intercepts;
    for (auto& part : parts) part *= share_;
    parts[total_cost_feature()] += cost_fit_.log_ms(row[total_cost_feature()]) - cost_fit_.level;
    std::vector<Contribution> list;
    const auto names = feature_definitions();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (std::abs(parts[i]) > 1e-9) list.push_back({names[i].name, features[i], parts[i]});
    }
    std::sort(list.begin(), list.end(),
              [](const auto& a, const auto& b) { return std::abs(a.log_factor) > std::abs(b.log_factor); });
    list.insert(list.begin(), {"", 0, base});
    return list;
}

std::vector<double> Model::importance() const {
    const std::size_t count = feature_definitions().size();
    auto shares = linear_.importance(count);
    const auto trees = trees_.importance(count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        shares[i] += trees[i];
        sum += shares[i];
    }
    if (sum > 0) {
        for (auto& share : shares) share /= sum;
    }
    return shares;
}

Model Model::with_level_shift(double log_ms) const {
    Model moved = *this;
    moved.cost_fit_.level += log_ms;
    return moved;
}

std::string Model::to_bytes() const {
    const auto finite = [](double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); };
    const nlohmann::json json{{"type", to_string(type_)},
                              {"cost_level", cost_fit_.level},
                              {"cost_slope", cost_fit_.slope},
                              {"share", share_},
                              {"linear", linear_.to_json()},
                              {"trees", trees_.to_json()},
                              {"spread", spread_linear_.to_json()},
                              {"spread_floor", spread_floor_},
                              {"lower_ratio", finite(lower_ratio_)},
                              {"upper_ratio", finite(upper_ratio_)},
                              {"standardised", standardised_},
                              {"standardised_weight", standardised_weight_},
                              {"level", level_},
                              {"chosen", chosen_}};
    const auto body = nlohmann::json::to_cbor(json);
    const std::string_view bytes(reinterpret_cast<const char*>(body.data()), body.size());
    return fmt::format("{} {} {} {}\n", magic, format_version, feature_version(), base::sha256_hex(bytes))
        .append(bytes);
}

base::Result<Model> Model::from_bytes(std::string_view bytes) {
    const auto damaged = [](std::string_view what) {
        return base::Error{
            base::ErrorCode::fix_input, fmt::format("the stored model is damaged: {}", what), "Train it again.", {}};
    };
    const auto end = bytes.find('\n');
    if (!bytes.starts_with(magic) || end == std::string_view::npos) return damaged("it does not begin as a model");
    const std::string head(bytes.substr(magic.size(), end - magic.size()));
    int version = 0;
    long long features = 0;
    std::array<char, 65> checksum{};
    if (std::sscanf(head.c_str(), "%d %lld %64s", &version, &features, checksum.data()) != 3)
        return damaged("its head cannot be read");
    if (version != format_version || features != feature_version()) {
        return base::Error{base::ErrorCode::unsupported,
                           "the stored model was made by another version of pganalytics",
                           "Train it again with this version.",
                           {}};
    }
    const std::string_view body = bytes.substr(end + 1);
    if (base::sha256_hex(body) != checksum.data()) return damaged("its checksum differs");
    const auto json = nlohmann::json::from_cbor(body, true, false);
    if (!json.is_object()) return damaged("its body cannot be read");
    Model model;
    try {
        const std::size_t count = feature_definitions().size();
        const auto or_infinite = [&](const char* name) {
            return json.at(name).is_null() ? std::numeric_limits<double>::infinity() : json.at(name).get<double>();
        };
        PGANALYTICS_ASSIGN(model.type_, parse_model_type(json.at("type").get<std::string>()));
        model.cost_fit_ = {json.at("cost_level").get<double>(), json.at("cost_slope").get<double>()};
        model.share_ = json.at("share").get<double>();
        PGANALYTICS_ASSIGN(model.linear_, Ridge::from_json(json.at("linear"), count));
        PGANALYTICS_ASSIGN(model.trees_, FlatTrees::from_json(json.at("trees"), count));
        PGANALYTICS_ASSIGN(model.spread_linear_, Ridge::from_json(json.at("spread"), count));
        model.spread_floor_ = json.at("spread_floor").get<double>();
        model.lower_ratio_ = or_infinite("lower_ratio");
        model.upper_ratio_ = or_infinite("upper_ratio");
        model.standardised_ = json.at("standardised").get<std::vector<double>>();
        model.standardised_weight_ = json.at("standardised_weight").get<std::vector<double>>();
        model.level_ = json.at("level").get<double>();
        model.chosen_ = json.at("chosen").get<std::string>();
        if (model.standardised_.size() != model.standardised_weight_.size()) return damaged("lengths differ");
    } catch (const nlohmann::json::exception& error) {
        return damaged(error.what());
    }
    return model;
}

}  // namespace pganalytics::prediction
