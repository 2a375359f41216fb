#include "evaluation/prediction_score_folds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <random>

#include "base/text.hpp"
#include "prediction/cost_fit.hpp"
#include "prediction/quantiles.hpp"
#include "prediction/tree_learner.hpp"

namespace pganalytics::evaluation {

namespace {

using prediction::Dataset;

constexpr int time_parts = 5;
/// Folds when groups are left out; of more samples than `many` each fold is dear, and ten learn from nearly all.
constexpr int most_folds = 40, most_folds_of_many = 12;
constexpr std::size_t many = 3000;

base::Error cannot_split(std::string_view what, std::string_view hint) {
    return {base::ErrorCode::fix_input, std::string(what), std::string(hint), "folds"};
}

/// Drawn by hand (Fisher and Yates), because std::shuffle draws differently in each library.
template <typename Item>
void shuffle(std::vector<Item>& items, std::uint32_t seed) {
    std::mt19937 random(seed);
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random() % i]);
}

Splits splits_by(const std::vector<int>& part, int parts, bool only_past, std::string words) {
    Splits splits{{}, std::move(words)};
    for (int scored = only_past ? 1 : 0; scored < parts; ++scored) {
        Split split;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] == scored) split.score.push_back(i);
            if (only_past ? part[i] < scored : part[i] != scored) split.learn.push_back(i);
        }
        if (!split.score.empty() && !split.learn.empty()) splits.parts.push_back(std::move(split));
    }
    return splits;
}

/// Whole groups to folds of about the same size, the largest first.
std::map<std::string, int> folds_of_groups(const std::map<std::string, std::size_t>& sizes, std::size_t folds,
                                           std::uint32_t seed) {
    std::vector<std::pair<std::string, std::size_t>> order(sizes.begin(), sizes.end());
    shuffle(order, seed);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::size_t> filled(std::min(folds, order.size()), 0);
    std::map<std::string, int> fold;
    for (const auto& [name, size] : order) {
        const auto emptiest = std::min_element(filled.begin(), filled.end());
        fold[name] = static_cast<int>(emptiest - filled.begin());
        *emptiest += size;
    }
    return fold;
}

base::Result<Splits> leave_out(const Dataset& data, std::uint32_t seed) {
    std::string words = "leave-group-out";
    auto name = &prediction::Sample::group;
    const auto count = [&] {
        std::map<std::string, std::size_t> sizes;
        for (const auto& sample : data) ++sizes[sample.*name];
        return sizes;
    };
    auto sizes = count();
    if (sizes.size() < 2) {
        name = &prediction::Sample::template_id;
        words = "leave-statement-out";
        sizes = count();
    }
    if (sizes.size() < 2)
        return cannot_split("all samples are of one group and one statement",
                            "Give --group another field, or --folds a number.");
    const int most = data.size() > many ? most_folds_of_many : most_folds;
    const auto fold = folds_of_groups(sizes, static_cast<std::size_t>(most), seed);
    std::vector<int> part;
    for (const auto& sample : data) part.push_back(fold.at(sample.*name));
    return splits_by(part, most, false, words);
}

base::Result<Splits> by_time(const Dataset& data) {
    std::vector<std::size_t> order(data.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return data[a].at < data[b].at; });
    if (data[order.front()].at == data[order.back()].at)
        return cannot_split("the samples do not say when they ran", R"(Give each line "at", an RFC 3339 time.)");
    std::vector<int> part(data.size());
    for (std::size_t k = 0; k < order.size(); ++k) part[order[k]] = static_cast<int>(time_parts * k / order.size());
    return splits_by(part, time_parts, true, "time");
}

/// Medians of log time by key.
class Medians {
  public:
    void add(const std::string& key, double log_ms) { values_[key].push_back(log_ms); }
    [[nodiscard]] std::optional<double> of(const std::string& key) const {
        const auto found = values_.find(key);
        if (found == values_.end()) return std::nullopt;
        return prediction::median(found->second);
    }

