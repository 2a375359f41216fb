#include "prediction/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "prediction/training.hpp"

namespace pganalytics::prediction {

namespace {

constexpr std::array types{ModelType::linear_regression, ModelType::decision_tree, ModelType::random_forest,
                           ModelType::gradient_boosting};
constexpr int format_version = 5;
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
    return base::Error{base::ErrorCode::fix_input, fmt::format("Unknown model type \"{}\"", name),
                       "Choose linear_regression, decision_tree, random_forest or gradient_boosting.", "model_type"};
}

LogPrediction around(double center, double spread, const ErrorDistribution& errors, double level) {
    const auto reach = errors.reach(level);
    return {center, center - reach.down * spread, center + reach.up * spread, spread,
            errors.probability_within(std::log(0.7) / spread, std::log(1.3) / spread)};
}

bool too_wide(const LogPrediction& prediction) {
    constexpr double widest = 10'000;
    return !(prediction.upper - prediction.lower <= std::log(widest));
}

base::Result<Model> Model::train(const Dataset& data, const TrainOptions& options) {
    PGANALYTICS_ASSIGN(auto training, train_model(data, options));
    return std::move(training.model);
}

double Model::predict_log_ms(std::span<const float> row) const {
    const double work = work_share_ > 0 ? work_share_ * work_.log_ms(row) : 0.0;
    return level_shift_ + (1 - work_share_) * cost_fit_.log_ms(row[total_cost_feature()]) + work +
           linear_.predict(row) + trees_.predict(row);
}

LogPrediction Model::predict(std::span<const double> features, std::optional<double> level) const {
    const auto row = as_floats(features);
    const double center = predict_log_ms(row);
    const double spread = std::max(spread_floor_, std::exp(spread_linear_.predict(row)));
    return around(center, spread * spread_scale_.at(center - level_shift_), errors_, level.value_or(level_));
}

std::vector<Contribution> Model::explain(std::span<const double> features) const {
    const auto row = as_floats(features);
    std::vector<double> parts(features.size(), 0.0);
    const double of_cost = 1 - work_share_;
    double base = level_shift_ + of_cost * cost_fit_.level + work_.contribute(row, work_share_, parts);
    base += linear_.contribute(row, parts) + trees_.contribute(row, parts);
    parts[total_cost_feature()] += of_cost * (cost_fit_.log_ms(row[total_cost_feature()]) - cost_fit_.level);
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
    const auto work = work_.importance(count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        shares[i] += trees[i] + work_share_ * work[i];
        sum += shares[i];
    }
    if (sum > 0) {
        for (auto& share : shares) share /= sum;
    }
    return shares;
}

Model Model::with_level_shift(double log_ms) const {
    Model moved = *this;
    moved.level_shift_ += log_ms;
    if (levelled_errors_.units() > 0) moved.errors_ = levelled_errors_;
    return moved;
}

std::string Model::to_bytes() const {
    const nlohmann::json json{{"type", to_string(type_)},
                              {"cost_level", cost_fit_.level},
                              {"cost_slope", cost_fit_.slope},
                              {"work", work_.to_json()},
                              {"work_share", work_share_},
                              {"level_shift", level_shift_},
                              {"linear", linear_.to_json()},
                              {"trees", trees_.to_json()},
                              {"spread", spread_linear_.to_json()},
                              {"spread_floor", spread_floor_},
                              {"spread_scale", spread_scale_.to_json()},
                              {"errors", errors_.to_json()},
                              {"levelled_errors", levelled_errors_.to_json()},
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
            base::ErrorCode::fix_input, fmt::format("The stored model is damaged: {}", what), "Train it again.", {}};
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
                           "The stored model was made by another version of pganalytics",
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
        PGANALYTICS_ASSIGN(model.type_, parse_model_type(json.at("type").get<std::string>()));
        model.cost_fit_ = {json.at("cost_level").get<double>(), json.at("cost_slope").get<double>()};
        PGANALYTICS_ASSIGN(model.work_, WorkFit::from_json(json.at("work"), count));
        model.work_share_ = json.at("work_share").get<double>();
        model.level_shift_ = json.at("level_shift").get<double>();
        PGANALYTICS_ASSIGN(model.linear_, Ridge::from_json(json.at("linear"), count));
        PGANALYTICS_ASSIGN(model.trees_, FlatTrees::from_json(json.at("trees"), count));
        PGANALYTICS_ASSIGN(model.spread_linear_, Ridge::from_json(json.at("spread"), count));
        model.spread_floor_ = json.at("spread_floor").get<double>();
        PGANALYTICS_ASSIGN(model.spread_scale_, SpreadScale::from_json(json.at("spread_scale")));
        PGANALYTICS_ASSIGN(model.levelled_errors_, ErrorDistribution::from_json(json.at("levelled_errors")));
        PGANALYTICS_ASSIGN(model.errors_, ErrorDistribution::from_json(json.at("errors")));
        model.level_ = json.at("level").get<double>();
        model.chosen_ = json.at("chosen").get<std::string>();
    } catch (const nlohmann::json::exception& error) {
        return damaged(error.what());
    }
    return model;
}

}  // namespace pganalytics::prediction
