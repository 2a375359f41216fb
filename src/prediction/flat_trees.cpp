#include "prediction/flat_trees.hpp"

#include <fmt/format.h>

#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace pganalytics::prediction {

namespace {

using nlohmann::json;

base::Error damaged(std::string_view what) {
    return {base::ErrorCode::fix_input,
            fmt::format("The stored trees are damaged: {}", what),
            "Train the model again.",
            {}};
}

/// Numbers are saved as text in the parameters ("5E-1"), from version 3 as a list ("[5E-1]").
double parameter_number(const json& parameters, const char* name) {
    const auto found = parameters.find(name);
    if (found == parameters.end() || !found->is_string()) return 0;
    std::string text = found->get<std::string>();
    if (text.size() > 2 && text.front() == '[') text = text.substr(1, text.size() - 2);
    return base::parse_number(text).value_or(0);
}

/// default_left is saved as 0/1 or as booleans, by version.
bool truth(const json& value) {
    return value.is_boolean() ? value.get<bool>() : value.get<int>() != 0;
}

}  // namespace

base::Result<FlatTrees> FlatTrees::from_xgboost_json(std::string_view text) {
    const json model = json::parse(text, nullptr, false);
    if (!model.is_object() || !model.contains("learner")) return damaged("not a model");
    try {
        const json& learner = model.at("learner");
        const json& booster = learner.at("gradient_booster");
        if (booster.at("name") != "gbtree") {
            return base::Error{base::ErrorCode::unsupported, "The ensemble is not made of trees", {}, {}};
        }
        FlatTrees flat;
        flat.base_ = parameter_number(learner.at("learner_model_param"), "base_score");
        for (const json& tree : booster.at("model").at("trees")) {
            const auto& left = tree.at("left_children");
            const auto& right = tree.at("right_children");
            const auto& feature = tree.at("split_indices");
            const auto& condition = tree.at("split_conditions");
            const auto& default_left = tree.at("default_left");
            const auto& cover = tree.at("sum_hessian");
            // Breadth first, so that siblings lie beside each other.
            const auto root = static_cast<std::uint32_t>(flat.nodes_.size());
            flat.roots_.push_back(root);
            flat.nodes_.emplace_back();
            flat.cover_.push_back(0);
            std::deque<std::pair<int, std::uint32_t>> open{{0, root}};
            while (!open.empty()) {
                const auto [source, at] = open.front();
                open.pop_front();
                const auto index = static_cast<std::size_t>(source);
                flat.cover_[at] = cover.at(index).get<float>();
                flat.nodes_[at].threshold = condition.at(index).get<float>();
                if (left.at(index).get<int>() < 0) continue;
                const auto children = static_cast<std::uint32_t>(flat.nodes_.size());
                flat.nodes_[at].feature = feature.at(index).get<std::int16_t>();
                flat.nodes_[at].default_left = truth(default_left.at(index));
                flat.nodes_[at].left = children;
                flat.nodes_.resize(flat.nodes_.size() + 2);
                flat.cover_.resize(flat.nodes_.size());
                open.emplace_back(left.at(index).get<int>(), children);
                open.emplace_back(right.at(index).get<int>(), children + 1);
            }
        }
        flat.expected_.resize(flat.nodes_.size());
        // Children stand after their parent, so one pass from the back has them ready.
        for (std::size_t i = flat.nodes_.size(); i-- > 0;) {
            const Node& node = flat.nodes_[i];
            if (node.feature < 0) {
                flat.expected_[i] = node.threshold;
                continue;
            }
            const float left_cover = flat.cover_[node.left], right_cover = flat.cover_[node.left + 1];
            const float sum = left_cover + right_cover;
            flat.expected_[i] =
                sum > 0 ? (flat.expected_[node.left] * left_cover + flat.expected_[node.left + 1] * right_cover) / sum
                        : (flat.expected_[node.left] + flat.expected_[node.left + 1]) / 2;
        }
        return flat;
    } catch (const json::exception& error) {
        return damaged(error.what());
    }
}

void FlatTrees::rename_features(std::span<const std::size_t> names) {
    for (auto& node : nodes_) {
        if (node.feature >= 0) node.feature = static_cast<std::int16_t>(names[static_cast<std::size_t>(node.feature)]);
    }
}