  private:
    std::map<std::string, std::vector<double>> values_;
};

base::Result<std::vector<double>> plain_boosted_trees(const Dataset& learn, const Dataset& score, std::uint32_t seed) {
    prediction::Matrix rows(prediction::feature_definitions().size());
    std::vector<double> target, weight;
    double mean = 0;
    for (const auto& sample : learn) {
        rows.add_row(sample.features);
        target.push_back(std::log(sample.runtime_ms));
        weight.push_back(1);
        mean += target.back() / static_cast<double>(learn.size());
    }
    for (auto& value : target) value -= mean;
    prediction::TreeParameters defaults;
    defaults.rounds = 100;
    defaults.depth = 6;
    defaults.learning_rate = 0.3;
    defaults.row_share = defaults.column_share = defaults.min_child_weight = defaults.l2 = 1;
    defaults.seed = seed;
    PGANALYTICS_ASSIGN(const auto trees, prediction::learn_trees(rows, target, weight, defaults));
    std::vector<double> predicted;
    for (const auto& sample : score) {
        const std::vector<float> row(sample.features.begin(), sample.features.end());
        predicted.push_back(mean + trees.predict(row));
    }
    return predicted;
}

}  // namespace

base::Result<Splits> make_splits(const Dataset& data, const PredictionFolds& folds, std::uint32_t seed) {
    if (data.size() < 2) return cannot_split("there is one sample only", "Give at least a few dozen lines.");
    switch (folds.kind) {
        case PredictionFolds::Kind::leave_group_out:
            return leave_out(data, seed);
        case PredictionFolds::Kind::time:
            return by_time(data);
        case PredictionFolds::Kind::spread:
            break;
    }
    std::vector<std::size_t> order(data.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    shuffle(order, seed);
    std::vector<int> part(data.size());
    for (std::size_t k = 0; k < order.size(); ++k)
        part[order[k]] = static_cast<int>(k % static_cast<std::size_t>(folds.count));
    return splits_by(part, folds.count, false, std::to_string(folds.count));
}

base::Result<SimplePredictions> predict_simply(const Dataset& learn, const Dataset& score, std::uint32_t seed) {
    SimplePredictions simple;
    PGANALYTICS_ASSIGN(simple.boosted_trees, plain_boosted_trees(learn, score, seed));
    std::vector<double> costs, times;
    Medians statements, groups;
    for (const auto& sample : learn) {
        costs.push_back(sample.features[prediction::total_cost_feature()]);
        times.push_back(std::log(sample.runtime_ms));
        statements.add(sample.id, times.back());
        groups.add(sample.group, times.back());
    }
    const auto fit = prediction::fit_cost(costs, times, std::vector<double>(costs.size(), 1.0));
    const double middle = prediction::median(times);
    for (const auto& sample : score) {
        simple.cost_fit.push_back(fit.log_ms(sample.features[prediction::total_cost_feature()]));
        const auto statement = sample.id.empty() ? std::nullopt : statements.of(sample.id);
        simple.template_median.push_back(groups.of(sample.group).value_or(middle));
        simple.statement_median.push_back(statement.value_or(simple.template_median.back()));
    }
    return simple;
}

base::Result<PredictionFolds> parse_prediction_folds(std::string_view words) {
    if (words == "leave-group-out") return PredictionFolds{};
    if (words == "time") return PredictionFolds{PredictionFolds::Kind::time, 0};
    const auto number = base::parse_number(words);
    if (number && *number >= 2 && *number <= 1000 && *number == std::floor(*number))
        return PredictionFolds{PredictionFolds::Kind::spread, static_cast<int>(*number)};
    return base::Error{base::ErrorCode::fix_input, fmt::format("\"{}\" is no way to split samples", words),
                       "Choose leave-group-out, time or a number from 2 to 1000.", "folds"};
}

}  // namespace pganalytics::evaluation