void FlatTrees::add(const FlatTrees& other, double weight) {
    const auto offset = static_cast<std::uint32_t>(nodes_.size());
    for (auto node : other.nodes_) {
        if (node.feature < 0) {
            node.threshold = static_cast<float>(weight * node.threshold);
        } else {
            node.left += offset;
        }
        nodes_.push_back(node);
    }
    for (const float expected : other.expected_) expected_.push_back(static_cast<float>(weight * expected));
    cover_.insert(cover_.end(), other.cover_.begin(), other.cover_.end());
    for (const auto root : other.roots_) roots_.push_back(root + offset);
    base_ += weight * other.base_;
}

const FlatTrees::Node& FlatTrees::leaf_of(std::uint32_t root, std::span<const float> row) const {
    const Node* node = &nodes_[root];
    while (node->feature >= 0) {
        const float value = row[static_cast<std::size_t>(node->feature)];
        const bool goes_left = std::isnan(value) ? node->default_left : value < node->threshold;
        node = &nodes_[node->left + (goes_left ? 0 : 1)];
    }
    return *node;
}

double FlatTrees::predict(std::span<const float> row) const {
    float sum = 0;
    for (const auto root : roots_) sum += leaf_of(root, row).threshold;
    return base_ + sum;
}

double FlatTrees::contribute(std::span<const float> row, std::span<double> into) const {
    double base = base_;
    for (const auto root : roots_) {
        std::uint32_t at = root;
        base += expected_[root];
        while (nodes_[at].feature >= 0) {
            const auto feature = static_cast<std::size_t>(nodes_[at].feature);
            const bool goes_left =
                std::isnan(row[feature]) ? nodes_[at].default_left : row[feature] < nodes_[at].threshold;
            const std::uint32_t next = nodes_[at].left + (goes_left ? 0 : 1);
            into[feature] += expected_[next] - expected_[at];
            at = next;
        }
    }
    return base;
}

std::vector<double> FlatTrees::importance(std::size_t features) const {
    std::vector<double> shares(features, 0.0);
    double sum = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const Node& node = nodes_[i];
        if (node.feature < 0) continue;
        // Variance that the split explains, by training weight.
        const double left = expected_[node.left] - expected_[i], right = expected_[node.left + 1] - expected_[i];
        const double explained = cover_[node.left] * left * left + cover_[node.left + 1] * right * right;
        shares[static_cast<std::size_t>(node.feature)] += explained;
        sum += explained;
    }
    if (sum > 0) {
        for (auto& share : shares) share /= sum;
    }
    return shares;
}

json FlatTrees::to_json() const {
    json thresholds = json::array(), features = json::array(), lefts = json::array(), defaults = json::array();
    for (const auto& node : nodes_) {
        thresholds.push_back(node.threshold);
        features.push_back(node.feature);
        lefts.push_back(node.left);
        defaults.push_back(node.default_left);
    }
    return {{"base", base_}, {"roots", roots_},          {"threshold", thresholds}, {"feature", features},
            {"left", lefts}, {"default_left", defaults}, {"expected", expected_},   {"cover", cover_}};
}

base::Result<FlatTrees> FlatTrees::from_json(const json& stored, std::size_t features) {
    FlatTrees flat;
    try {
        flat.base_ = stored.at("base").get<double>();
        flat.roots_ = stored.at("roots").get<std::vector<std::uint32_t>>();
        flat.expected_ = stored.at("expected").get<std::vector<float>>();
        flat.cover_ = stored.at("cover").get<std::vector<float>>();
        const auto thresholds = stored.at("threshold").get<std::vector<float>>();
        const auto split_features = stored.at("feature").get<std::vector<std::int16_t>>();
        const auto lefts = stored.at("left").get<std::vector<std::uint32_t>>();
        const auto defaults = stored.at("default_left").get<std::vector<bool>>();
        const std::size_t count = thresholds.size();
        if (split_features.size() != count || lefts.size() != count || defaults.size() != count ||
            flat.expected_.size() != count || flat.cover_.size() != count) {
            return damaged("lengths differ");
        }
        for (std::size_t i = 0; i < count; ++i) {
            // A child after its parent: no walk can go in circles or leave the array.
            const bool leaf = split_features[i] < 0;
            if (!leaf &&
                (lefts[i] <= i || lefts[i] + 1 >= count || static_cast<std::size_t>(split_features[i]) >= features))
                return damaged("a node points outside");
            flat.nodes_.push_back({thresholds[i], split_features[i], defaults[i], lefts[i]});
        }
        for (const auto root : flat.roots_) {
            if (root >= count) return damaged("a root points outside");
        }
    } catch (const json::exception& error) {
        return damaged(error.what());
    }
    return flat;
}

}  // namespace pganalytics::prediction
